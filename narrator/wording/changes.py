"""Which of the news about things still hold, and what of them belongs together. Knows no language."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import hypot

from narrator.messages import Box, News, NewsKind, Track

MOTIONS = (NewsKind.COMES_CLOSER, NewsKind.GOES_AWAY, NewsKind.MOVES_LEFT, NewsKind.MOVES_RIGHT)
_SAME_PLACE = 0.15
"""Distance of two boxes' centres, in parts of the picture, up to which one may be the other, lost and found again."""
_EDGE = 0.08
"""How near to an edge, in parts of the picture, a thing was last seen that left over it."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What came, went and moved since the listener last heard, and how many of each class there are."""

    arrivals: tuple[Track, ...]
    """As they are now, still there."""
    departures: tuple[Track, ...]
    """As they were last seen, gone."""
    motions: tuple[tuple[NewsKind, Track], ...]
    """The newest motion of each thing that is there and did not just come."""
    now: Counter[str]

    @property
    def before(self) -> Counter[str]:
        """How many of each class there were."""
        came, went = (Counter(track.label for track in tracks) for tracks in (self.arrivals, self.departures))
        return Counter(
            {label: max(0, n) for label in self.now | went if (n := self.now[label] - came[label] + went[label])}
        )


def since_cut(news: Sequence[News]) -> Sequence[News]:
    """What came after the last cut: before it was another scene."""
    cuts = [index for index, each in enumerate(news) if each.kind is NewsKind.CUT]
    return news[cuts[-1] + 1 :] if cuts else news


def changes(tracks: Iterable[Track], news: Sequence[News], kind: Callable[[str], str]) -> Changes:
    """What of the news still holds with these tracks; `kind` tells which classes the detector may confuse."""
    here = {track.id: track for track in tracks}
    entered = {each.track.id: each.track.entered_from for each in news if each.track and each.kind is NewsKind.APPEARED}
    left = {each.track.id: each.track for each in news if each.track and each.kind is NewsKind.LEFT}
    arrivals = [_from(here[id_], edge) for id_, edge in entered.items() if id_ in here]
    departures = [track for id_, track in left.items() if id_ not in entered and id_ not in here]
    arrivals, departures = _without_lost_and_found(arrivals, departures, kind)
    motions = {each.track.id: each.kind for each in news if each.track and each.kind in MOTIONS}
    moving = [(motion, here[id_]) for id_, motion in motions.items() if id_ in here and id_ not in entered]
    return Changes(tuple(arrivals), tuple(departures), tuple(moving), Counter(track.label for track in here.values()))


def exit_edge(box: Box) -> str:
    """ "left" or "right" when a thing was last seen at that edge, else an empty text."""
    if box.left <= _EDGE and box.right < 1 - _EDGE:
        return "left"
    if box.right >= 1 - _EDGE and box.left > _EDGE:
        return "right"
    return ""


def _from(track: Track, edge: str) -> Track:
    """The track as it is now; it keeps the edge it came over."""
    return track if track.entered_from == edge else replace(track, entered_from=edge)


def _without_lost_and_found(
    arrivals: list[Track], departures: list[Track], kind: Callable[[str], str]
) -> tuple[list[Track], list[Track]]:
    """Drop pairs of one that went and one that came in the same place: the detector lost it and found it again."""
    arrivals = list(arrivals)
    gone = []
    for departure in departures:
        found = next((a for a in arrivals if kind(a.label) == kind(departure.label) and _is_near(a, departure)), None)
        if found is None:
            gone.append(departure)
        else:
            arrivals.remove(found)
    return arrivals, gone


def _is_near(a: Track, b: Track) -> bool:
    return hypot(a.box.centre_x - b.box.centre_x, a.box.centre_y - b.box.centre_y) <= _SAME_PLACE
