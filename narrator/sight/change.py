"""Tells a still picture from a moving one and from another one, in under a millisecond a frame."""

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from narrator.messages import Box, Change, Pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Grey = NDArray[np.float32]

COLUMNS, ROWS = 64, 36
CUT = 12.0
"""Mean difference of two thumbnails, of 255, above the usual one, at which they may be two scenes."""
_SAMPLES = 320
_USUAL_MOST, _LEAST_KNOWN = 12.0, 3
_ALIKE, _ALIKE_SHIFTED = 0.6, 0.75
"""Correlation from which two thumbnails show one scene in another light, as they are and when one is shifted."""
_LEAST_OVERLAP = 0.4
_LEAST_RESPONSE = 0.1
_FLAT, _STRUCTURED = 4.0, 8.0
_DARK = 30.0
_FLASH = 25.0
_FLASH_LASTS = 0.1
_LOOK_BACK = 0.4
_LEAST_STEP, _NOISE_FACTOR, _NOISE_MOST = 3.5, 5.0, 8.0
_LEAST_CELLS = 4
_OVERLAY_ROWS = 2
"""Clocks and captions burnt into the top and the bottom rows do not count as movement."""
_TURN_STEP, _TURN_SHARE, _TURN_GAIN, _TURN_WITHIN = 2.0, 0.6, 0.02, 1.0
_MOTION_HOLDS = 0.5
_REST = 0.5


@dataclass(frozen=True, slots=True)
class Look:
    """What one frame shows: how it changed, and its mean luminance (0 to 1)."""

    change: Change
    brightness: float


class ChangeDetector:
    """Compares thumbnails. Light that rises or falls, flashes, noise and a turning camera are not cuts."""

    def __init__(self) -> None:
        self.thumbnail: Grey = np.zeros((ROWS, COLUMNS), np.float32)
        self._turned_from = (0.0, self.thumbnail)
        self._usual: deque[float] = deque(maxlen=45)
        self._noise: deque[float] = deque(maxlen=31)
        self._past: deque[tuple[float, Grey]] = deque()
        self._changed_at = np.full((ROWS, COLUMNS), -np.inf, np.float64)
        self._last_motion = -np.inf
        self._at = -np.inf
        self._anchor: Grey | None = None
        self._pending: tuple[float, Grey] | None = None
        self._blank = False

    def look(self, pixels: Pixels, at: float) -> Look:
        """Take the next frame (HxWx3, BGR), seen at `at` s; the first one counts as moving."""
        last, last_at = self.thumbnail, self._at
        self.thumbnail, self._at = thumbnail(pixels), at
        brightness = float(self.thumbnail.mean()) / 255
        if not self._past:
            self._begin(at)
            return Look(Change.CHANGING, brightness)
        difference = float(np.abs(self.thumbnail - last).mean())
        # of a camera that was just opened nobody knows yet how much it flickers
        known = len(self._usual) >= _LEAST_KNOWN
        usual = min(float(np.median(self._usual)), _USUAL_MOST) if known else difference
        self._usual.append(difference)
        if self._is_cut(last, difference - usual, at, at - last_at):
            self._begin(at)
            return Look(Change.CUT, brightness)
        change = self._motion(at)
        if change is Change.STATIC and self._is_new_view(at):
            self._begin(at)
            return Look(Change.CUT, brightness)
        return Look(change, brightness)

    def turned(self) -> tuple[float, float]:
        """How the camera turned since this was last asked: the way right and down that everything moved, in pictures.

        (0, 0) unless nearly everything changed and a common shift explains it.
        """
        since, before = self._turned_from
        turn = _common_shift(before, self.thumbnail)
        if any(turn) or self._at - since >= _TURN_WITHIN:  # a slow turn needs time to show
            self._turned_from = (self._at, self.thumbnail)
        return turn

    def moved(self, box: Box, since: float) -> float:
        """The share of a box's cells that changed since the time `since`."""
        top, bottom = int(box.top * ROWS), max(int(box.top * ROWS) + 1, round(box.bottom * ROWS))
        left, right = int(box.left * COLUMNS), max(int(box.left * COLUMNS) + 1, round(box.right * COLUMNS))
        cells = self._changed_at[top:bottom, left:right]
        return float((cells >= since).mean()) if cells.size else 0.0

    def _begin(self, at: float) -> None:
        """What is seen now is a scene of its own."""
        self._past.clear()
        self._past.append((at, self.thumbnail))
        self._changed_at[:] = -np.inf
        self._last_motion = at
        self._turned_from = (at, self.thumbnail)
        self._pending = None
        self._blank = _is_dark(self.thumbnail)
        self._anchor = None if self._blank else self.thumbnail

    def _is_cut(self, last: "Grey", excess: float, at: float, gap: float) -> bool:
        if self._blank or _is_dark(self.thumbnail):
            return self._is_back_from_dark()
        if self._pending is not None:
            return self._outlasts_a_flash(at)
        if excess <= CUT or alike(last, self.thumbnail):
            return False
        if gap < _FLASH_LASTS and _may_be_flash(last, self.thumbnail):
            self._pending = (at, last)
            return False
        return True

    def _outlasts_a_flash(self, at: float) -> bool:
        assert self._pending is not None
        began, before = self._pending
        if at - began < _FLASH_LASTS:
            return False
        self._pending = None
        return not alike(before, self.thumbnail)

    def _is_back_from_dark(self) -> bool:
        """After darkness the same room is no news, another one is a cut."""
        self._pending = None
        self._blank = _is_dark(self.thumbnail) or (self._blank and self.thumbnail.std() < _STRUCTURED)
        return not self._blank and (self._anchor is None or not alike(self._anchor, self.thumbnail))

    def _motion(self, at: float) -> Change:
        while len(self._past) > 1 and self._past[1][0] <= at - _LOOK_BACK:
            self._past.popleft()
        residual = np.abs(_relit(self._past[0][1], self.thumbnail) - self.thumbnail)
        self._past.append((at, self.thumbnail))
        self._noise.append(_spread(residual))
        noise = min(float(np.median(self._noise)), _NOISE_MOST)
        active = residual > max(_LEAST_STEP, _NOISE_FACTOR * noise)
        self._changed_at[active] = at
        if np.count_nonzero(active[_OVERLAY_ROWS:-_OVERLAY_ROWS]) >= _LEAST_CELLS:
            self._last_motion = at
        return Change.CHANGING if at - self._last_motion < _MOTION_HOLDS else Change.STATIC

    def _is_new_view(self, at: float) -> bool:
        """The camera came to rest on something else: a slow turn or a dissolve has no cut of its own."""
        if self._pending or self._blank or at - self._last_motion < _MOTION_HOLDS + _REST:
            return False
        before, self._anchor = self._anchor, self.thumbnail
        if before is None or self.thumbnail.std() < _STRUCTURED:
            return False
        return float(np.abs(before - self.thumbnail).mean()) > CUT and not alike(before, self.thumbnail)


