"""The program's side of a GGUF model: it has the child load it, asks it, and plans with what its pictures cost."""

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from narrator.backends import _gguf_choice
from narrator.backends._chat import messages, newer_half
from narrator.backends._gguf_tokens import Rule
from narrator.engines.failures import ContextTooLong
from narrator.engines.parent import Engine
from narrator.messages import Delta, Level, Notice, Prompt, Run, Usage
from narrator.models import machine
from narrator.seams import Capabilities, Context, frame_lasts

_log = logging.getLogger(__name__)
_TITLE = "llama.cpp"
_HEARTBEAT = 30.0
_CORRECTION, _MOST_CORRECTION = 1.25, 4.0
"""What a picture's cost is multiplied by when the pictures did not fit, and the most that this comes to."""
_STEPS_BACK_AFTER = 20
"""So many answers in a row for which the pictures fitted: the correction is taken back by a step."""


class Gguf:
    """One model from `open` to `close`; opened again before that, a fresh child loads it."""

    def __init__(self, argument: str, context: Context) -> None:
        self._argument, self._context = argument, context
        self._engine = Engine("gguf", _TITLE)
        self._is_closed = False
        self._rule = Rule("fixed", tokens=1)
        self._correction, self._fitted = 1.0, 0
        self._has_system = True
        self._told_of: Path | None = None
        self._was_told = False

    def open(self) -> Capabilities:
        """Load the model in a child of its own. Raises `BackendError`, and `Closed` when it is closed meanwhile."""
        if self._is_closed:
            self._engine, self._is_closed = Engine("gguf", _TITLE), False
        engine, options = self._engine, self._context.options
        chosen = _gguf_choice.chosen(self._argument, options)
        engine.model = chosen.title
        wanted = {
            "engine": _gguf_choice.engine(options),
            "model": str(chosen.model),
            "projector": str(chosen.projector),
            "tokens": int(self._context.number("history.tokens")),
            "gpu_layers": int(self._context.number("gguf.gpu_layers")),
            "threads": int(self._context.number("gguf.threads")),
        }
        if chosen.model != self._told_of:  # a model that does not load is tried again and again
            self._tell(f"{chosen.title} is loading.")
            self._told_of = chosen.model
        ready = engine.load(wanted, self._tell)
        if not ready["projector_on_gpu"]:
            engine.expect(self._context.number("gguf.first_word_within"))
        self._learn(ready)
        self._tell(f"{chosen.title} describes, {_where(ready)}.", _unused_card(ready))
        self._was_told = True
        return self._capabilities(ready)

    def describe(self, prompt: Prompt, run: Run) -> Iterator[Delta | Usage]:
        """Yield the answer's words as they come, and its tokens.

        When the pictures do not fit, the newer half of them is asked about at once, and fewer for a while.
        """
        try:
            yield from self._answer(prompt, run)
            if not run.cancelled:
                self._fits()
        except ContextTooLong as error:
            fewer = newer_half(prompt)
            if fewer is None:
                raise
            self._correction, self._fitted = min(_MOST_CORRECTION, self._correction * _CORRECTION), 0
            _log.info("%s With the newer half of them it is asked again.", error.sentence)
            yield from self._answer(fewer, run)

    def token_cost(self, width: int, height: int, detail: str) -> int:  # noqa: ARG002 - there is but one level
        return math.ceil(self._rule.cost(width, height) * self._correction)

    def close(self) -> None:
        self._is_closed = True
        self._engine.close()

    def _fits(self) -> None:
        """What was too dear once, as a picture of an odd shape, does not lessen the memory for ever."""
        self._fitted += 1
        if self._fitted >= _STEPS_BACK_AFTER:
            self._correction, self._fitted = max(1.0, self._correction / _CORRECTION), 0

    def _answer(self, prompt: Prompt, run: Run) -> Iterator[Delta | Usage]:
        if run.cancelled:
            return
        request = {
            "messages": messages(prompt, has_system=self._has_system),
            "max_tokens": prompt.max_tokens,
            "temperature": self._context.number("gguf.temperature"),
        }
        within = (self._context.number(f"gguf.{name}_within") for name in ("first_word", "answer"))
        for message in self._engine.ask(request, run.cancelled, *within):
            if message["kind"] == "text":
                yield Delta(run, message["text"])
            elif message["kind"] == "usage":
                yield Usage(run, message["tokens_in"], message["tokens_out"], message["cached"])

    def _learn(self, ready: dict[str, Any]) -> None:
        self._rule, self._correction = Rule.of_message(ready["rule"]), 1.0
        self._fitted = 0
        self._has_system = ready["has_system"]
        _log.info("%s is loaded: %s", self._engine.model, ready)
        if self._rule.kind != ready["expected_rule"]:
            _log.warning(
                "A picture's tokens are %s, not %s, of a %s", self._rule, ready["expected_rule"], ready["family"]
            )

    def _capabilities(self, ready: dict[str, Any]) -> Capabilities:
        return Capabilities(
            max_images=ready["max_images"],
            full_side=ready["full_side"],
            system_prompt=True,
            context_tokens=ready["context"],
            prefix_cache=ready["prefix_cache"] and ready["max_images"] > 1,
            streams=True,
            cancels="process",
            heartbeat=_HEARTBEAT,
            frame_lasts=frame_lasts(self._context.number("gguf.first_word_within")),
            first_word_within=self._context.number("gguf.first_word_within"),
            answer_within=self._context.number("gguf.answer_within"),
        )

    def _tell(self, sentence: str, remedy: str = "") -> None:
        """Of a model that is started again after a failure nothing is told: whoever noted the failure tells its end."""
        if not self._was_told:
            self._context.notify(Notice(Level.INFO, sentence, remedy))


def _unused_card(ready: dict[str, Any]) -> str:
    """What to do where there is a graphics card and the engine is not built for it."""
    if ready["has_card"] or not machine.first_look().gpu:
        return ""
    return f"It cannot use the graphics card. {machine.LLAMA_BUILDS}"


def _where(ready: dict[str, Any]) -> str:
    on_card, layers = ready["gpu_layers"], ready["layers"]
    if on_card >= layers:
        return "on the graphics card"
    return f"with {on_card} of {layers} layers on the graphics card" if on_card else "on the processor"
