"""What of a torch model's answer is said: its words as they come, made sentences, or what its tokens mean."""

from typing import Protocol

from narrator.backends import _paligemma as paligemma
from narrator.backends._reasoning import Reasoning

_ENDS = (".", "!", "?", "…", "。", "।", ":", ";")


class Speech(Protocol):
    """Of one answer that comes in pieces."""

    def feed(self, text: str) -> str:
        """What may be said after the next piece."""

    def rest(self, *, is_whole: bool) -> str:
        """What is left at the end; the answer was cut off unless it `is_whole`."""


class Words:
    """A chatting model's, without what it only thinks; it `thinks_first` when the prompt began the thought."""

    def __init__(self, *, thinks_first: bool = False) -> None:
        self._reasoning = Reasoning(is_begun=thinks_first)

    def feed(self, text: str) -> str:
        return self._reasoning.feed(text)

    def rest(self, *, is_whole: bool) -> str:  # noqa: ARG002 - what was kept back is said in any case
        return self._reasoning.flush()


class Sentence:
    """A caption: it comes in small letters and without a full stop, and perhaps with marks of the model's own."""

    def __init__(self) -> None:
        self._last = ""

    def feed(self, text: str) -> str:
        text = paligemma.without_marks(text)
        if not self._last:
            text = text.lstrip()
            text = text[:1].upper() + text[1:]
        self._last = text.rstrip() or self._last
        return text

    def rest(self, *, is_whole: bool) -> str:
        return "." if is_whole and self._last and not self._last.endswith(_ENDS) else ""


class Parsed:
    """An answer of boxes or letters, which means something only once it is there."""

    def __init__(self, task: str, language: str, words: str) -> None:
        self._task, self._language, self._words = task, language, words
        self._text = ""

    def feed(self, text: str) -> str:
        self._text += text
        return ""

    def rest(self, *, is_whole: bool) -> str:
        """Boxes that came before a cut are good; that there is none is known only at the end."""
        words = self._words if is_whole else ""
        return paligemma.told(self._task, self._text, self._language, words)
