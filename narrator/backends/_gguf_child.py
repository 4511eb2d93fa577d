"""The child that runs a GGUF model: checks its files, sizes it for this machine, loads it, and answers."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import psutil

from narrator.backends import _gguf_memory, _gguf_tokens
from narrator.backends._gguf_engine import Asked, LlamaEngine, Loading, Tokens, picture, user
from narrator.backends._gguf_memory import Placement, size_in_words
from narrator.backends._gguf_tokens import Family, Rule
from narrator.backends._reasoning import Reasoning
from narrator.children import Message, Parent
from narrator.engines.child import serve
from narrator.engines.failures import EngineFailed
from narrator.mailbox import Cancel, Fifo
from narrator.models import gguf_header
from narrator.models.failures import ModelError
from narrator.models.gguf_header import GgufFile

_ENGINES = {"xllamacpp": "_gguf_xllamacpp", "llama-cpp-python": "_gguf_llama_cpp"}
_TEXT = 2048
"""Tokens of the context for rules, labels, what was said and the answer."""
_STEP = 256
_LEAST_CONTEXT, _LEAST_PICTURE = 2048, 64
_HELD = 8
"""So many pictures shall find room in the budget, where a picture's tokens can be chosen."""
_BATCH, _BATCH_ON_CPU = 512, 64
"""Tokens that are read at once: between two batches a request can be cancelled."""
_MOST_THREADS = 8
_SIDES = (384, 768)
"""Least and most pixels of the longest side that a picture is sent with."""
_PLAIN_TEMPLATE = "vicuna"
"""llama.cpp's name of the template of LLaVA's first models, whose files have none."""
_PLAIN_JINJA = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}ASSISTANT: {% elif m['role'] == 'user' %}USER: {% endif %}"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}{{ c['text'] }}{% endfor %}"
    "{% endif %}{{ '\n' }}{% endfor %}ASSISTANT:"
)


def main(parent: Parent, arguments: list[str]) -> None:  # noqa: ARG001 - every child is started alike
    serve(parent, GgufModel())


