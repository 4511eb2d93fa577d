"""Keeps a prompt that a model repeats from being spoken: what stands in the prompt word for word is no answer."""

import re
from bisect import bisect_left
from collections.abc import Sequence

from narrator.messages import Prompt

_LEAST = 32
"""So many letters and digits in a row must be those of the prompt until it counts as repeated; less is chance."""
_LEAST_MORE = 10
"""The same, where something was repeated before."""
_ROLES = ("assistant", "model", "user", "system")
_ROLE = re.compile(rf"^\W*({'|'.join(_ROLES)})\s*(:|\n)\s*", re.IGNORECASE)


class Echo:
    """Takes an answer's text as it comes and gives back what is no repetition, as soon as that is certain."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = _letters_of(prompt)
        self._held = ""
        self._is_answer = False
        self.has_repeated = False

    def feed(self, text: str) -> str:
        """What of the text so far may be spoken now."""
        if self._is_answer and "\n" not in text:
            return text
        told = ""
        for piece in re.split(r"(?<=\n)", text):
            told += self._fed(piece)
        return told

    def rest(self) -> str:
        """What was held back and is too short to be a repetition."""
        held, self._held = self._held, ""
        if self._is_repeated(held):
            self.has_repeated = True
            return ""
        return held

    def _fed(self, piece: str) -> str:
        """A piece that has no line's end but at its own."""
        if not self._is_answer:
            self._held += piece
            if self._may_still_repeat():
                return ""
            piece, self._held = self._held, ""
            self._is_answer = True
        if piece.endswith("\n"):
            self._is_answer = False
        return piece

    def _may_still_repeat(self) -> bool:
        """Leave out of what is held what is repeated for certain: False when the rest is answer."""
        while not (_letters(self._held) in self._prompt or (self.has_repeated and _begins_role(self._held))):
            differs = self._without_repetition(self._held)
            if differs == self._held:
                return False
            self._held = differs
        return True

    def _without_repetition(self, text: str) -> str:
        """A text that begins with words of the prompt, from where it differs."""
        ends = [word.end() for word in re.finditer(r"\S+\s*", text)]
        end = bisect_left(ends, True, key=lambda place: _letters(text[:place]) not in self._prompt)
        end = ends[end - 1] if end else 0
        if self._is_repeated(text[:end]):
            self.has_repeated, text = True, text[end:]
        return _ROLE.sub("", text) if self.has_repeated else text

    def _is_repeated(self, text: str) -> bool:
        letters = _letters(text)
        return len(letters) >= (_LEAST_MORE if self.has_repeated else _LEAST) and letters in self._prompt


def _letters_of(prompt: Prompt) -> str:
    """The prompt without what was said before: that a model may well say again."""
    turns = (part for turn in prompt.turns if turn.role == "user" for part in turn.parts)
    texts: Sequence[str] = [part for part in (prompt.system, *turns, *prompt.parts) if isinstance(part, str)]
    letters = "".join(map(_letters, texts))
    for line in sorted(map(_letters, prompt.said), key=len, reverse=True):
        letters = letters.replace(line, "\n") if line else letters
    return letters


def _begins_role(text: str) -> bool:
    """Whether it may become the name of a role, as "Assistant:"."""
    return any(role.startswith(text.strip().casefold()) for role in _ROLES)


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
