"""What pictures cost a model: counted for usual sizes when it is loaded, reckoned for all others. Pure."""

import math
from collections.abc import Iterable
from itertools import pairwise

Size = tuple[int, int]
_SHAPES = ((16, 9), (4, 3), (1, 1), (3, 4), (9, 16))
_SIDES = (192, 384, 768)
"""Longest sides in pixels that pictures are kept and sent at."""
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

    def of(self, width: int, height: int) -> int:
        """Tokens of a picture: as counted, or between those of the nearest shape by area, rounded up.

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
