"""Lets through of a model's answer what is worth hearing: pure."""

from collections.abc import Sequence


class Novelty:
    """Reads one answer. `said` are the lines that were heard, oldest first; `language` is the code of its language.

    `asked` are the texts of the prompt: a model that repeats them is not heard.
    """

    def __init__(self, said: Sequence[str] = (), *, asked: Sequence[str] = (), language: str = "en") -> None:
        self._said, self._asked, self._language = tuple(said), tuple(asked), language
        self.nothing_new = False
        """The answer was the marker and nothing else."""

    def feed(self, text: str) -> str:
        """What of the answer so far may be shown and spoken now."""
        return text

    def flush(self) -> str:
        """What was still held back when the answer ended."""
        return ""

    def repeats(self, clause: str) -> bool:
        """Whether this clause says what was just said."""
        return False
