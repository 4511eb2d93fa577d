"""A loaded vision model that answers: only in the child process, where torch may be imported."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import torch

from narrator.backends import _torch_loading as loading
from narrator.backends._paligemma import FAMILY as PALIGEMMA
from narrator.backends._torch_costs import LARGE, SIZES, SMALL
from narrator.backends._torch_fitting import threads
from narrator.backends._torch_inputs import Inputs, shows_any
from narrator.backends._torch_streaming import Brake, Generation, Letters
from narrator.backends._torch_told import told
from narrator.children import Message
from narrator.engines.failures import EngineFailed
from narrator.mailbox import Cancel

_SEE_ONE = frozenset(
    [PALIGEMMA, "llava", "llava_next", "vipllava", "blip", "blip-2", "instructblip", "florence2", "git", "kosmos-2"]
)
"""Families that learnt from single pictures only, by their model cards, though some take more."""
_MOST_PICTURES = 16
_SIDE = 768
_MB = 1e6


def load(options: Message, tell: Callable[[str], None]) -> "TorchModel":  # noqa: ARG001 - an engine may tell
    """The model of `options`: folder, device, precision, memory (MB), threads, pictures. Raises `EngineFailed`."""
    torch.set_num_threads(int(options["threads"]) or _threads())
    folder = Path(options["folder"])
    loading.check(folder)
    where = loading.place(folder, options["device"], options["precision"], options["memory"] * _MB)
    return TorchModel(*loading.load(folder, where), where, int(options["pictures"]))


class TorchModel:
    """One request at a time."""

    def __init__(self, processor: Any, model: Any, where: loading.Place, pictures: int) -> None:
        self._processor, self._model, self._where = processor, model, where
        self._family = str(model.config.model_type)
        self._sees_one = self._family in _SEE_ONE
        self._pictures = pictures or (1 if self._sees_one else _MOST_PICTURES)
        self._brake = Brake(model)
        self._letters = Letters(processor.tokenizer)
        try:
            self._inputs = Inputs(processor, sees_one=self._sees_one)
            self._costs = {size: self._inputs.cost(*size) for size in SIZES}
        except (ImportError, *loading.UNREADABLE) as error:
            raise told(error, "model_unusable") from error

    def ready(self) -> Message:
        """What the parent may know of it."""
        return {
            "family": self._family,
            "max_images": self._pictures,
            "is_sheet": self._sees_one and self._pictures > 1,
            "side": self._side(),
            "costs": [(*size, tokens) for size, tokens in self._costs.items()],
            "context": self._context,
            "has_chat": self._inputs.has_chat,
            "has_system": self._inputs.has_system,
            "thinks_first": self._inputs.thinks_first,
            "has_video": self._inputs.has_video,
            "device": self._where.device,
            "form": self._where.form,
        }

    def answer(self, request: Message, cancelled: Cancel) -> Iterator[Message]:
        """To `messages`, `task`, `max_tokens`, `video`: text, then usage.

        A model that cannot chat has nothing to say where there is no picture. Raises `EngineFailed`.
        """
        try:
            if self._inputs.has_chat or shows_any(request["messages"]):
                yield from self._described(request, cancelled)
        except (ImportError, MemoryError, *loading.UNREADABLE) as error:
            raise told(error) from error

    def _described(self, request: Message, cancelled: Cancel) -> Iterator[Message]:
        inputs = self._inputs.of(request["messages"], request["task"], as_video=bool(request["video"]))
        tokens_in, most = int(inputs["input_ids"].shape[-1]), int(request["max_tokens"])
        if self._context and tokens_in + most > self._context:
            raise EngineFailed("context_too_long", str(tokens_in), limit=self._context)
        inputs = inputs.to(self._model.device, self._model.dtype)
        generation = Generation(self._model, self._letters, self._brake)
        for piece in generation.pieces(inputs, cancelled, **self._settings(most)):
            yield {"kind": "text", "text": piece}
        yield {"kind": "usage", "tokens_in": tokens_in, "tokens_out": generation.tokens, "cached": 0}
        if not cancelled and generation.tokens >= most and not generation.is_whole:
            raise EngineFailed("full", "it took the most tokens that it may")

    def _settings(self, most: int) -> dict[str, Any]:
        """The likeliest words, so that the same picture is told alike; what a checkpoint says of chance has no use."""
        chance = {"temperature": None, "top_p": None, "top_k": None}
        return {"max_new_tokens": most, "do_sample": False, "pad_token_id": self._pad(), **chance}

    def _pad(self) -> int:
        tokenizer, ends = self._processor.tokenizer, self._model.generation_config.eos_token_id
        first_end = ends[0] if isinstance(ends, list) else ends
        known = (self._model.generation_config.pad_token_id, tokenizer.pad_token_id, tokenizer.eos_token_id, first_end)
        return next((int(token) for token in known if token is not None), 0)

    @property
    def _context(self) -> int:
        text = self._model.config.get_text_config()
        return int(getattr(text, "max_position_embeddings", 0) or 0)

    def _side(self) -> int:
        """Longest side in pixels of a picture that it sees whole; more is of no use to a model of a fixed size."""
        vision = getattr(self._model.config, "vision_config", None)
        size = getattr(vision, "image_size", 0)
        is_fixed = self._costs[LARGE] == self._costs[SMALL]
        return min(_SIDE, size) if is_fixed and isinstance(size, int) and size else _SIDE


def _threads() -> int:
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    return threads(cores, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores)
