"""llama.cpp by way of llama-cpp-python: the second engine, which reads every request from its start."""

import base64
import ctypes
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import llama_cpp
from llama_cpp import mtmd_cpp
from llama_cpp.llama_chat_format import MTMDChatHandler

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


def devices() -> tuple[Device, ...]:
    """The graphics cards that this build of the engine can use."""
    if not llama_cpp.llama_supports_gpu_offload():
        return ()
    return _cards()


def load(loading: Loading) -> LlamaEngine:
    """Raises `EngineFailed`."""
    with engine_log() as log:
        try:
            return _Llama(loading)
        except (ValueError, RuntimeError, MemoryError) as error:
            raise load_failure(log(), error) from error


class _Handler(MTMDChatHandler):  # type: ignore[misc]  # the package has no types
    """Takes pictures from data URIs alone, and can count without reading."""

    def __init__(self, loading: Loading) -> None:
        super().__init__(str(loading.projector), verbose=True, use_gpu=loading.projector_on_gpu)
        self._template = loading.template

    def __call__(self, **request: Any) -> Any:
        return super().__call__(**request, enable_thinking=False)

    def load_image(self, image_url: str) -> bytes:
        return base64.b64decode(image_url.partition(",")[2])

    def prepare(self, llama: llama_cpp.Llama) -> None:
        """Load the projector now rather than with the first request. Raises `ValueError`."""
        self._init_mtmd_context(llama)

    def count(self, picture: bytes) -> int:
        """Tokens of a picture with the marks around it."""
        bitmap, chunks = self._create_bitmap_from_bytes(picture), mtmd_cpp.mtmd_input_chunks_init()
        try:
            text = mtmd_cpp.mtmd_input_text()
            text.text = mtmd_cpp.mtmd_default_marker()
            text.text_len = len(mtmd_cpp.mtmd_default_marker())
            text.add_special, text.parse_special = False, True
            bitmaps = (mtmd_cpp.mtmd_bitmap_p_ctypes * 1)(bitmap)
            if mtmd_cpp.mtmd_tokenize(self.mtmd_ctx, chunks, ctypes.byref(text), bitmaps, 1):
                raise EngineFailed("bad_request", "a picture that cannot be counted")
            return int(mtmd_cpp.mtmd_helper_get_n_tokens(chunks))
        finally:
            mtmd_cpp.mtmd_input_chunks_free(chunks)
            mtmd_cpp.mtmd_bitmap_free(bitmap)

    def _get_chat_template(self, llama_model: llama_cpp.Llama) -> str:
        return self._template or str(super()._get_chat_template(llama_model))


class _Llama:
    prefix_cache = False

    def __init__(self, loading: Loading) -> None:
        self._handler = _Handler(loading)
        self._cancelled = Cancel()
        self._llama = llama_cpp.Llama(
            str(loading.model),
            chat_handler=self._handler,
            n_ctx=loading.context,
            n_batch=loading.batch,
            n_ubatch=loading.batch,
            n_threads=loading.threads,
            n_threads_batch=loading.threads,
            n_gpu_layers=loading.gpu_layers,
            verbose=True,  # else it redirects the standard output of the whole process with every call
        )
        self._handler.prepare(self._llama)
        self._abort = llama_cpp.ggml_abort_callback(lambda _: bool(self._cancelled))
        llama_cpp.llama_set_abort_callback(self._llama.ctx, self._abort, None)

    def count(self, messages: Messages) -> int:
        urls = self._handler.get_image_urls(checked(messages))
        return sum(self._handler.count(self._handler.load_image(url)) for url in urls)

    def answer(self, asked: Asked, cancelled: Cancel, say: Callable[[str], None]) -> Tokens:
        self._cancelled = cancelled
        written, read, is_whole = 0, 0, True
        try:
            chunks = self._llama.create_chat_completion(
                checked(asked.messages),
                max_tokens=asked.max_tokens,
                temperature=asked.temperature,
                repeat_penalty=1.0,
                stream=True,
            )
            with closing(chunks):
                for chunk in chunks:
                    if cancelled:
                        break
                    choice = chunk["choices"][0]
                    is_whole = choice["finish_reason"] != CUT
                    text = choice["delta"].get("content")
                    if text:
                        written += 1
                        say(text)
            read = self._llama.n_tokens - written
        except (ValueError, RuntimeError) as error:
            if not cancelled:
                raise _failure(str(error), self._llama.n_ctx()) from error
        return Tokens(max(0, read), written, is_whole=is_whole)


def _failure(detail: str, limit: int) -> EngineFailed:
    if "exceed" in detail:
        return EngineFailed("context_too_long", detail, limit=limit)
    if "memory" in detail or "allocate" in detail:
        return EngineFailed("out_of_memory", detail)
    return EngineFailed("bad_request", detail)


def _cards() -> tuple[Device, ...]:
    """What ggml knows of the cards; () where this build of the package does not offer that."""
    folder = Path(llama_cpp.__file__).parent / "lib"
    library = next((path for path in sorted(folder.iterdir()) if path.stem.removeprefix("lib") == "ggml"), None)
    if library is None:
        return ()
    ggml = ctypes.CDLL(str(library))
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    ggml.ggml_backend_dev_get.restype = ggml_device = ctypes.c_void_p
    ggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    ggml.ggml_backend_dev_type.argtypes = [ggml_device]
    ggml.ggml_backend_dev_description.argtypes = [ggml_device]
    ggml.ggml_backend_dev_description.restype = ctypes.c_char_p
    ggml.ggml_backend_dev_memory.argtypes = [ggml_device, *[ctypes.POINTER(ctypes.c_size_t)] * 2]
    found = [ggml.ggml_backend_dev_get(place) for place in range(ggml.ggml_backend_dev_count())]
    own = [card for card in found if ggml.ggml_backend_dev_type(card) == _GPU]
    sharing = [card for card in found if ggml.ggml_backend_dev_type(card) == _SHARING_GPU]
    return tuple(_card(ggml, card, shares=not own) for card in own or sharing)


def _card(ggml: Any, card: int, *, shares: bool) -> Device:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    ggml.ggml_backend_dev_memory(card, ctypes.byref(free), ctypes.byref(total))
    return Device(ggml.ggml_backend_dev_description(card).decode(), free.value, shares)
