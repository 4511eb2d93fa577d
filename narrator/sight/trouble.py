"""Notices that a picture shows nothing: black, covered, frozen or badly blurred."""

from typing import TYPE_CHECKING

from narrator.messages import Pixels, Trouble

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INTERVAL = 0.5
"""Seconds between two checks."""
_SIDE = 320
_SAMPLES = 80
_BLACK_AT_MOST = 24
_SMOOTHING = 1.0
_FLAT, _PLAIN, _FLAT_DETAIL, _FLAT_SHARE = 10.0, 3.0, 6.0, 0.012
_BLURRED_SHARE, _BLURRED_DETAIL = 0.0018, 5.0
"""Variance of the Laplacian, as a share of the picture's variance and absolute, at 320 pixels and without the noise.

Of 110 sharp photographs half have a share over 0.03 and one in twenty less than 0.004; blurred by 16 pixels of 1280,
nine in ten have less than 0.0016."""
_LASTS = {Trouble.BLACK: 1.0, Trouble.COVERED: 1.5, Trouble.BLURRED: 3.0, Trouble.FROZEN: 15.0}
_CLEARS = 0.7
_ALIVE = 3
"""A picture that never changed is a still picture, not a frozen one."""


class TroubleWatch:
    """Judges one picture after the other, and only tells what lasts. Not live: a film may be dark, never covered."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._sample: NDArray[np.uint8] | None = None
        self._same_since = float("-inf")
        self._different = 0
        self._suspect: tuple[Trouble | None, float] = (None, float("-inf"))
        self._told: Trouble | None = None

    def look(self, pixels: Pixels, at: float) -> Trouble | None:
        """What is wrong with the picture (HxWx3, BGR) at the time `at` (s), None when nothing is or not for long."""
        found = self._judged(pixels, at)
        suspect, since = self._suspect
        if found is not suspect:
            suspect, since = self._suspect = (found, at)
        if suspect is Trouble.FROZEN:
            since = min(since, self._same_since)
        if at - since >= (_LASTS[suspect] if suspect else _CLEARS):
            self._told = suspect
        return self._told

    @property
    def suspects(self) -> bool:
        """The last picture showed nothing, for whatever reason; it may be over in a moment."""
        return self._suspect[0] is not None

    def _judged(self, pixels: Pixels, at: float) -> Trouble | None:
        frozen = self._is_frozen(pixels, at)
        grey = _small_grey(pixels)
        if grey.max() <= _BLACK_AT_MOST:
            return Trouble.BLACK
        if not self._live:
            return None
        return _without_detail(grey) or (Trouble.FROZEN if frozen else None)

    def _is_frozen(self, pixels: Pixels, at: float) -> bool:
        import numpy as np

        step = max(1, max(pixels.shape[:2]) // _SAMPLES)
        sample = pixels[::step, ::step].copy()
        same = self._sample is not None and np.array_equal(sample, self._sample)
        if not same:
            self._different += self._sample is not None
            self._sample, self._same_since = sample, at
        return same and self._different >= _ALIVE and at - self._same_since >= _LASTS[Trouble.FROZEN]


def _without_detail(grey: "NDArray[np.uint8]") -> Trouble | None:
    import cv2

    calm = cv2.GaussianBlur(grey, (0, 0), _SMOOTHING)
    detail = float(cv2.Laplacian(calm, cv2.CV_32F).var())
    variance = float(calm.var())
    if variance < _FLAT**2:
        plain = variance < _PLAIN**2 or detail < _FLAT_SHARE * variance  # a dim room has edges too
        return Trouble.COVERED if plain and detail < _FLAT_DETAIL else None
    return Trouble.BLURRED if detail < min(_BLURRED_DETAIL, _BLURRED_SHARE * variance) else None


def _small_grey(pixels: Pixels) -> "NDArray[np.uint8]":
    """In grey, its longest side 320 pixels; large pictures are thinned out first, which keeps it cheap."""
    import cv2

    rows, columns = pixels.shape[:2]
    step = max(1, max(rows, columns) // (2 * _SIDE))
    thin = cv2.resize(pixels, (max(1, columns // step), max(1, rows // step)), interpolation=cv2.INTER_NEAREST)
    scale = _SIDE / max(rows, columns)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    grey = cv2.cvtColor(thin, cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value] # stubs widen the type
