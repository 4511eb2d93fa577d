"""The rolling frame buffer: the newest frames large, older ones smaller and fewer, each encoded once per size."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from narrator.memory.encoding import encode, pyramid, shrunk
from narrator.memory.layouts import SIDES, Planned, Shot, View
from narrator.memory.sheets import Sheets, clock
from narrator.messages import EncodedPicture, Frame, Moment, PromptPicture

_LARGE_FOR = 8.0
_MIDDLE_FOR = 60.0
_KEPT_FOR = 600.0
_SHARP_FOR = 3.0
"""Seconds for which a moment keeps its larger pictures though memory is short."""
_GAP_PER_AGE = 1 / 30
"""A moment goes when without it the gap is still no longer than this share of its age: at 1 a second, after 60 s."""


class History:
    """Keeps a moment each `interval` s and at cuts, within `max_bytes`. One thread writes; any thread reads.

    Ten minutes stay covered: older moments are thinned out, the denser first. Beside the moments it holds one frame's
    pictures and the tiles of contact sheets: three megabytes at most.
    """

    def __init__(self, interval: float, max_bytes: int) -> None:
        self._interval = interval
        self._max_bytes = max_bytes
        self._kept: list[Moment] = []
        self._snapshot: tuple[Moment, ...] = ()
        self._newest: tuple[tuple[int, int], dict[int, EncodedPicture]] = ((-1, -1), {})
        self._sheets = Sheets()

    def wants(self, frame: Frame) -> bool:
        """True when it is time for the next moment."""
        return not self._kept or frame.captured_at - self._kept[-1].captured_at >= self._interval

    def keep(self, frame: Frame, *, is_cut: bool) -> None:
        """Encode the frame and add it; older moments give up their larger pictures, those that are missed least go."""
        pictures = tuple(encode(pixels) for pixels in pyramid(frame.pixels, SIDES))
        self._kept.append(Moment(frame.captured_at, frame.media_t, frame.epoch, is_cut, pictures))
        self._sheets.remember(pictures[-1])
        now = frame.captured_at
        self._kept = [_aged(moment, now) for moment in self._kept if now - moment.captured_at <= _KEPT_FOR]
        self._thin(now)
        self._snapshot = tuple(self._kept)

    def moments(self) -> tuple[Moment, ...]:
        """What is kept, oldest first."""
        return self._snapshot

    def view(self, frame: Frame) -> View:
        """The frame as a plan needs it: nothing is encoded before a size was chosen."""
        height, width = frame.pixels.shape[:2]
        encoded = partial(self.newest, frame)
        return View(frame.captured_at, frame.media_t, frame.epoch, width, height, encoded)

    def newest(self, frame: Frame, side: int) -> EncodedPicture:
        """This frame with its longest side at most `side`, encoded once per size for as long as no other is asked for.

        Two threads that ask at the same instant may both encode it; both get the same bytes.
        """
        key = (frame.epoch, frame.seq)
        known, pictures = self._newest
        if known != key:
            pictures = {}
        if side not in pictures:
            pictures = {**pictures, side: encode(shrunk(frame.pixels, side))}
            self._newest = (key, pictures)
        return pictures[side]

    def render(
        self, layout: Sequence[Planned], now: float, *, absolute_times: bool = False
    ) -> tuple[PromptPicture, ...]:
        """The pictures of a layout, in its order, with their ages at `now`; contact sheets are drawn.

        Tiles are labelled with their age ("12s"), or with `absolute_times` with their media time ("0:54"), so that a
        sheet that is sent again has the same bytes.
        """
        self._sheets.ready([shot for planned in layout if planned.is_sheet for shot in planned.shots])

        def label(shot: Shot) -> str:
            return clock(shot.media_t) if absolute_times else f"{round(_age(shot, now))}s"

        return tuple(
            PromptPicture(
                self._sheets.draw(planned.shots, label) if planned.is_sheet else planned.shots[0].picture,
                _age(planned.shots[-1], now),
                planned.detail,
                planned.media_t,
                tuple(_age(shot, now) for shot in planned.shots) if planned.is_sheet else (),
            )
            for planned in layout
        )

    @property
    def bytes(self) -> int:
        """Bytes of all kept pictures."""
        return sum(_bytes(moment) for moment in self._snapshot)

    def _thin(self, now: float) -> None:
        """Drop moments whose neighbours are near enough; when bytes are short, larger pictures and then more."""
        for place in range(len(self._kept) - 2, 0, -1):
            if self._missed(place, now) <= _GAP_PER_AGE:
                del self._kept[place]
        excess = sum(_bytes(moment) for moment in self._kept) - self._max_bytes
        for place, moment in enumerate(self._kept):
            if excess <= 0 or now - moment.captured_at <= _SHARP_FOR:
                break
            self._kept[place] = replace(moment, pictures=moment.pictures[-1:])
            excess -= _bytes(moment) - _bytes(self._kept[place])
        while excess > 0 and len(self._kept) > 1:
            least = min(range(1, len(self._kept) - 1), key=lambda place: self._missed(place, now), default=0)
            excess -= _bytes(self._kept.pop(least))

    def _missed(self, place: int, now: float) -> float:
        """The gap that a moment would leave, as a share of its age."""
        gap = self._kept[place + 1].captured_at - self._kept[place - 1].captured_at
        return gap / max(1e-3, now - self._kept[place].captured_at)


def _aged(moment: Moment, now: float) -> Moment:
    """The moment without the pictures that it is too old for."""
    age = now - moment.captured_at
    largest = SIDES[0] if age < _LARGE_FOR else SIDES[1] if age < _MIDDLE_FOR else SIDES[2]
    pictures = moment.pictures
    while len(pictures) > 1 and max(pictures[0].width, pictures[0].height) > largest:
        pictures = pictures[1:]
    return moment if pictures is moment.pictures else replace(moment, pictures=pictures)


def _bytes(moment: Moment) -> int:
    return sum(len(picture.jpeg) for picture in moment.pictures)


def _age(shot: Shot, now: float) -> float:
    return max(0.0, now - shot.captured_at)
