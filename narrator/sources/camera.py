"""Cameras of this computer, by number, path or name."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from narrator.errors import SourceError, SourceLost, SourceRefused
from narrator.messages import Picture
from narrator.seams import Context, Setting, Source, SourceSpec
from narrator.sources._opencv import Reader, open_camera
from narrator.sources._probe import as_told

SPEC = SourceSpec(
    id="camera",
    title="Camera",
    help="A camera of this computer: by number, path or name.",
    schemes=("camera",),
    example="camera:0",
    settings=(
        Setting("camera.width", 1280, "Width to ask of a camera.", 160, 7680, unit="pixels", restarts="source"),
        Setting("camera.height", 720, "Height to ask of a camera.", 120, 4320, unit="pixels", restarts="source"),
        Setting("camera.rate", 30, "Pictures a second to ask of a camera.", 1, 240, restarts="source"),
    ),
)
_DEVICES = Path("/sys/class/video4linux")
_LIST_TIMEOUT = 10.0
_LISTS_OF_NAMES = {
    "darwin": ["system_profiler", "SPCameraDataType", "-json"],
    "win32": [
        "powershell",
        "-NoProfile",
        "-Command",
        "Get-CimInstance Win32_PnPEntity | Where-Object PNPClass -in Camera,Image | ForEach-Object Name",
    ],
}
_PLUG_IN = "Plug one in, or choose a screen, a stream or a file."

Found = tuple[int, str]
"""A camera's number and name."""


def create(address: str, context: Context) -> Source:
    return Camera(address.partition(":")[2].strip(), context)


def title(address: str) -> str:
    wanted = address.partition(":")[2].strip()
    number = re.fullmatch(r"(?:/dev/video)?(\d+)", wanted)
    if number:
        return f"camera {number[1]}"
    return f"the camera {as_told(wanted)}" if wanted else "the camera"


def choices() -> list[tuple[str, str]]:
    return [(f"camera:{number}", f"camera {number}, {name}") for number, name in found_cameras()]


def found_cameras(devices: Path = _DEVICES) -> list[Found]:
    """The cameras that the system knows, in the order of their numbers. `devices` is Linux's folder of them."""
    if sys.platform in _LISTS_OF_NAMES:
        return list(enumerate(_names_by_program(sys.platform)))
    found = []
    for entry in devices.glob("video*"):
        number = entry.name.removeprefix("video")
        if number.isdecimal() and _line(entry / "index") in ("0", ""):  # the others carry no pictures but data on them
            found.append((int(number), _line(entry / "name") or "a camera"))
    return sorted(found)


class Camera:
    """One camera. `wanted` is its number, path or name; empty for the first."""

    live = True

    def __init__(self, wanted: str, context: Context, devices: Path = _DEVICES) -> None:
        self._wanted = wanted
        self._context = context
        self._devices = devices
        self._reader: Reader | None = None
        self._opened_at = 0.0

    def open(self) -> None:
        import cv2

        found = found_cameras(self._devices)
        device = _device(self._wanted, found)
        backend = cv2.CAP_V4L2 if sys.platform.startswith("linux") else cv2.CAP_ANY
        reader = open_camera(device, backend, self._wishes())
        if reader is None:
            raise _why_closed(device, found)
        self._reader, self._opened_at = reader, time.monotonic()

    def read(self) -> Picture | None:
        pixels = self._reader.read() if self._reader else None
        if pixels is None:
            raise SourceLost("The camera stopped.", "Check its cable.")
        return Picture(pixels, time.monotonic() - self._opened_at)

    def skip(self) -> float | None:
        return None

    def rewind(self) -> None:
        """A camera has no beginning to go back to."""

    def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _wishes(self) -> dict[int, float]:
        import cv2

        return {
            cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"MJPG"),  # raw, most USB cameras give 10 pictures a second
            cv2.CAP_PROP_FRAME_WIDTH: self._context.number("camera.width"),
            cv2.CAP_PROP_FRAME_HEIGHT: self._context.number("camera.height"),
            cv2.CAP_PROP_FPS: self._context.number("camera.rate"),
            cv2.CAP_PROP_BUFFERSIZE: 1,
        }


def _device(wanted: str, found: Sequence[Found]) -> int | str:
    """What OpenCV calls the camera. Raises `SourceRefused` that names the cameras there are."""
    numbers = [number for number, _ in found]
    if not wanted and found:
        return numbers[0]
    if wanted.isdecimal() and (int(wanted) in numbers or Path(f"/dev/video{wanted}").exists()):
        return int(wanted)
    if "/" in wanted and Path(wanted).exists():
        return wanted
    named = [number for number, name in found if wanted and wanted.lower() in name.lower()]
    if named:
        return named[0]
    raise _no_such_camera(wanted, found)


def _no_such_camera(wanted: str, found: Sequence[Found]) -> SourceRefused:
    if not found:
        sentence = (
            f"There is no camera {as_told(wanted)}; no camera was found at all." if wanted else "No camera was found."
        )
        return SourceRefused(sentence, _PLUG_IN)
    there = "; ".join(f"camera:{number} is {name}" for number, name in found)
    return SourceRefused(f"There is no camera {as_told(wanted)}.", f"Choose one that was found: {there}.")


def _why_closed(device: int | str, found: Sequence[Found]) -> SourceError:
    path = Path(f"/dev/video{device}") if isinstance(device, int) else Path(device)
    if sys.platform.startswith("linux") and path.exists():
        if not path.is_char_device():
            return SourceRefused(f"{as_told(path)} is not a camera.", _PLUG_IN)
        if not os.access(path, os.R_OK | os.W_OK):
            remedy = "Run: sudo usermod -aG video $USER — then log out and in again."
            return SourceRefused("The camera may not be used by you.", remedy)
    remedy = "Close the other program that uses it, allow cameras in the system's privacy settings, or plug it in anew."
    name = dict(found).get(device, "") if isinstance(device, int) else str(device)
    return SourceLost("The camera does not open.", remedy, f"device {device} {name}")


def _names_by_program(platform: str) -> list[str]:
    """Names from the system's own inventory, in the order of OpenCV's numbers as far as is known; never run by us."""
    command = _LISTS_OF_NAMES[platform]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIST_TIMEOUT, check=True)
        if platform == "darwin":
            return [str(camera["_name"]) for camera in json.loads(done.stdout)["SPCameraDataType"]]
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
