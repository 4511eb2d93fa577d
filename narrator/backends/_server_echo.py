"""Keeps a prompt that a model repeats from being spoken: what stands in the prompt word for word is no answer."""

import re
from collections.abc import Sequence

from narrator.messages import Prompt

_LEAST = 32
"""So many letters and digits in a row must be those of the prompt until it counts as repeated; less is chance."""
_ROLE = re.compile(r"^\W*(assistant|model|user|system)\b\W*", re.IGNORECASE)


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
            if _letters(self._held) in self._prompt:
                return ""
            piece, self._held = self._without_repetition(self._held), ""
            self._is_answer = True
        if piece.endswith("\n"):
            self._is_answer = False
        return piece

    def _without_repetition(self, text: str) -> str:
        """A text that begins with words of the prompt, from where it differs."""
        words = list(re.finditer(r"\S+\s*", text))
        low, high = 0, len(words)
        while low < high:  # the most words that are the prompt's
            middle = (low + high + 1) // 2
            low, high = (middle, high) if _letters(text[: words[middle - 1].end()]) in self._prompt else (low, middle - 1)
        end = words[low - 1].end() if low else 0
        if not self._is_repeated(text[:end]):
            return text
        self.has_repeated = True
        return _ROLE.sub("", text[end:])

    def _is_repeated(self, text: str) -> bool:
        letters = _letters(text)
        enough = 1 if self.has_repeated else _LEAST
        return len(letters) >= enough and letters in self._prompt


def _letters_of(prompt: Prompt) -> str:
    """The prompt without what was said before: that a model may well say again."""
    turns = (part for turn in prompt.turns if turn.role == "user" for part in turn.parts)
    texts: Sequence[str] = [part for part in (prompt.system, *turns, *prompt.parts) if isinstance(part, str)]
    letters = "".join(map(_letters, texts))
    for line in sorted(map(_letters, prompt.said), key=len, reverse=True):
        letters = letters.replace(line, "\n") if line else letters
    return letters


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