def thumbnail(pixels: Pixels) -> "Grey":
    """The picture in grey, 36x64, from every n-th pixel of every n-th row."""
    import cv2

    rows, columns = pixels.shape[:2]
    step = max(1, columns // _SAMPLES)
    size = (columns // step, max(1, rows // step))
    sampled = cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST)
    grey = cv2.cvtColor(sampled, cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA).astype(np.float32)


def alike(before: "Grey", after: "Grey") -> bool:
    """Whether two thumbnails show one scene: under another light, or a part of it when the camera turned."""
    if _correlation(before, after) >= _ALIKE:
        return True
    return _overlap_correlation(before, after, *shift(before, after)) >= _ALIKE_SHIFTED


def shift(before: "Grey", after: "Grey") -> tuple[float, float]:
    """How far everything moved right and down, in widths and heights; (0, 0) when there is no common movement."""
    import cv2

    window = cv2.createHanningWindow((COLUMNS, ROWS), cv2.CV_32F)
    # copies: OpenCV multiplies the window into arrays whose size needs no padding
    (right, down), response = cv2.phaseCorrelate(before.copy(), after.copy(), window)
    if response < _LEAST_RESPONSE:
        return 0.0, 0.0
    return right / COLUMNS, down / ROWS


def _may_be_flash(before: "Grey", after: "Grey") -> bool:
    """Light was added and nothing got darker, or nothing is left to see."""
    lighter = after.mean() - before.mean() > _FLASH and np.mean(after >= before - _FLASH) > 0.95
    return bool(lighter or after.std() < _FLAT)


def _is_dark(grey: "Grey") -> bool:
    return bool(grey.std() < _FLAT and grey.mean() < _DARK)


def _correlation(before: "Grey", after: "Grey") -> float:
    """Pearson's, -1 to 1; 0 when one of the two is without structure."""
    a, b = before - before.mean(), after - after.mean()
    spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / spread if spread > 1e-3 else 0.0


def _common_shift(before: "Grey", after: "Grey") -> tuple[float, float]:
    """The shift that explains a change of nearly everything; (0, 0) when there is none."""
    if np.mean(np.abs(after - before) > _TURN_STEP) < _TURN_SHARE:
        return 0.0, 0.0
    right, down = shift(before, after)
    explained = _overlap_correlation(before, after, right, down)
    is_turn = explained >= _ALIKE_SHIFTED and explained - _correlation(before, after) > _TURN_GAIN
    return (right, down) if is_turn else (0.0, 0.0)


def _overlap_correlation(before: "Grey", after: "Grey", right: float, down: float) -> float:
    """The correlation of what both show when everything moved so far; 0 when they share too little."""
    x, y = round(right * COLUMNS), round(down * ROWS)
    if (COLUMNS - abs(x)) * (ROWS - abs(y)) < _LEAST_OVERLAP * COLUMNS * ROWS:
        return 0.0
    then = before[max(0, -y) : ROWS - max(0, y), max(0, -x) : COLUMNS - max(0, x)]
    now = after[max(0, y) : ROWS - max(0, -y), max(0, x) : COLUMNS - max(0, -x)]
    return _correlation(then, now)


def _spread(residual: "Grey") -> float:
    """The standard deviation of normal noise whose upper quartile this is; movement in a corner does not count."""
    quartile = 3 * residual.size // 4
    return float(np.partition(residual, quartile, axis=None)[quartile]) / 1.15


def _relit(before: "Grey", after: "Grey") -> "Grey":
    """`before` in the light of `after`: gain and offset by least squares."""
    a = before - before.mean()
    variance = float((a * a).sum())
    gain = float((a * (after - after.mean())).sum()) / variance if variance > 1 else 1.0
    gain = min(max(gain, 0.25), 4.0)
    relit: Grey = a * np.float32(gain) + after.mean()
    return relit