class GgufModel:
    """One model and its engine."""

    def __init__(self) -> None:
        self._engine: LlamaEngine | None = None
        self._thinks_first = False

    def load(self, options: Message, tell: Callable[[str], None]) -> Message:  # noqa: ARG002 - it is quick to say
        """Raises `EngineFailed`."""
        model, projector = _checked(Path(options["model"]), Path(options["projector"]))
        engine = _engine(options["engine"])
        most = max(_LEAST_PICTURE, options["tokens"] // _HELD)
        rules, family = _gguf_tokens.rules_of(projector, most), _gguf_tokens.family_of(projector)
        context = _context(model, options["tokens"])
        devices = engine.devices()
        placement = _gguf_memory.place(model, projector, context, devices, options["gpu_layers"])
        _need(placement.memory, model)
        on_cpu = placement.gpu_layers < placement.layers
        self._engine = engine.load(
            Loading(
                model.path,
                projector.path,
                context,
                batch=_batch(family, rules, on_cpu=on_cpu),
                threads=options["threads"] or _threads(),
                gpu_layers=placement.gpu_layers,
                projector_on_gpu=placement.projector_on_gpu,
                most_tokens=most,
                template=_template(model, options["engine"]),
            )
        )
        self._thinks_first = _opens_thought(model.template)
        held = _gguf_tokens.calibrated(rules, self._count)
        return _told(model, projector, placement, self._engine) | {
            "context": context,
            "rule": held.message(),
            "expected_rule": rules[0].kind,
            "max_images": family.pictures,
            "full_side": _full_side(projector, held.kind),
            "has_card": bool(devices),
        }

    def answer(self, request: Message, cancelled: Cancel) -> Iterator[Message]:
        """Words as the engine makes them, without what the model only thinks, and what they took.

        Raises `EngineFailed`, also for an answer that was cut at the most tokens: its last words are no sentence.
        """
        asked = Asked(request["messages"], request["max_tokens"], request["temperature"])
        reasoning = Reasoning(is_begun=self._thinks_first)
        for piece in self._pieces(asked, cancelled):
            if isinstance(piece, Tokens):
                text = reasoning.flush()
                if text and not cancelled:
                    yield {"kind": "text", "text": text}
                yield {"kind": "usage", "tokens_in": piece.read, "tokens_out": piece.written, "cached": piece.cached}
                if not (piece.is_whole or cancelled):
                    raise EngineFailed("full", f"after {piece.written} tokens")
            elif text := reasoning.feed(piece):
                yield {"kind": "text", "text": text}

    def _pieces(self, asked: Asked, cancelled: Cancel) -> Iterator[str | Tokens]:
        """The engine calls back as it goes, in a thread of its own: its words, then what they took."""
        assert self._engine is not None, "it is asked once it is ready"
        pieces: Fifo[str | Tokens | Exception] = Fifo(100_000)
        thread = Thread(target=_run, args=(self._engine, asked, cancelled, pieces), name="engine", daemon=True)
        thread.start()
        while True:
            piece = pieces.get()
            if isinstance(piece, Exception):
                raise piece
            assert piece is not None
            yield piece
            if isinstance(piece, Tokens):
                return

    def _count(self, width: int, height: int) -> int:
        assert self._engine is not None
        return self._engine.count(user(picture(width, height)))


def _run(engine: LlamaEngine, asked: Asked, cancelled: Cancel, pieces: Fifo[str | Tokens | Exception]) -> None:
    try:
        pieces.put(engine.answer(asked, cancelled, pieces.put))
    except Exception as error:  # noqa: BLE001 - the top of the thread: whoever reads the pieces raises it
        pieces.put(error)


def _checked(model: Path, projector: Path) -> tuple[GgufFile, GgufFile]:
    """Both files, after their heads were read: what is wrong with them is told before an engine is asked."""
    text, sight = _read(model), _read(projector)
    if text.is_projector:
        raise EngineFailed("is_projector", str(model), file=model.name)
    if not sight.is_projector:
        raise EngineFailed("projector_unfit", f"{projector} is a {sight.architecture}")
    if not sight.fields.get("clip.has_vision_encoder", True):
        raise EngineFailed("cannot_see", str(projector))
    return text, sight


def _read(path: Path) -> GgufFile:
    try:
        return gguf_header.read(path)
    except ModelError as error:
        cause = "not_a_model" if error.cause == "not_gguf" else "model_damaged"
        raise EngineFailed(cause, f"{path}: {error.detail}", model=path.name, file=path.name) from error
    except OSError as error:
        raise EngineFailed("model_missing", str(error), model=path.name) from error


def _engine(name: str) -> ModuleType:
    try:
        return import_module(f"narrator.backends.{_ENGINES[name]}")
    except (ImportError, OSError, RuntimeError) as error:  # a native library that does not load is any of these
        raise EngineFailed("part_missing", str(error)) from error


def _context(model: GgufFile, tokens: int) -> int:
    """The budget of pictures and the text, rounded up; never more than the model was made for."""
    wanted = max(_LEAST_CONTEXT, -(-(tokens + _TEXT) // _STEP) * _STEP)
    return min(wanted, int(model.number("context_length")) or wanted)


def _batch(family: Family, rules: Sequence[Rule], *, on_cpu: bool) -> int:
    """Tokens read at once: where they are to be read whole, no fewer than the largest picture that is sent has."""
    if family.whole:
        return max(_BATCH, *(rule.cost(_SIDES[1], _SIDES[1]) for rule in rules))
    return _BATCH_ON_CPU if on_cpu else _BATCH


def _need(memory: int, model: GgufFile) -> None:
    free = psutil.virtual_memory().available
    if memory > free:
        detail = f"{model.path}: {memory} of {free} bytes"
        raise EngineFailed("will_not_fit", detail, needed=size_in_words(memory), free=size_in_words(free))


def _threads() -> int:
    """All cores of the processor but one, which the window and the program's own sight need."""
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    return max(1, min(cores, usable, _MOST_THREADS + 1) - 1)


def _template(model: GgufFile, engine: str) -> str:
    if model.template:
        return ""
    return _PLAIN_TEMPLATE if engine == "xllamacpp" else _PLAIN_JINJA


def _opens_thought(template: str) -> bool:
    """Whether the prompt itself begins a thought, so that the answer starts in its middle."""
    end = template.rpartition("add_generation_prompt")[2]
    return "<think>" in end and not re.search(r"</think>|enable_thinking", end)


def _full_side(projector: GgufFile, rule: str) -> int:
    """Pixels of the longest side of a picture that is sent whole: no more than a model of one size looks at."""
    image = int(projector.number("vision.image_size")) if rule == "fixed" else _SIDES[1]
    return min(max(image, _SIDES[0]), _SIDES[1])


def _told(model: GgufFile, projector: GgufFile, placement: Placement, engine: LlamaEngine) -> dict[str, Any]:
    return {
        "family": f"{model.architecture}, {_gguf_tokens.kind_of(projector)}",
        "gpu_layers": placement.gpu_layers,
        "layers": placement.layers,
        "projector_on_gpu": placement.projector_on_gpu,
        "memory": placement.memory,
        "prefix_cache": engine.prefix_cache,
        "has_system": "system" in model.template,
    }
