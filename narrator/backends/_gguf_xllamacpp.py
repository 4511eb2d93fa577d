"""llama.cpp's own server inside the child, by way of xllamacpp: it keeps what it read of the last request's start."""

import secrets
from collections.abc import Callable
from typing import Any

import xllamacpp

from narrator.backends._gguf_engine import (
    CUT,
    Asked,
    LlamaEngine,
    Loading,
    Messages,
    Tokens,
    checked,
    engine_log,
    load_failure,
)
from narrator.backends._gguf_memory import Device
from narrator.engines.failures import EngineFailed
from narrator.mailbox import Cancel

_GPU, _SHARING_GPU = 1, 2
"""`ggml_backend_dev_type`: a card with memory of its own, and one that shares the machine's."""
_NO_POLLING = 0
_WARNINGS = 2
_TOO_LONG = "exceed_context_size_error"


def devices() -> tuple[Device, ...]:
    """The graphics cards that this build of the engine can use; those with memory of their own if there are any."""
    found = [entry for entry in xllamacpp.get_device_info() if entry["type"] in (_GPU, _SHARING_GPU)]
    own = [entry for entry in found if entry["type"] == _GPU]
    return tuple(
        Device(str(entry["description"]), int(entry["memory_free"]), entry["type"] == _SHARING_GPU)
        for entry in own or found
    )


def load(loading: Loading) -> LlamaEngine:
    """Raises `EngineFailed`."""
    with engine_log() as log:
        try:
            return _Server(loading)
        except (RuntimeError, MemoryError) as error:
            raise load_failure(log(), error) from error


class _Server:
    prefix_cache = True

    def __init__(self, loading: Loading) -> None:
        self._context = loading.context
        self._server = xllamacpp.Server(_parameters(loading))

    def count(self, messages: Messages) -> int:
        """The server counts a request, and only then refuses it for its length: so one is made too long."""
        longer = " a" * (self._context + 1)
        return self._length(messages, longer) - self._length([], longer)

    def answer(self, asked: Asked, cancelled: Cancel, say: Callable[[str], None]) -> Tokens:
        answer = _Answer(cancelled, say)
        request = {
            "messages": checked(asked.messages),
            "max_tokens": asked.max_tokens,
            "temperature": asked.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,  # else nothing is heard, and nothing can be stopped, until the first word
            "cache_prompt": True,
            "chat_template_kwargs": {"enable_thinking": False},
        }
        try:
            self._server.handle_chat_completions(request, answer.take)
        except (RuntimeError, ValueError) as error:
            raise EngineFailed("bad_request", str(error)) from error
        if answer.failure is not None and not cancelled:
            raise answer.failure
        return answer.tokens

    def _length(self, messages: Messages, longer: str) -> int:
        text = {"role": "user", "content": [{"type": "text", "text": longer}]}
        joined = [{**messages[0], "content": [*messages[0]["content"], *text["content"]]}] if messages else [text]
        reply = self._server.handle_chat_completions({"messages": joined, "max_tokens": 1, "stream": False})
        error = reply.get("error", {})
        if error.get("type") != _TOO_LONG:
            raise EngineFailed("bad_request", f"counting: {reply}")
        return int(error["n_prompt_tokens"])


class _Answer:
    """Takes the chunks of one answer."""

    def __init__(self, cancelled: Cancel, say: Callable[[str], None]) -> None:
        self._cancelled, self._say = cancelled, say
        self.failure: EngineFailed | None = None
        self.tokens = Tokens()
        self._is_whole = True

    def take(self, chunk: dict[str, Any]) -> bool:
        """True ends the answer. What is raised here would be lost in the native code."""
        error = chunk.get("error") or (chunk if "message" in chunk and "choices" not in chunk else None)
        if error is not None:
            self.failure = _failure(error)
            return True
        for choice in chunk.get("choices", ()):
            text = choice.get("delta", {}).get("content")
            if text and not self._cancelled:
                self._say(text)
            self._is_whole = self._is_whole and choice.get("finish_reason") != CUT
        usage = chunk.get("usage")
        if usage:
            cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
            self.tokens = Tokens(usage["prompt_tokens"], usage["completion_tokens"], cached, self._is_whole)
        return bool(self._cancelled)


def _failure(error: dict[str, Any]) -> EngineFailed:
    detail = str(error.get("message", error))
    if error.get("type") == _TOO_LONG:
        return EngineFailed("context_too_long", detail, needed=error.get("n_prompt_tokens"), limit=error.get("n_ctx"))
    if "memory" in detail or "allocate" in detail:
        return EngineFailed("out_of_memory", detail)
    return EngineFailed("bad_request" if error.get("code") in (400, 500) else "other", detail)


def _parameters(loading: Loading) -> Any:
    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(loading.model)
    wanted.mmproj.path = str(loading.projector)
    wanted.mmproj_use_gpu = loading.projector_on_gpu
    wanted.image_max_tokens = loading.most_tokens
    wanted.n_gpu_layers = loading.gpu_layers
    wanted.fit_params = False  # the context and the layers are settled here, and told
    wanted.n_ctx = loading.context
    wanted.n_batch = wanted.n_ubatch = loading.batch
    wanted.n_parallel = 1
    wanted.swa_full = True  # a sliding window would forget the start that the next request has in common
    wanted.cache_ram_mib = 0  # requests before the last are not kept: up to 8 GB else
    for cores in (wanted.cpuparams, wanted.cpuparams_batch):
        cores.n_threads = loading.threads
        cores.poll = _NO_POLLING
    wanted.warmup = False
    wanted.verbosity = _WARNINGS
    wanted.port = 0  # any free one: it opens an HTTP port on this machine, which only the key unlocks
    wanted.n_threads_http = 1
    wanted.api_keys = [secrets.token_urlsafe(32)]
    wanted.endpoint_slots = wanted.ui = False
    if loading.template:
        wanted.chat_template = loading.template
    return wanted
