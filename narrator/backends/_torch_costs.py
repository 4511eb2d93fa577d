"""What pictures cost a model: counted for usual sizes when it is loaded, reckoned for all others. Pure."""

import math
from collections.abc import Iterable
from itertools import pairwise

Size = tuple[int, int]
_SHAPES = ((16, 9), (4, 3), (1, 1), (3, 4), (9, 16))
_SIDES = (192, 384, 768)
"""Longest sides in pixels that pictures are kept and sent at."""
_CORRECTION, _MOST_CORRECTION = 1.25, 4.0
"""What a picture's cost is multiplied by when the pictures did not fit, and the most that this comes to."""
_STEPS_BACK_AFTER = 20
"""So many answers in a row for which the pictures fitted: the correction is taken back by a step."""
SMALL, LARGE = (192, 108), (768, 432)
"""Two of `SIZES`, of one shape."""


def _sizes(shape: Size) -> tuple[Size, ...]:
    """Width and height of a shape at each side, the smallest first."""
    longest = max(shape)
    return tuple((round(side * shape[0] / longest), round(side * shape[1] / longest)) for side in _SIDES)


SIZES = tuple(size for shape in _SHAPES for size in _sizes(shape))
"""Widths and heights in pixels that are counted."""


class Costs:
    """Of one model, whose own processor `counted` tokens for each width and height of `SIZES`."""

    def __init__(self, counted: Iterable[tuple[int, int, int]]) -> None:
        self._counted = {(width, height): tokens for width, height, tokens in counted}
        self._correction, self._fitted = 1.0, 0

    def did_not_fit(self) -> None:
        """Pictures that were reckoned to fit did not: from now on they cost more."""
        self._correction, self._fitted = min(_MOST_CORRECTION, self._correction * _CORRECTION), 0

    def did_fit(self) -> None:
        """What was too dear once, as a picture of an odd shape, does not lessen the memory for ever."""
        self._fitted += 1
        if self._fitted >= _STEPS_BACK_AFTER:
            self._correction, self._fitted = max(1.0, self._correction / _CORRECTION), 0

    def of(self, width: int, height: int) -> int:
        """Tokens of a picture, with what was learnt of pictures that did not fit."""
        return math.ceil(self._reckoned(width, height) * self._correction)

    def _reckoned(self, width: int, height: int) -> int:
        """As counted, or between those of the nearest shape by area, rounded up.

        A smaller one costs as much as the smallest; a larger one more by its area, where size costs anything.
        """
        if (width, height) in self._counted:
            return self._counted[width, height]
        area, known = width * height, self._of_shape_like(width / height)
        for (less, cheap), (more, dear) in pairwise(known):
            if area <= more:
                return math.ceil(cheap + max(0.0, (area - less) / (more - less)) * (dear - cheap))
        most, tokens = known[-1]
        return math.ceil(tokens * area / most) if tokens > known[0][1] else tokens

    def _of_shape_like(self, ratio: float) -> list[tuple[int, int]]:
        """Area and tokens of what was counted of the nearest shape, the smallest first."""
        shape = min(_SHAPES, key=lambda shape: abs(math.log(shape[0] / shape[1] / ratio)))
        return [(size[0] * size[1], self._counted[size]) for size in _sizes(shape)]
