"""PaliGemma's tasks: what it is asked in which language, and what its answers are in words. Pure."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from narrator.resources import resource

FAMILY = "paligemma"
"""`model_type` of both generations."""
TASKS = ("cap", "caption", "describe", "ocr", "answer", "question", "detect")
_FILE = "catalogue/paligemma.toml"
_GRID = 1024
"""Places that a side is divided into, by the model card: `<loc0512>` is the middle."""
_BOX = re.compile(r"((?:<loc\d{4}>){4})\s*([^;<]*)")
_PLACE = re.compile(r"<loc(\d{4})>")
_MARK = re.compile(r"<(?:loc|seg)\d+>")
_THIRD = 1 / 3
_EACH = 3
"""So many things are told with a place each; of more it is told how many are where."""
_CODE = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Found:
    """A thing that was found; its box in parts of the picture, 0 to 1."""

    label: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def place(self) -> str:
        """left, centre or right."""
        middle = (self.left + self.right) / 2
        return "left" if middle < _THIRD else "right" if middle > 1 - _THIRD else "centre"


def language(code: str) -> str:
    """Its own code for a language by BCP 47, "" for one that it did not learn."""
    match = _CODE.match(code.lower())
    plain = match[0] if match else ""
    known = _data()["languages"]
    plain = known["aliases"].get(plain, plain)
    return plain if plain in known["codes"] else ""


def asked(task: str, code: str, words: str = "") -> str:
    """The prompt of a task in a language; `words` are a question, an answer, or things with ; between them."""
    if task == "detect":
        words = " ; ".join(_listed(words))
    template: str = _data()["tasks"][task]
    return " ".join(template.format(language=language(code) or "en", words=words).split())


def told(task: str, answer: str, code: str, words: str = "") -> str:
    """What an answer says, fit to be spoken; empty when it says nothing."""
    if task == "detect":
        return counted(found(answer), code) or _nothing(words, code)
    plain = " ".join(without_marks(answer).split())
    if task == "ocr":
        return _words(code)["text"].format(text=plain) if plain else ""
    return plain


def without_marks(text: str) -> str:
    """Without places and outlines."""
    return _MARK.sub("", text)


def found(answer: str) -> tuple[Found, ...]:
    """The boxes of an answer to `detect`: top, left, bottom and right on the grid, then what it is."""
    things = []
    for places, label in _BOX.findall(answer):
        top, left, bottom, right = (min(int(place), _GRID) / _GRID for place in _PLACE.findall(places))
        if label.strip() and right > left and bottom > top:
            things.append(Found(label.strip(), left, top, right, bottom))
    return tuple(things)


def counted(things: Sequence[Found], code: str = "en") -> str:
    """ "3 cups: left, centre, right. 1 dog: left." """
    labels = dict.fromkeys(thing.label for thing in things)
    return " ".join(_sentence(label, [thing for thing in things if thing.label == label], code) for label in labels)


def _sentence(label: str, things: Sequence[Found], code: str) -> str:
    words, count = _words(code), len(things)
    places = [thing.place for thing in sorted(things, key=lambda thing: thing.left + thing.right)]
    if count <= _EACH:
        where = [words[place] for place in places]
    else:
        where = [f"{number} {words[place]}" for place, number in Counter(places).items()]
    return f"{count} {_plural(label, code) if count > 1 else label}: {', '.join(where)}."


def _nothing(words: str, code: str) -> str:
    listed = _listed(words)
    return str(_words(code)["none"]).format(words=_words(code)["or"].join(listed)) if listed else ""


def _listed(words: str) -> list[str]:
    return list(_parts(words))


def _parts(words: str) -> Iterator[str]:
    for part in words.split(";"):
        if part.strip():
            yield part.strip()


def _plural(label: str, code: str) -> str:
    """Of an English noun, whose last word it is; what another language makes of one is not known, so it stays."""
    if (language(code) or "en") != "en":
        return label
    before, space, noun = label.rpartition(" ")
    irregular = _data()["plurals"].get(noun)
    if irregular:
        return f"{before}{space}{irregular}"
    if re.search(r"(s|x|z|ch|sh)$", noun):
        return f"{label}es"
    if re.search(r"[^aeiou]y$", noun):
        return f"{label[:-1]}ies"
    return f"{label}s"


def _words(code: str) -> Mapping[str, str]:
    told: Mapping[str, Mapping[str, str]] = _data()["told"]
    return told.get(language(code), told["en"])


@cache
def _data() -> Mapping[str, Any]:
    return tomllib.loads(resource(_FILE).read_text(encoding="utf-8"))
