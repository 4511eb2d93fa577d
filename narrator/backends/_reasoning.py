"""Leaves out of a model's answer what it only thinks: nobody wants to hear that."""

from collections.abc import Sequence

_MARKS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[think]", "[/think]"),
    ("<|channel>thought", "<channel|>"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)
"""How thoughts begin and end, in lower case: Qwen, DeepSeek and most others; Seed; Mistral; Gemma 4; gpt-oss."""
_OPENING = tuple(opening for opening, _ in _MARKS)
_CLOSING = tuple(closing for _, closing in _MARKS)


class Reasoning:
    """Takes the thoughts out of one answer that comes in pieces; `is_begun` when the prompt already opened one."""

    def __init__(self, *, is_begun: bool = False) -> None:
        self._awaited: tuple[str, ...] = _CLOSING if is_begun else ()
        """What would end the thought; () outside of one."""
        self._held = ""
        self._is_after_thought = is_begun

    def feed(self, text: str) -> str:
        """What of the next piece may be said; the beginning of what may be a mark is kept until more comes."""
        self._held += text
        said = ""
        while True:
            marks = self._awaited or (*_OPENING, *_CLOSING)
            place, mark = _first(self._held, marks)
            if not mark:
                return said + self._let_go(len(self._held) - _begun(self._held, marks))
            said += self._let_go(place)
            self._held = self._held[len(mark) :]
            self._pass(mark)

    def flush(self) -> str:
        """What was kept, at the end of the answer; a thought that never ended is not said."""
        return self._let_go(len(self._held))

    def _let_go(self, count: int) -> str:
        """So many letters of what is held: as words to say, or as part of a thought, ''."""
        taken, self._held = self._held[:count], self._held[count:]
        if self._awaited:
            return ""
        if self._is_after_thought:
            taken = taken.lstrip()
            self._is_after_thought = not taken
        return taken

    def _pass(self, mark: str) -> None:
        """A mark was read. An end without a beginning is left out alone: what came before it was said already."""
        opened = [closing for opening, closing in _MARKS if opening == mark]
        self._awaited = tuple(opened)
        self._is_after_thought = not opened


def opens_thought(prompt: str) -> bool:
    """Whether the end of a prompt begins a thought, so that the answer starts in its middle."""
    reasoning = Reasoning()
    reasoning.feed(prompt)
    return not (reasoning.feed("a") + reasoning.flush())


def is_part_of_mark(token: str) -> bool:
    """Whether a mark of thoughts begins or ends with a token, which then has to be read and is no decoration."""
    lowered = token.lower()
    return len(token) > 1 and any(mark.startswith(lowered) or mark.endswith(lowered) for mark in _OPENING + _CLOSING)


def _first(text: str, marks: Sequence[str]) -> tuple[int, str]:
    """Where the first of the marks stands, and which; the end and "" when there is none."""
    lowered = text.lower()
    found = [(lowered.find(mark), mark) for mark in marks if mark in lowered]
    return min(found, key=lambda entry: (entry[0], -len(entry[1])), default=(len(text), ""))


def _begun(text: str, marks: Sequence[str]) -> int:
    """How many of the last letters may be the beginning of a mark."""
    lowered = text.lower()
    longest = max(map(len, marks)) - 1
    for count in range(min(longest, len(text)), 0, -1):
        if any(mark.startswith(lowered[-count:]) for mark in marks):
            return count
    return 0
