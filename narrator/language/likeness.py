"""Whether two lines tell the same: pure. When in doubt they do not, for what is dropped is never heard.

A line that is much like another one may be real news: "comes in" and "leaves", "red" and "blue" differ by one word. So
every word that carries meaning must be in the other line, too, in its order; only then the share of words in common
counts.
"""

import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from rapidfuzz.distance import Indel, LCSseq

from narrator.resources import resource

ALIKE = 0.8
"""WorldScribe (UIST 2024) speaks a line that is less similar than this to each of the last three."""
_INFLECTED = 6
"""Words of so many letters or more are taken for forms of one word when only their last two letters differ."""
_ENDING = 2
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x3400, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
"""Thai and Lao, Burmese, Khmer, kana, Han: scripts without spaces between words are compared sign by sign."""
_SIGNS = ("Sc", "Sm", "So")


@dataclass(frozen=True, slots=True)
class Words:
    """What a language's small words do to a line; all empty for a language that is not known."""

    light: frozenset[str] = frozenset()
    turning: frozenset[str] = frozenset()
    joining: frozenset[str] = frozenset()


@cache
def heard() -> Mapping[str, Any]:
    """The data file about words."""
    return tomllib.loads(resource("prompts/heard.toml").read_text(encoding="utf-8"))


@cache
def words_of(language: str) -> Words:
    """The small words of a language by its BCP 47 code."""
    known = heard().get(language.casefold().replace("_", "-").partition("-")[0], {})
    return Words(*(frozenset(known.get(name, ())) for name in ("light", "turning", "joining")))


def content(text: str, words: Words) -> list[str]:
    """The words that carry meaning; all of them when there are no others."""
    every = list(tokens(text))
    return [token for token in every if token not in words.light] or every


def tokens(text: str) -> Iterator[str]:
    """Words, numbers, and signs that change a number, in small letters; one sign each in scripts without spaces."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("n't", " not")
    word = ""
    for place, letter in enumerate(text):
        category = unicodedata.category(letter)
        if category[0] in "LMN" and not _is_unspaced(letter):
            word += letter
            continue
        if word:
            yield word
        word = ""
        if category[0] in "LMN" or category in _SIGNS or letter == "%" or _is_minus(text, place):
            yield letter
    if word:
        yield word


def tells_the_same(new: Sequence[str], old: Sequence[str], words: Words) -> bool:
    """Whether `new` adds nothing to `old`; both are what `content` gives."""
    if not new or not old:
        return False
    new = [_counterpart(token, old) for token in new]
    extra = Counter(old) - Counter(new)
    if Counter(new) - Counter(old) or (extra and not _may_be_left_out(extra, words)):
        return False
    turns = (new[place:] + new[:place] for place in range(len(new)))
    return any(_is_within(turn, old) for turn in turns) and Indel.normalized_similarity(new, old) >= _least(extra)


def _least(extra: Mapping[str, int]) -> float:
    """A line that was turned round ("On the left a dog" for "A dog on the left") is judged by its order alone."""
    return ALIKE if extra else 0.0


def _is_within(new: Sequence[str], old: Sequence[str]) -> bool:
    return bool(LCSseq.similarity(new, old) == len(new))


def _may_be_left_out(extra: Mapping[str, int], words: Words) -> bool:
    """What `old` has in addition is no number and turns no meaning; of a language that is not known nobody can say."""
    return bool(words.turning) and all(token.isalpha() and token not in words.turning for token in extra)


def _counterpart(token: str, old: Sequence[str]) -> str:
    return token if token in old else next((other for other in old if _are_forms(token, other)), token)


@lru_cache(maxsize=4096)
def _are_forms(one: str, other: str) -> bool:
    """Whether both are forms of one word: sits, sitting; linken, linker. A plural is another word: it is news."""
    if not (one.isalpha() and other.isalpha()):
        return False
    if one.endswith("ing") != other.endswith("ing"):
        return one[:3] == other[:3] and bool(_stems(one) & _stems(other))
    if min(len(one), len(other)) < _INFLECTED or one.startswith(other) or other.startswith(one):
        return False
    shared = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    return max(len(one), len(other)) - shared <= _ENDING


def _stems(word: str) -> set[str]:
    """What may be left of an English verb without its ending."""
    if word.endswith("ing") and len(word) > len("ing") + 1:
        stem = word.removesuffix("ing")
        return {stem, stem + "e", stem[:-1] if stem[-1:] == stem[-2:-1] else stem}
    return {word, word.removesuffix("s"), word.removesuffix("es")}


def _is_unspaced(letter: str) -> bool:
    return any(low <= ord(letter) <= high for low, high in _UNSPACED)


def _is_minus(text: str, place: int) -> bool:
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    return text[place] in "-−" and after.isdigit() and not before.isalnum()
