"""What a picture costs a GGUF model: a rule by the kind of its projector, put right by what the engine counts."""

import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any

from narrator.errors import DataFileDamaged
from narrator.models.gguf_header import GgufFile
from narrator.resources import resource

_FILE = "catalogue/projectors.toml"
_OTHER = "other"
_DOUBTFUL = 0.05
"""A rule that is further than this share from what was counted does not hold."""
SAMPLES = ((192, 108), (384, 216), (384, 384), (768, 432), (768, 768))
"""Width and height of the pictures that the engine is asked to count: what narration sends."""


@dataclass(frozen=True, slots=True)
class Family:
    """What is known of a kind of projector, from `resources/catalogue/projectors.toml`."""

    rule: str
    merge: int
    pictures: int
    tokens: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """Tokens by width and height; `scale` and `extra` are what counting taught.

    "fixed": always `tokens`. "tiles": `tokens` for each tile of `side` px and for the whole, after the longest side was
    brought to `longest` (0 for its own). "area": one for each `side` x `side` px. Of both, a picture has at most `most`
    (0 for no end), of the latter at least `least`. "counted": between the `points` (pixels, tokens).
    """

    kind: str
    tokens: int = 0
    side: int = 0
    longest: int = 0
    least: int = 0
    most: int = 0
    scale: float = 1.0
    extra: float = 0.0
    points: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of_message(cls, fields: Mapping[str, Any]) -> "Rule":
        """What `message` made, after it went through JSON."""
        return cls(**{**fields, "points": tuple((pixels, tokens) for pixels, tokens in fields["points"])})

    def message(self) -> dict[str, Any]:
        return asdict(self)

    def cost(self, width: int, height: int) -> int:
        """Tokens of a picture of this size."""
        return max(1, math.ceil(self.scale * self._reckoned(width, height) + self.extra - 1e-6))

    def _reckoned(self, width: int, height: int) -> float:
        if self.kind == "fixed":
            return self.tokens
        if self.kind == "tiles":
            return self.tokens * (self._squares(width, height, self.most / self.tokens) + 1)
        if self.kind == "area":
            return max(self._squares(width, height, self.most), self.least)
        return _between(self.points, width * height)

    def _squares(self, width: int, height: int, most: float) -> int:
        """How many squares of `side` px cover a picture; one with too many is made smaller, its aspect kept."""
        grow = self.longest / max(width, height) if self.longest else 1.0
        columns, rows = width * grow / self.side, height * grow / self.side
        whole = _up if self.longest else _nearest
        count = whole(columns) * whole(rows)
        if not most or count <= most:
            return count
        shrink = math.sqrt(most / (columns * rows))
        return _down(columns * shrink) * _down(rows * shrink)


def family_of(projector: GgufFile) -> Family:
    """Raises `DataFileDamaged`."""
    families = _families()
    return families.get(kind_of(projector), families[_OTHER])


def kind_of(projector: GgufFile) -> str:
    """The projector's kind in llama.cpp's terms, as "idefics3"; empty when its file does not tell."""
    fields = projector.fields
    return str(fields.get("clip.projector_type") or fields.get("clip.vision.projector_type") or "")


def rules_of(projector: GgufFile, most: int) -> tuple[Rule, ...]:
    """What the projector's file says of its tokens, the likeliest first.

    Not every kind of model heeds that a picture is to have at most `most`.
    """
    family = family_of(projector)
    image, patch = (int(projector.number(f"vision.{name}")) for name in ("image_size", "patch_size"))
    image, patch = image or 512, patch or 14
    scale = projector.number("vision.projector.scale_factor") or projector.number("vision.spatial_merge_size")
    side = patch * (int(scale) or family.merge)
    of_a_square = family.tokens or (image // side) ** 2
    if family.rule == "fixed":
        return (Rule("fixed", tokens=of_a_square),)
    if family.rule == "tiles":
        longest = int(projector.number("vision.preproc_image_size"))
        tiles = Rule("tiles", tokens=of_a_square, side=image, longest=longest, most=most)
        return (tiles, replace(tiles, most=0))
    least, greatest = (int(projector.number(f"vision.image_{name}_pixels") / side**2) for name in ("min", "max"))
    area = Rule("area", side=side, least=least, most=min(greatest or most, most))
    return (area, replace(area, most=greatest))


def calibrated(rules: Sequence[Rule], count: Callable[[int, int], int]) -> Rule:
    """The first rule that is right about `SAMPLES` once the marks around a picture are added, as `count` tells them.

    When none is, what was counted takes its place.
    """
    counted = [(width, height, count(width, height)) for width, height in SAMPLES]
    for rule in rules:
        fitting = _fitted(rule, counted)
        if fitting is not None:
            return fitting
    tokens = {number for _, _, number in counted}
    if len(tokens) == 1:
        return Rule("fixed", tokens=tokens.pop())
    return Rule("counted", points=tuple(sorted((width * height, number) for width, height, number in counted)))


def _fitted(rule: Rule, counted: Sequence[tuple[int, int, int]]) -> Rule | None:
    """The rule with the marks that go around a picture, when then it is right; else None."""
    reckoned = [rule.cost(width, height) for width, height, _ in counted]
    tokens = [number for _, _, number in counted]
    scale, extra = _line(reckoned, tokens)
    fitting = replace(rule, scale=scale, extra=extra)
    is_right = all(abs(fitting.cost(width, height) / number - 1) <= _DOUBTFUL for width, height, number in counted)
    return fitting if is_right and scale > 0 else None


def _up(number: float) -> int:
    return max(1, math.ceil(number - 1e-6))


def _nearest(number: float) -> int:
    return max(1, math.floor(number + 0.5))


def _down(number: float) -> int:
    return max(1, math.floor(number + 1e-6))


def _line(given: Sequence[float], wanted: Sequence[float]) -> tuple[float, float]:
    """Slope and offset of the line with the least squares; the offset alone when all that is given is the same."""
    middle, height = sum(given) / len(given), sum(wanted) / len(wanted)
    spread = sum((value - middle) ** 2 for value in given)
    if not spread:
        return 1.0, height - middle
    slope = sum((x - middle) * (y - height) for x, y in zip(given, wanted, strict=True)) / spread
    return slope, height - slope * middle


def _between(points: Sequence[tuple[int, int]], pixels: int) -> float:
    """On the line from point to point; before the first as there, beyond the last as there."""
    for (low, few), (high, many) in pairwise(points):
        if pixels <= high:
            share = max(0.0, (pixels - low) / (high - low))
            return few + share * (many - few)
    return points[-1][1]


@cache
def _families() -> Mapping[str, Family]:
    try:
        table = tomllib.loads(resource(_FILE).read_text(encoding="utf-8"))
        return {name: Family(**entry) for name, entry in table.items()}
    except (OSError, ValueError, TypeError) as error:
        sentence = f"The program's file {_FILE} cannot be read."
        raise DataFileDamaged(sentence, "Install Scene Narrator again.", str(error)) from error
