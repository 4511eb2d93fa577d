"""Reads what a client asked of the fake Gemini service: parts, sizes, and tokens by the vendor's rules."""

import base64
import hashlib
import json
import math
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
LEVELS = {
    "2.5": {"LOW": 64, "MEDIUM": 256, "HIGH": 2048, "": 256},
    "3": {"LOW": 280, "MEDIUM": 560, "HIGH": 1120, "ULTRA_HIGH": 2240, "": 1120},
}
"""Tokens of a picture by level of detail, "" when none is given; vendor's page of 2025-12-05."""
VIDEO = {"1": {"": 258}, "2.5": {"LOW": 64, "": 256}, "3": {"HIGH": 280, "": 70}}
"""Tokens of each picture of a video."""


@dataclass
class Part:
    """One part of a request: `kind` is text, image or video; `level` is its level of detail, "" when not given."""

    kind: str
    text: str = ""
    mime: str = ""
    data: bytes = b""
    width: int = 0
    height: int = 0
    level: str = ""
    tokens: int = 0
    role: str = "user"
    digest: str = ""


@dataclass
class Asked:
    """One request and what became of it; times named `*_at` are on the monotonic clock, `wall_time` since 1970."""

    number: int
    method: str
    model: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: Json = field(repr=False)
    size: int = 0
    wall_time: float = field(default_factory=time.time)
    arrived_at: float = field(default_factory=time.monotonic)
    in_flight: int = 0
    """How many other answers were being made when it came."""
    parts: list[Part] = field(default_factory=list, repr=False)
    status: int = 0
    fault: str = ""
    words: int = 0
    text: str = ""
    usage: Json = field(default_factory=dict)
    first_word_at: float | None = None
    finished_at: float | None = None
    aborted_at: float | None = None
    stamp: Json | None = None
    """Frame, scene and clock of the newest picture, where stamps are read and there is one."""

    @property
    def pictures(self) -> list[Part]:
        return [part for part in self.parts if part.kind == "image"]

    @property
    def levels(self) -> list[str]:
        """The level of detail of each picture, oldest first."""
        return [part.level for part in self.pictures]

    @property
    def config(self) -> Json:
        return self.body.get("generationConfig") or {}

    @property
    def prompt_text(self) -> str:
        """All text of the request but the system instruction."""
        return "\n".join(part.text for part in self.parts if part.kind == "text" and part.role != "system")

    @property
    def system(self) -> str:
        return "\n".join(part.text for part in self.parts if part.role == "system")

    @property
    def aborted_after(self) -> float | None:
        """Seconds from its arrival until the client went away."""
        return None if self.aborted_at is None else self.aborted_at - self.arrived_at

    def tokens(self, *kinds: str) -> int:
        """Tokens of its parts of these kinds."""
        return sum(part.tokens for part in self.parts if part.kind in kinds)

    def report(self) -> Json:
        """What can be told of it in JSON: no pictures, no key."""
        plain = (
            "number",
            "method",
            "model",
            "size",
            "wall_time",
            "arrived_at",
            "in_flight",
            "status",
            "fault",
            "words",
        )
        times = ("text", "usage", "first_word_at", "finished_at", "aborted_at", "stamp")
        pictures = [
            {"width": part.width, "height": part.height, "bytes": len(part.data), "level": part.level}
            | {"tokens": part.tokens, "kind": part.kind}
            for part in self.parts
            if part.kind != "text"
        ]
        return {name: getattr(self, name) for name in (*plain, *times)} | {"pictures": pictures}


def generation_of(model: str) -> str:
    """Which rule counts the tokens of a model: "1" (up to 2.0), "2.5" or "3" (and all that follow)."""
    number = "".join(letter for letter in model.partition("gemini-")[2].partition("-")[0] if letter in "0123456789.")
    try:
        value = float(number)
    except ValueError:
        return "3"
    return "1" if value < 2.5 else "2.5" if value < 3 else "3"


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def unified(value: Any) -> Any:
    """The same JSON with every name in camel case: clients send both."""
    if isinstance(value, dict):
        return {camel(name): unified(item) for name, item in value.items()}
    return [unified(item) for item in value] if isinstance(value, list) else value


