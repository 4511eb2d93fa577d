"""Answers with the lines of a script, word by word: for tests and demonstrations."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from narrator.errors import BackendError
from narrator.messages import Delta, Prompt, Reason, Run
from narrator.seams import BackendSpec, Capabilities, Context

SPEC = BackendSpec(
    id="scripted",
    title="Script",
    help="Says the lines of a TOML file, as `scripted:FILE`: [[line]] with text, and at (media seconds) if timed.",
    is_alone=True,
)
_HEARTBEAT = 0.25


def create(argument: str, context: Context) -> "Scripted":  # noqa: ARG001 - every plug-in is created alike
    return Scripted(Path(argument))


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    at: float | None


class Scripted:
    """Each request takes the next line; a line with `at` waits until the source has come that far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[_Line] = []
        self._first_word = self._word_gap = 0.0

    def open(self) -> Capabilities:
        """Raises `BackendError` when the script cannot be read."""
        try:
            script = tomllib.loads(self._path.read_text(encoding="utf-8"))
            self._first_word = float(script.get("first_word", 0.0))
            self._word_gap = float(script.get("word_gap", 0.0))
            self._lines = [_Line(str(line["text"]), line.get("at")) for line in script.get("line", [])]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            remedy = "Give a TOML file with [[line]] entries that have a text."
            raise BackendError(f"The script {self._path} cannot be read.", remedy, str(error)) from error
        is_timed = any(line.at is not None for line in self._lines)
        return Capabilities(cancels="token", streams=True, heartbeat=_HEARTBEAT if is_timed else 0.0)

    def describe(self, prompt: Prompt, run: Run) -> Iterator[Delta]:
        """The words of the next line that is due, with the script's pauses; nothing when none is."""
        if not self._is_due(prompt, run) or run.cancelled.wait(self._first_word):
            return
        line = self._lines.pop(0)
        for word in line.text.split():
            yield Delta(run, word + " ")
            if run.cancelled.wait(self._word_gap):
                return

    def token_cost(self, width: int, height: int, detail: str) -> int:  # noqa: ARG002 - a script costs nothing
        return 0

    def close(self) -> None:
        self._lines.clear()

    def _is_due(self, prompt: Prompt, run: Run) -> bool:
        if not self._lines:
            return False
        at = self._lines[0].at
        return run.media_t >= at if at is not None else prompt.reason is not Reason.HEARTBEAT
