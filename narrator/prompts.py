"""Builds the prompt for one Ask: pure; the wording of instructions lives in `resources/prompts/`."""

from collections.abc import Sequence
from functools import cache

from narrator.budget import Planned
from narrator.messages import Ask, Prompt, PromptPicture
from narrator.resources import resource

_MAX_TOKENS = 120


def build(ask: Ask, pictures: Sequence[Planned], now: float) -> Prompt:
    """The prompt for `ask` with these pictures, oldest first, each labelled with its age at `now` (monotonic s)."""
    parts: list[str | PromptPicture] = []
    for planned in pictures:
        age = max(0.0, now - planned.captured_at)
        parts += [f"{age:.1f} seconds ago:", PromptPicture(planned.picture, age)]
    if ask.said:
        parts.append("Already said: " + " ".join(ask.said))
    return Prompt(
        system=_instructions("everyday"),
        parts=tuple(parts),
        max_tokens=_MAX_TOKENS,
        scene=ask.scene,
        news=ask.news,
        said=ask.said,
        reason=ask.reason,
    )


@cache
def _instructions(style: str) -> str:
    return resource(f"prompts/{style}.txt").read_text(encoding="utf-8").strip()
