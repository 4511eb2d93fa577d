"""What servers that speak OpenAI's protocol say when they refuse: their own words, status by status."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
PAGE = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body><h1>It works</h1></body></html>"


@dataclass(frozen=True)
class Fault:
    """What goes wrong, how often (-1: always), and its own numbers. `on`: chat, models or all."""

    name: str
    times: int = 1
    on: str = "chat"
    retry: str = ""
    """What the header Retry-After says."""
    seconds: float = 30.0
    after: int = 3
    """Words that are sent before a stream breaks."""


@dataclass(frozen=True)
class Refusal:
    code: int
    body: Any
    kind: str = "application/json"
    headers: Mapping[str, str] | None = None


def _openai(message: str, kind: str = "invalid_request_error", code: Any = None) -> Json:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _vllm(code: int, message: str, kind: str) -> Json:
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


def _llama(code: int, message: str, kind: str, **more: Any) -> Json:
    return {"error": {"code": code, "message": message, "type": kind, **more}}


_LONG = "This model's maximum context length is 4096 tokens. However, you requested 9000 tokens in the messages."
REFUSALS: dict[str, Refusal] = {
    "400": Refusal(400, _openai("top_k must be -1 or at least 1.")),
    "400-stream-options": Refusal(400, _openai("stream_options is not permitted here.")),
    "400-max-tokens": Refusal(400, _openai("Unsupported parameter: use max_completion_tokens instead.")),
    "422-thinking": Refusal(
        422,
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "chat_template_kwargs"], "msg": "Not permitted"}]},
    ),
    "400-system": Refusal(400, _vllm(400, "System role not supported", "BadRequestError")),
    "500-system": Refusal(500, _llama(500, "Jinja Exception: System role not supported", "server_error")),
    "400-context": Refusal(400, _vllm(400, _LONG, "BadRequestError")),
    "400-context-llama": Refusal(
        400,
        _llama(
            400,
            "the request exceeds the available context size, try increasing it",
            "exceed_context_size_error",
            n_prompt_tokens=9000,
            n_ctx=4096,
        ),
    ),
    "422-context-tgi": Refusal(
        422,
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 9000",
            "error_type": "validation",
        },
    ),
    "400-images": Refusal(400, _vllm(400, "At most 2 image(s) may be provided in one request.", "BadRequestError")),
    "400-no-images": Refusal(400, _vllm(400, "At most 0 image(s) may be provided in one request.", "BadRequestError")),
    "400-text-only": Refusal(400, _vllm(400, "tiny is not a multimodal model", "BadRequestError")),
    "500-text-only": Refusal(
        500,
        _llama(
            500,
            "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
            "server_error",
        ),
    ),
    "400-key": Refusal(400, [{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}]),
    "401": Refusal(401, _openai("Incorrect API key provided.", code="invalid_api_key")),
    "401-plain": Refusal(401, {"error": "Unauthorized"}),
    "402": Refusal(402, _openai("Payment required.")),
    "403": Refusal(403, {"message": "Forbidden"}),
    "404-model": Refusal(404, _vllm(404, "The model `wanted` does not exist.", "NotFoundError")),
    "404-model-ollama": Refusal(404, _openai('model "wanted" not found, try pulling it first', "api_error")),
    "400-model": Refusal(400, _openai("Unknown model: wanted")),
    "404-path": Refusal(404, {"detail": "Not Found"}),
    "404-path-llama": Refusal(404, _llama(404, "File Not Found", "not_found_error")),
    "404-plain": Refusal(404, b"404 page not found", "text/plain"),
    "200-path": Refusal(200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}),
    "413": Refusal(413, _openai("Request body too large")),
    "413-html": Refusal(413, b"<html><h1>413 Request Entity Too Large</h1></html>", "text/html"),
    "429": Refusal(429, _openai("Rate limit reached for requests.", "requests", "rate_limit_exceeded")),
    "429-credit": Refusal(429, _openai("You exceeded your quota.", "insufficient_quota", "insufficient_quota")),
    "500": Refusal(500, _vllm(500, "Internal Server Error", "InternalServerError")),
    "500-oom": Refusal(500, _vllm(500, "CUDA out of memory. Tried to allocate 2.00 GiB", "InternalServerError")),
    "502-html": Refusal(502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html"),
    "503": Refusal(503, {"error": "Service Unavailable"}),
    "503-loading": Refusal(503, _llama(503, "Loading model", "unavailable_error")),
    "504": Refusal(504, b"upstream request timeout", "text/plain"),
    "html": Refusal(200, PAGE, "text/html; charset=utf-8"),
    "array": Refusal(200, [1, 2, 3]),
    "no-json": Refusal(200, b"hello", "application/json"),
}
ENVELOPES: dict[str, Callable[[int, str, Any], Json]] = {
    "openai": lambda _, message, own: _openai(message, code=own),
    "vllm": lambda code, message, own: _vllm(code, message, "BadRequestError") | ({"code": own} if own else {}),
    "vllm-nested": lambda code, message, own: {"error": _openai(message, "BadRequestError", own or code)["error"]},
}
"""What the same words come in: OpenAI's form, and vLLM's older and newer one."""


def words_of(name: str) -> tuple[str, str] | None:
    """What a refusal says, and its own code for that; None for one that says nothing in JSON."""
    body = REFUSALS[name].body
    body = body[0] if isinstance(body, list) else body
    if not isinstance(body, dict) or REFUSALS[name].code < 400:
        return None
    inner = body["error"] if isinstance(body.get("error"), dict) else body
    if not isinstance(inner.get("detail", ""), str):
        return None
    said = inner.get("message") or inner.get("error") or inner.get("detail")
    return str(said), inner["code"] if isinstance(inner.get("code"), str) else ""


BREAKS = (
    "hang",
    "stall",
    "reset-before",
    "drop",
    "cut",
    "empty",
    "garbage",
    "error-in-stream",
    "endless",
    "endless-line",
    "flood",
    "length",
    "filter",
    "redirect",
    "redirect-far",
)
FAULTS = (*REFUSALS, *BREAKS)
