"""What the fake Gemini service answers: words, events of a stream, and the count of tokens."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fakes.gemini_requests import Asked, Part

Json = dict[str, Any]
Answer = str | Sequence[str] | Callable[[Asked], str] | None

_WORDS = " ".join(
    (
        "a woman in green opens the heavy door while two children cross near bicycle tall lamp grey dog sleeps under",
        "table rain falls on roof someone lifts red box old man reads paper bus turns left crowd waits beside river",
        "slowly bright window bird lands high branch worker paints wall blue ladder market stall fruit baker hands",
        "bread over counter",
    )
).split()
_SENTENCE = 10
"""Words."""
MODELS = (
    "gemini-3.5-flash-lite",
    "gemini-3.8-flash",
    "gemini-3.5-flash",
    "gemini-3.1-flash-lite",
    "gemini-2.5-flash-lite",
    "gemini-2.5-flash",
    "gemini-2.0-flash",
    "gemini-4-argon",
)


@dataclass
class Behaviour:
    """How the service answers; every field may be changed while it runs."""

    first_token: float = 0.0
    """Seconds to the first word."""
    rate: float = 1000.0
    """Words a second after it."""
    tokens: int = 12
    """Words of an answer that is made up: no two are alike, and each begins with the number of its request."""
    answer: Answer = None
    """One text, texts in turn, or a function of the request; None for words that are made up."""
    chunk: int = 1
    """Words an event."""
    thoughts: int = 0
    """Tokens of thought, sent as a part that is none of the answer."""
    cached: int = 0
    """Tokens that are said to have been read from a cache."""
    cache_from: int = 0
    """Tokens of an unchanged beginning from which on it counts as cached; 0 for no such caching."""
    token_scale: float = 1.0
    """By how much the service's tokens differ from the published rule."""
    model_version: str = ""
    """Who answers in truth; empty for the model that was asked."""
    models: Sequence[str] = MODELS
    key: str = ""
    """The one key that is accepted; empty for any."""
    date_offset: float = 0.0
    """Seconds by which the service's clock is ahead."""
    stamps: bool = False
    """Read the stamp of the newest picture of each request: needs OpenCV."""
    keep_bodies: bool = True
    """Keep headers, bodies and pictures of requests."""
    pages: Sequence[tuple[str, str]] = (("A page", "https://example.org/page"),)
    """Title and address of what a search finds."""
    used: dict[str, int] = field(default_factory=dict)
    """Tokens of the caches that were made, by name."""


def words_of(behaviour: Behaviour, asked: Asked) -> list[str]:
    """The words of an answer, each with the white space that follows it."""
    answer = behaviour.answer
    if callable(answer):
        answer = answer(asked)
    elif answer is not None and not isinstance(answer, str):
        answer = answer[asked.number % len(answer)] if answer else ""
    if answer is None:
        answer = made_up(asked.number, behaviour.tokens)
    return [word + " " for word in answer.split(" ")]


def made_up(number: int, count: int) -> str:
    """So many words in short sentences, unlike those of any other number; the first word tells it."""
    choice = random.Random(number)  # noqa: S311 - no secret
    words = [f"Line{number}", *choice.choices(_WORDS, k=max(0, count - 1))][: max(1, count)]
    sentences = [words[at : at + _SENTENCE] for at in range(0, len(words), _SENTENCE)]
    return " ".join(" ".join(sentence).capitalize() + "." for sentence in sentences)


def event(asked: Asked, text: str, counts: Json, finish: str = "", *, thought: bool = False) -> Json:
    """One piece of an answer as the service sends it; `finish` ends it."""
    candidate: Json = {"index": 0}
    if text or not finish:
        part = {"text": text} | ({"thought": True} if thought else {})
        candidate["content"] = {"role": "model", "parts": [part]}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": counts,
        "modelVersion": asked.model,
        "responseId": f"answer-{asked.number}",
    }


def withheld(counts: Json) -> Json:
    """The answer to a prompt that is blocked."""
    return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": counts}


def grounding(pages: Sequence[tuple[str, str]]) -> Json:
    """The pages that an answer rests on."""
    chunks = [{"web": {"title": title, "uri": uri}} for title, uri in pages]
    support = {"segment": {"startIndex": 0, "endIndex": 4}, "groundingChunkIndices": list(range(len(chunks)))}
    return {"webSearchQueries": ["what is it"], "groundingChunks": chunks, "groundingSupports": [support]}


def usage(behaviour: Behaviour, asked: Asked, words: int, before: Sequence[Asked]) -> Json:
    """Tokens as `usageMetadata` tells them, by modality; `before` are earlier requests that may have left a cache."""
    prompt = sum(part.tokens for part in asked.parts)
    stored = behaviour.used.get(str(asked.body.get("cachedContent", "")), 0)
    cached = behaviour.cached or stored or _unchanged(behaviour, asked, before)
    counts: Json = {
        "promptTokenCount": prompt + stored,
        "candidatesTokenCount": words,
        "totalTokenCount": prompt + stored + words + behaviour.thoughts,
        "promptTokensDetails": _by_modality(asked.parts),
    }
    if cached:
        counts["cachedContentTokenCount"] = min(cached, prompt + stored)
        counts["cacheTokensDetails"] = [{"modality": "IMAGE", "tokenCount": counts["cachedContentTokenCount"]}]
    if behaviour.thoughts:
        counts["thoughtsTokenCount"] = behaviour.thoughts
    return counts


def _by_modality(parts: Sequence[Part]) -> list[Json]:
    totals = {kind: sum(part.tokens for part in parts if part.kind == kind) for kind in ("text", "image", "video")}
    return [{"modality": kind.upper(), "tokenCount": total} for kind, total in totals.items() if total]


def _unchanged(behaviour: Behaviour, asked: Asked, before: Sequence[Asked]) -> int:
    """Tokens at the beginning that are those of an earlier request, when they are enough to be cached."""
    longest = max((_common(asked.parts, other.parts) for other in before if other.model == asked.model), default=0)
    return longest if behaviour.cache_from and longest >= behaviour.cache_from else 0


def _common(parts: Sequence[Part], others: Sequence[Part]) -> int:
    tokens = 0
    for part, other in zip(parts, others, strict=False):
        if part.digest != other.digest or part.level != other.level:
            break
        tokens += part.tokens
    return tokens
