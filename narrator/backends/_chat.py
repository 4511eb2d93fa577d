"""A prompt as chat messages with pictures, the way OpenAI's API has them and llama.cpp and every server take them."""

import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from narrator.messages import Prompt, PromptPart, PromptPicture

_ROLES = {"user": "user", "model": "assistant"}


def messages(prompt: Prompt, *, has_system: bool = True, detail: bool = False) -> list[dict[str, Any]]:
    """System text, the turns before, then the question: text and pictures in the prompt's own order.

    Where a model takes no system text (`has_system` False) it opens the first user message. Pictures are data URIs;
    with `detail` their level is told ("low", "high", "auto"). A video is left out: no such server takes one.
    """
    turns = [(_ROLES[turn.role], list(_parts(turn.parts, detail=detail))) for turn in prompt.turns]
    turns.append(("user", list(_parts(prompt.parts, detail=detail))))
    told: list[dict[str, Any]] = []
    if prompt.system and has_system:
        told.append({"role": "system", "content": prompt.system})
    elif prompt.system:
        turns[0][1].insert(0, {"type": "text", "text": prompt.system})
    return told + [{"role": role, "content": parts} for role, parts in turns]


def newer_half(prompt: Prompt) -> Prompt | None:
    """The prompt without the older half of its pictures and their labels; None when it has but one."""
    pictures = prompt.pictures
    if len(pictures) < 2:
        return None
    dropped = {id(picture) for picture in pictures[: math.ceil(len(pictures) / 2)]}
    parts: list[PromptPart] = []
    for part in prompt.parts:
        if isinstance(part, PromptPicture) and id(part) in dropped:
            if parts and isinstance(parts[-1], str):
                parts.pop()  # its label
        else:
            parts.append(part)
    return replace(prompt, parts=tuple(parts))


def data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + b64encode(jpeg).decode("ascii")


def _parts(parts: Sequence[PromptPart], *, detail: bool) -> Any:
    for part in parts:
        if isinstance(part, str):
            yield {"type": "text", "text": part}
        elif isinstance(part, PromptPicture):
            url = {"url": data_uri(part.picture.jpeg)}
            yield {"type": "image_url", "image_url": url | ({"detail": part.detail} if detail and part.detail else {})}