def parsed(raw: bytes) -> Json:
    """The request's body; empty when it is no JSON object."""
    try:
        body = json.loads(raw or b"{}")
    except ValueError:
        return {}
    return unified(body) if isinstance(body, dict) else {}


def parts_of(body: Json, model: str, scale: float = 1.0) -> list[Part]:
    """Every part in the order in which it is sent, the system instruction first, priced by the model's own rule."""
    generation = generation_of(model)
    level = _level((body.get("generationConfig") or {}).get("mediaResolution"))
    found = list(_parts(body, generation, level))
    for part in found:
        part.tokens = round(part.tokens * scale)
    return found


def picture_tokens(generation: str, width: int, height: int, level: str = "") -> int:
    """Tokens of one picture. Up to 2.0: 258 when small, else 258 a tile (vendor's page of 2025-12-05)."""
    if generation in LEVELS:
        costs = LEVELS[generation]
        return costs.get(level, costs[""])
    if width <= 384 and height <= 384:
        return 258
    shrink = max(1.0, max(width, height) / 3072)
    width, height = round(width / shrink), round(height / shrink)
    tile = min(768, max(256, math.floor(min(width, height) / 1.5)))
    return 258 * math.ceil(width / tile) * math.ceil(height / tile)


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height of a JPEG or PNG; zeros when it is neither."""
    if data.startswith(b"\x89PNG") and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return int(width), int(height)
    at = 2
    while data.startswith(b"\xff\xd8") and at + 9 <= len(data):
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return int(width), int(height)
        at += 2 + length
    return 0, 0


def decoded(text: str) -> bytes:
    """Base64 of either alphabet, padded or not."""
    text = text.replace("-", "+").replace("_", "/")
    return base64.b64decode(text + "=" * (-len(text) % 4))


def _parts(body: Json, generation: str, level: str) -> Iterator[Part]:
    system = body.get("systemInstruction") or {}
    for part in system.get("parts", ()):
        yield _text(str(part.get("text", "")), "system")
    for content in body.get("contents") or ():
        role = str(content.get("role") or "user")
        for part in content.get("parts", ()):
            yield _part(part, role, generation, level)


def _part(part: Json, role: str, generation: str, level: str) -> Part:
    blob = part.get("inlineData") or part.get("fileData")
    if not blob:
        return _text(str(part.get("text", "")), role)
    data = decoded(blob.get("data", ""))
    mime, own = str(blob.get("mimeType", "")), _level(part.get("mediaResolution"))
    digest = hashlib.sha256(data or str(blob).encode()).hexdigest()
    if mime.startswith("video/"):
        fps = float((part.get("videoMetadata") or {}).get("fps") or 1)
        costs = VIDEO[generation]
        tokens = costs.get(own or level, costs[""]) * max(1, round(_seconds(data) * fps))
        return Part("video", mime=mime, data=data, level=own or level, tokens=tokens, role=role, digest=digest)
    width, height = picture_size(data)
    tokens = picture_tokens(generation, width, height, own or level)
    return Part("image", "", mime, data, width, height, own or level, tokens, role, digest)


def _text(text: str, role: str) -> Part:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Part("text", text, tokens=math.ceil(len(text) / 4), role=role, digest=digest)


def _level(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("level")
    name = str(value or "").upper().removeprefix("MEDIA_RESOLUTION_")
    return "" if name == "UNSPECIFIED" else name


def _seconds(data: bytes) -> float:
    """Duration that an mp4 file's movie header tells; 1 when there is none."""
    at = data.find(b"mvhd")
    if at < 0 or len(data) < at + 36:
        return 1.0
    if data[at + 4] == 1:
        scale, duration = struct.unpack(">IQ", data[at + 24 : at + 36])
    else:
        scale, duration = struct.unpack(">II", data[at + 16 : at + 24])
    return float(duration / scale) if scale else 1.0
