"""A describer's failures in a row: when the user hears of them, and how long the describer rests. Pure."""

from dataclasses import dataclass

from narrator.errors import BackendBusy, BackendError, BackendRefused, NarratorError
from narrator.messages import Level, Notice

_FIRST_REST = 1.0
_LONGEST_REST = 30.0
_REFUSED = 120.0
"""Seconds after which it is looked again whether the user has mended it, as with a key set in a terminal."""
_PATIENT = 3
"""So many requests in a row may fail one by one before the describer rests."""


@dataclass(frozen=True, slots=True)
class Setback:
    """What follows from a failure: seconds of rest, and a notice or none."""

    rest: float
    notice: Notice | None


class Setbacks:
    """Of the describer called `title`; `others` is what a notice says of who narrates meanwhile."""

    def __init__(self, title: str, others: str = "") -> None:
        self._title, self._others = title, others
        self._in_a_row = 0
        self._back_off = 0.0
        self._told: set[str] = set()
        self._was_away = False

    def take(self, error: NarratorError) -> Setback:
        """Another failure; each sentence is told once until an answer comes."""
        self._in_a_row += 1
        rest = self._rest_after(error)
        sentence = error.sentence
        is_due = self._in_a_row >= getattr(error, "told_from", 1) and sentence not in self._told
        if not is_due:
            return Setback(rest, None)
        self._told.add(sentence)
        self._was_away |= rest > 0
        text = f"{sentence} {self._others}" if rest and self._others else sentence
        return Setback(rest, Notice(Level.ERROR if rest else Level.WARNING, text, error.remedy))

    def over(self) -> Notice | None:
        """A request was answered: the notice that the describer is back, if it was told that it was gone."""
        was_away, self._was_away = self._was_away, False
        self._told.clear()
        self._in_a_row, self._back_off = 0, 0.0
        return Notice(Level.INFO, f"{self._title} is back.") if was_away else None

    def _rest_after(self, error: NarratorError) -> float:
        if isinstance(error, BackendRefused):
            return _REFUSED
        if isinstance(error, BackendBusy) and error.rest:
            return error.rest
        if isinstance(error, BackendError) and not error.retryable and self._in_a_row < _PATIENT:
            return 0.0
        self._back_off = min(_LONGEST_REST, max(_FIRST_REST, self._back_off * 2))
        return self._back_off
