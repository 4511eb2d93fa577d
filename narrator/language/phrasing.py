"""Turns deltas into clauses that can be spoken: pure. A clause goes out as soon as it is whole."""

import re
import unicodedata
from collections.abc import Callable, Sequence

_TITLES = frozenset(["dr", "mr", "mrs", "ms", "prof", "st", "no", "nr", "vs", "mt", "ft", "sr", "jr", "fig", "approx"])
"""Words whose full stop never ends a sentence."""
_MAYBE_LAST = frozenset(["a.m", "p.m", "e.g", "i.e", "etc", "inc", "ltd", "co", "u.s", "u.k"])
"""Words whose full stop ends a sentence only before a capital."""
_END = re.compile(r"(?:(?<!\.)\.(?!\.)|[!?])[\"'”’)\]]*(?=\s)|[。！？]")
_COMMA = re.compile(r",(?=\s)")
_WORDS_BEFORE_COMMA = 4
_QUOTES = (('"', '"'), ("“", "”"), ("„", "“"), ("«", "»"), ("「", "」"))
_PAIR = 2
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_URL = re.compile(r"https?://\S+|www\.\S+")
_LIST_MARK = re.compile(r"(?m)^\s*(?:#{1,6}|[-*•]|\d+[.)])\s+")
_EMPHASIS = re.compile(r"[*_`~#]+(?=\w)|(?<=[\w.,!?])[*_`~#]+|(?<!\w)[*_`~]+(?!\w)")


def _never(_: str) -> bool:
    return False


class Clauses:
    """Collects one run's deltas. At a stop sequence the answer ends; neither it nor what follows is spoken.

    The first clause may end at a comma, so that speech begins early, unless `waits` says of it that its sentence is
    better judged whole. Of an answer that broke off, whole clauses have been given out: `flush` is not called then.
    """

    def __init__(self, stops: Sequence[str] = (), *, waits: Callable[[str], bool] = _never) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._waits = waits
        self._tail = ""
        self._is_first = True
        self.stopped = False
        """A stop sequence came: nothing that follows matters."""

    def feed(self, text: str) -> list[str]:
        """The clauses that this delta completes, ready to be spoken."""
        if self.stopped:
            return []
        self._tail += text
        self._stop()
        clauses = []
        while (end := _sentence_end(self._sure)) is not None:
            clauses.append(self._cut(end))
        if self._is_first and (end := _early_comma(self._sure)) is not None and not self._waits(self._tail[:end]):
            clauses.append(self._cut(end))
        return [clause for clause in clauses if clause]

    def flush(self) -> list[str]:
        """What is left at the end of the run."""
        rest = self._cut(len(self._tail))
        return [rest] if rest else []

    @property
    def _sure(self) -> str:
        """The tail without an end that may become a stop sequence."""
        starts = (stop[:length] for stop in self._stops for length in range(len(stop) - 1, 0, -1))
        held = max((len(start) for start in starts if self._tail.endswith(start)), default=0)
        return self._tail[: len(self._tail) - held]

    def _stop(self) -> None:
        places = [place for stop in self._stops if (place := self._tail.find(stop)) >= 0]
        if places:
            self._tail, self.stopped = self._tail[: min(places)], True

    def _cut(self, end: int) -> str:
        clause, self._tail = speakable(self._tail[:end]), self._tail[end:]
        self._is_first = self._is_first and not clause
        return clause


def speakable(text: str) -> str:
    """The text without Markdown, addresses, emoji, needless space, and quotation marks around all of it."""
    text = _URL.sub("", _LINK.sub(r"\1", text))
    text = _EMPHASIS.sub("", _LIST_MARK.sub("", text))
    text = "".join(
        mark for mark in text if unicodedata.category(mark) not in ("So", "Sk", "Cf", "Cc") or mark in "\n\t°"
    )
    return _without_lone_quotes(" ".join(text.split()))


def normal(text: str) -> str:
    """The bare words, for comparing."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def _without_lone_quotes(text: str) -> str:
    """An answer that stands in quotation marks as a whole leaves one at the end of a clause, or both around it."""
    for left, right in _QUOTES:
        count = sum(text.count(mark) for mark in {left, right})
        is_around = count == _PAIR and text.startswith(left) and text.endswith(right)
        if is_around or (count % 2 and text.startswith(left)):
            text = text.removeprefix(left)
        if is_around or (count % 2 and text.endswith(right)):
            text = text.removesuffix(right)
    return text.strip()


def _sentence_end(text: str) -> int | None:
    for match in _END.finditer(text):
        if not _is_abbreviation(text, match.start()):
            return match.end()
    return None


def _is_abbreviation(text: str, stop: int) -> bool:
    """True when the full stop at `stop` belongs to a word such as "Dr." or an initial."""
    if text[stop] != ".":
        return False
    word = re.split(r"[\s(\[\"'“‘]", text[:stop])[-1].casefold()
    following = text[stop + 1 :].lstrip()
    if word in _MAYBE_LAST:
        return not following[:1].isupper()
    if word == "no":
        return not following or following[:1].isdigit()
    return word in _TITLES or (len(word) == 1 and word.isalpha() and word != "i")


def _early_comma(text: str) -> int | None:
    """The first comma after four words or more: the first clause may be spoken early."""
    for match in _COMMA.finditer(text):
        if len(text[: match.start()].split()) >= _WORDS_BEFORE_COMMA:
            return match.end()
    return None
