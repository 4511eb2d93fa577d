"""How families of models count the tokens of pictures: Gemini's by the catalogue, local ones by rules of their kind."""

import math
from dataclasses import dataclass

from narrator.backends._gemini_models import catalogue
from narrator.memory.layouts import TokenCost
from narrator.seams import Capabilities


@dataclass(frozen=True)
class Family:
    capabilities: Capabilities
    token_cost: TokenCost


def _gemini(name: str, max_images: int) -> Family:
    rule = {model.generation.name: model.generation for model in catalogue().models.values()}[name]
    details = tuple(rule.levels) or ("",)
    capabilities = Capabilities(
        max_images=max_images, full_side=rule.full_side, details=details, per_image_detail=rule.per_picture
    )
    return Family(capabilities, rule.cost)


def _fixed(tokens: int, max_images: int, side: int) -> Family:
    return Family(Capabilities(max_images=max_images, full_side=side), lambda _width, _height, _detail: tokens)


def by_pixels(width: int, height: int, _detail: str = "") -> int:
    """A token for each square of 28 pixels, as models of any size of picture count."""
    return math.ceil(width / 28) * math.ceil(height / 28)


FAMILIES = {
    "legacy": _gemini("legacy", 16),
    "2.5": _gemini("2.5", 3000),
    "3": _gemini("3", 3000),
    "729 tokens each": _fixed(729, 8, 384),
    "729 tokens, one picture": _fixed(729, 1, 384),
    "256 tokens, 224 pixels": _fixed(256, 8, 224),
    "64 tokens, 128 pixels": _fixed(64, 8, 128),
    "by pixels": Family(Capabilities(max_images=16), by_pixels),
    "a video": Family(Capabilities(max_images=16, frames_a_second=1.0), by_pixels),
}
