"""What the two engines for GGUF models have in common: what they are told, what they can do, what they count."""

import base64
import os
import re
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from narrator.engines.failures import EngineFailed
from narrator.mailbox import Cancel

_MOST_DETAIL = 4000
Messages = Sequence[Mapping[str, Any]]
"""OpenAI chat messages whose pictures are data URIs."""


@dataclass(frozen=True, slots=True)
class Loading:
    """Which files to load and how: tokens of context, tokens read at once, layers on the graphics card."""

    model: Path
    projector: Path
    context: int
    batch: int
    threads: int
    gpu_layers: int
    projector_on_gpu: bool
    most_tokens: int
    """Of one picture, where the model's kind lets that be chosen."""
    template: str = ""
    """A chat template for a file that has none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    messages: Messages
    max_tokens: int
    temperature: float = 0.0


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a request took; `cached` are those of `read` that were there from the request before.

    `is_whole` is False when the answer met the most tokens, or the end of the context, before its own end.
    """

    read: int = 0
    written: int = 0
    cached: int = 0
    is_whole: bool = True


class LlamaEngine(Protocol):
    """A loaded model. `answer` is called by one thread at a time."""

    prefix_cache: bool
    """What two requests have in common at their start is read but once, pictures included."""

    def count(self, messages: Messages) -> int:
        """Tokens of these messages, of which nothing is read. Raises `EngineFailed`."""

    def answer(self, asked: Asked, cancelled: Cancel, say: Callable[[str], None]) -> Tokens:
        """Give `say` the answer as it comes; end soon after `cancelled`. Raises `EngineFailed`."""


CUT = "length"
"""What an engine gives as the reason why an answer ended that had no end of its own."""


def picture(width: int, height: int) -> dict[str, Any]:
    """A grey picture of this size as a part of a message: a PNG, for it is the easiest to write."""
    line = b"\0" + b"\x80" * width
    parts = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(line * height, 1))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in (*parts, (b"IEND", b"")))
    uri = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    return {"type": "image_url", "image_url": {"url": uri}}


def user(*parts: Mapping[str, Any]) -> Messages:
    """One message of the user's."""
    return [{"role": "user", "content": list(parts)}]


def checked(messages: Messages) -> Messages:
    """The messages, whose pictures came along as data: an engine would fetch any other address.

    Raises `EngineFailed`.
    """
    for message in messages:
        content = message["content"]
        for part in content if isinstance(content, list) else ():
            if part["type"] == "image_url" and not str(part["image_url"]["url"]).startswith("data:image/"):
                raise EngineFailed("bad_request", "a picture that is no data URI")
    return messages


@contextmanager
def engine_log() -> Iterator[Callable[[], str]]:
    """What native code writes to standard error meanwhile can be read: its end, as text."""
    with tempfile.TemporaryFile() as file:
        before = os.dup(2)
        os.dup2(file.fileno(), 2)

        def written() -> str:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - _MOST_DETAIL))
            return file.read().decode("utf-8", "replace")

        try:
            yield written
        finally:
            os.dup2(before, 2)
            os.close(before)


def load_failure(log: str, error: BaseException) -> EngineFailed:
    """Why a model did not load, from what the engine wrote; whoever called knows of which model."""
    detail = f"{error}\n{log}"
    unknown = re.search(r"unknown (?:model architecture|projector type):? *'?([\w.-]+)", detail)
    if unknown:
        return EngineFailed("model_unknown", detail, kind=unknown.group(1))
    if re.search(r"mismatch between text model|wrong mmproj", detail):
        return EngineFailed("projector_unfit", detail)
    if isinstance(error, MemoryError) or re.search(r"(?:failed|unable) to allocate|out of memory|bad_alloc", detail):
        return EngineFailed("out_of_memory", detail)
    return EngineFailed("model_unusable", detail)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
