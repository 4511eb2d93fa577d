"""What text reads: lines that belong together are joined, what is long is cut, what was heard is known again."""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from narrator.language.phrasing import normal, speakable
from narrator.messages import Box, TextLine
from narrator.wording.grammar import Grammar

SURE = 0.8
"""Confidence from which a line is told; from `_READABLE` on it is told on request, as doubtful."""
_READABLE = 0.6
_ALIKE = 0.8
"""Two readings with this much in common (`difflib` ratio) are of one text: an edit distance of about 20 %."""


def reading(grammar: Grammar, lines: Sequence[TextLine], words: int, *, with_doubtful: bool = False) -> list[str]:
    """A sentence with what the lines read, of at most `words` words, or nothing."""
    sure = _joined(grammar, [line for line in lines if line.score >= SURE], words)
    if sure:
        return [grammar.sentence("text", text=sure)]
    doubtful = _joined(grammar, [line for line in lines if line.score >= _READABLE], words) if with_doubtful else ""
    return [grammar.sentence("text_doubtful", text=doubtful)] if doubtful else []


def read_out(grammar: Grammar, said: Iterable[str]) -> list[str]:
    """What these lines said that text reads."""
    openings = [grammar.sentences[key].partition("{text}")[0] for key in ("text", "text_doubtful")]
    return [line.partition(opening)[2] for line in said for opening in openings if opening in line]


def is_among(text: str, others: Iterable[str]) -> bool:
    """Whether a text is, but for a few letters, one of the others or a part of one."""
    wanted = normal(speakable(text))
    return any(
        _likeness(wanted, part) >= _ALIKE for other in others for part in _parts(normal(speakable(other)), wanted)
    )


def _parts(text: str, pattern: str) -> list[str]:
    """All stretches of the text with as many words as the pattern, and one word more or less where spaces got lost."""
    words, length = text.split(), len(pattern.split())
    return [
        " ".join(words[start : start + size])
        for size in {max(1, length - 1), length, length + 1}
        for start in range(max(1, len(words) - size + 1))
    ]


def _likeness(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b, autojunk=False).ratio()


def _joined(grammar: Grammar, lines: Sequence[TextLine], limit: int) -> str:
    """The lines as one text of at most `limit` words; blocks stand apart by commas."""
    kept: list[str] = []
    for block in _blocks(lines):
        words = block.split()
        room = limit - sum(len(text.split()) for text in kept)
        if len(words) > room:
            kept += [" ".join(words[:room])] if room else []
            return grammar.fill("text_goes_on", text=grammar.sequence(kept))
        kept.append(block)
    return grammar.sequence(kept) if kept else ""


def _blocks(lines: Sequence[TextLine]) -> list[str]:
    """The texts of lines that stand close together, each block as one text."""
    blocks: list[str] = []
    above: TextLine | None = None
    for line in lines:
        text = speakable(line.text)
        if not normal(text):
            continue
        if above is not None and _continues(above.box, line.box):
            blocks[-1] += " " + text
        else:
            blocks.append(text)
        above = line
    return blocks


def _continues(above: Box, below: Box) -> bool:
    """Whether the lower line goes on what the upper one began: beside it, or right under it and as tall."""
    height = min(above.height, below.height)
    if abs(above.centre_y - below.centre_y) < height / 2:
        return 0 <= below.left - above.right < 2 * height
    is_under = -height / 2 < below.top - above.bottom < height
    overlaps = min(above.right, below.right) > max(above.left, below.left)
    return is_under and overlaps and max(above.height, below.height) < 2 * height
