"""What Gemini's REST front end says when it refuses, as the vendor's documentation and the real service print it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TYPE = "type.googleapis.com/google.rpc."
HTML = b"<!DOCTYPE html><html><head><title>Error 503</title></head><body><p>Service Unavailable</p></body></html>"

Json = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What goes wrong, how often (-1: always), and its own numbers.

    `on` is the kind of call that it meets: generate, count, models, caches or all.
    """

    name: str
    times: int = 1
    retry: float = 2.0
    """Seconds that a refusal asks the client to wait; 0 leaves the advice out."""
    after: int = 4
    """Words that are sent before a stream breaks."""
    seconds: float = 30.0
    """How long a silent service is silent."""
    on: str = "generate"


def refusal(name: str, retry: float = 2.0, model: str = "gemini") -> tuple[int, Json] | None:
    """The status and body of a refusal; None for a fault that is none."""
    if name not in _REFUSALS:
        return None
    code, status, message, details = _REFUSALS[name]
    found = [dict(detail) for detail in details]
    if name.startswith(("429", "503")) and retry:
        found.append({"@type": _TYPE + "RetryInfo", "retryDelay": f"{retry:g}s"})
    return code, error(code, status, message.replace("MODEL", model), found)


def error(code: int, status: str, message: str, details: list[Json] | None = None) -> Json:
    """The body that carries an error."""
    body: Json = {"code": code, "message": message, "status": status}
    return {"error": {**body, "details": details} if details else body}


def complaint(generation: str, model: str, version: str, body: Json) -> str:
    """What a real model would refuse with status 400; empty when it accepts the request."""
    config = body.get("generationConfig") or {}
    contents = body.get("contents") or []
    if not contents:
        return "* GenerateContentRequest.contents: contents is not specified"
    if unknown := sorted(set(body) - _FIELDS):
        return f'Invalid JSON payload received. Unknown name "{unknown[0]}": Cannot find field.'
    per_part = any("mediaResolution" in part for content in contents for part in content.get("parts", ()))
    if per_part and (version == "v1" or generation != "3"):
        return "Media resolution per part is not supported for this model or API version."
    return _complaint_of(generation, model, contents, config)


def _complaint_of(generation: str, model: str, contents: list[Json], config: Json) -> str:
    thinking = config.get("thinkingConfig") or {}
    level = str(thinking.get("thinkingLevel", "")).upper()
    if "thinkingBudget" in thinking and level:
        return "You can only set only one of thinking budget and thinking level."
    if level and generation != "3":
        return "Thinking level is not supported for this model."
    if level == "MINIMAL" and "3.8" in model:
        return "Thinking level MINIMAL is not supported for this model."
    if "flash-lite" in model and generation == "3":
        if contents[-1].get("role") == "model":
            return "The last content must not have the role model."
        if {"frequencyPenalty", "presencePenalty"} & set(config):
            return "Penalty is not enabled for this model."
    return ""


_FIELDS = {
    "contents",
    "systemInstruction",
    "generationConfig",
    "safetySettings",
    "tools",
    "toolConfig",
    "cachedContent",
    "labels",
    "model",
    "serviceTier",
    "store",
}


def _quota(metric: str, quota_id: str, limit: str) -> Mapping[str, Any]:
    violation = {
        "quotaMetric": f"generativelanguage.googleapis.com/{metric}",
        "quotaId": quota_id,
        "quotaDimensions": {"location": "global", "model": "gemini"},
        "quotaValue": limit,
    }
    return {"@type": _TYPE + "QuotaFailure", "violations": [violation]}


def _info(reason: str) -> Mapping[str, Any]:
    return {"@type": _TYPE + "ErrorInfo", "reason": reason, "domain": "googleapis.com"}


_HELP = {
    "@type": _TYPE + "Help",
    "links": [{"description": "Learn more", "url": "https://ai.google.dev/gemini-api/docs/rate-limits"}],
}
_FREE = "generate_content_free_tier_requests"
_EXHAUSTED = "You exceeded your current quota, please check your plan and billing details."

_REFUSALS: dict[str, tuple[int, str, str, tuple[Mapping[str, Any], ...]]] = {
    "400-key": (
        400,
        "INVALID_ARGUMENT",
        "API key not valid. Please pass a valid API key.",
        (_info("API_KEY_INVALID"),),
    ),
    "400": (400, "INVALID_ARGUMENT", "Request contains an invalid argument.", ()),
    "400-region": (400, "FAILED_PRECONDITION", "User location is not supported for the API use.", ()),
    "400-billing": (
        400,
        "FAILED_PRECONDITION",
        "Gemini API free tier is not available in your country. Please enable billing on your project.",
        (),
    ),
    "401": (
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token or other valid credential.",
        (_info("ACCESS_TOKEN_EXPIRED"),),
    ),
    "403": (
        403,
        "PERMISSION_DENIED",
        "Generative Language API has not been used in project 1 before or it is disabled.",
        (_info("SERVICE_DISABLED"),),
    ),
    "403-no-key": (
        403,
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity).",
        (),
    ),
    "404": (
        404,
        "NOT_FOUND",
        "models/MODEL is not found for API version v1beta, or is not supported for generateContent.",
        (),
    ),
    "429": (
        429,
        "RESOURCE_EXHAUSTED",
        _EXHAUSTED,
        (_quota(_FREE, "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "15"), _HELP),
    ),
    "429-day": (
        429,
        "RESOURCE_EXHAUSTED",
        _EXHAUSTED,
        (_quota(_FREE, "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "500"), _HELP),
    ),
    "429-none": (
        429,
        "RESOURCE_EXHAUSTED",
        f"{_EXHAUSTED} Quota exceeded, limit: 0",
        (_quota(_FREE, "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "0"), _HELP),
    ),
    "429-bare": (429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later.", ()),
    "500": (500, "INTERNAL", "An internal error has occurred. Please retry.", ()),
    "503": (503, "UNAVAILABLE", "The model is overloaded. Please try again later.", ()),
    "504": (504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.", ()),
}
BREAKS = (
    "503-html",
    "hang",
    "reset-before",
    "empty",
    "garbage",
    "stall",
    "reset",
    "drop",
    "cut",
    "error-in-stream",
    "safety",
    "prompt-block",
    "max-tokens",
)
"""Faults that are no refusal: silence, broken streams and withheld answers."""
FAULTS = (*_REFUSALS, *BREAKS)
