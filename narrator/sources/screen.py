"""What a screen of this computer shows, or a part of it, without our own windows."""

import os
import sys
import time
from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING

from narrator.errors import SourceLost, SourceRefused
from narrator.messages import Level, Notice, Picture, Pixels, Rectangle
from narrator.seams import Context, Setting, Source, SourceSpec

if TYPE_CHECKING:
    import mss

SPEC = SourceSpec(
    id="screen",
    title="Screen",
    help="The primary screen, another one by number, or a part: left, top, width, height.",
    schemes=("screen",),
    example="screen:0,0,800,600",
    settings=(Setting("screen.rate", 15.0, "How often to look at the screen.", 1, 60, unit="a second"),),
)
_GREY = 128
_HOW = "Write screen, screen:2 or screen:left,top,width,height."
_NEEDS_X = "A desktop session is needed; on Linux choose one with Xorg when you log in."


def create(address: str, context: Context) -> Source:
    return _Screen(address.partition(":")[2].strip(), context)


def title(address: str) -> str:
    wanted = address.partition(":")[2].strip()
    if not wanted:
        return "the screen"
    return "a part of the screen" if "," in wanted else f"screen {wanted}"


def choices() -> list[tuple[str, str]]:
    try:
        grabber = _grabber()
    except SourceRefused:
        return []
    try:
        screens = grabber.monitors[1:]
    finally:
        grabber.close()
    if len(screens) < 2:
        return [("screen", "the screen")]
    primary = [("screen", "the main screen")]
    return primary + [
        (f"screen:{number}", f"screen {number}, {screen['width']} by {screen['height']}")
        for number, screen in enumerate(screens, 1)
    ]


class _Screen:
    live = True

    def __init__(self, wanted: str, context: Context) -> None:
        self._wanted = wanted
        self._context = context
        self._grabber: mss.MSS | None = None
        self._place: Rectangle = (0, 0, 1, 1)
        self._closed = Event()
        self._opened_at = 0.0
        self._due = 0.0

    def open(self) -> None:
        grabber = _grabber()
        try:
            self._place = _place(self._wanted, grabber)
        except SourceRefused:
            grabber.close()
            raise
        if os.environ.get("XDG_SESSION_TYPE") == "wayland" and sys.platform.startswith("linux"):
            self._context.notify(Notice(Level.WARNING, "This desktop may show its screen to us as black.", _NEEDS_X))
        self._closed = Event()
        self._grabber, self._opened_at = grabber, time.monotonic()

    def read(self) -> Picture | None:
        grabber, closed = self._grabber, self._closed
        self._due = max(self._due + 1 / self._context.number("screen.rate"), time.monotonic())
        if grabber is None or closed.wait(max(0.0, self._due - time.monotonic())):
            raise SourceLost("The screen was closed.")
        return Picture(self._grab(grabber), time.monotonic() - self._opened_at)

    def skip(self) -> float | None:
        return None

    def rewind(self) -> None:
        """A screen has no beginning to go back to."""

    def close(self) -> None:
        self._closed.set()
        grabber, self._grabber = self._grabber, None
        if grabber is not None:
            grabber.close()

    def _grab(self, grabber: "mss.MSS") -> Pixels:
        import cv2
        import numpy as np
        from mss.exception import ScreenShotError

        left, top, width, height = self._place
        try:
            shot = grabber.grab({"left": left, "top": top, "width": width, "height": height})
        except (ScreenShotError, OSError, ValueError) as error:
            raise SourceLost("The screen cannot be seen.", _NEEDS_X, str(error)) from error
        seen = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)
        pixels = np.ascontiguousarray(cv2.cvtColor(seen, cv2.COLOR_BGRA2BGR), dtype=np.uint8)
        self._leave_out_our_windows(pixels)
        return pixels

    def _leave_out_our_windows(self, pixels: Pixels) -> None:
        left, top, width, height = self._place
        across, down = pixels.shape[1] / width, pixels.shape[0] / height  # more than 1 on a Retina screen
        for x, y, wide, high in self._context.excluded.peek() or ():
            rows = slice(max(0, int((y - top) * down)), max(0, int((y + high - top) * down + 1)))
            columns = slice(max(0, int((x - left) * across)), max(0, int((x + wide - left) * across + 1)))
            pixels[rows, columns] = _GREY


def _grabber() -> "mss.MSS":
    import mss
    from mss.exception import ScreenShotError

    try:
        grabber = mss.MSS()
        _ = grabber.monitors
    except (ScreenShotError, OSError) as error:
        raise SourceRefused("There is no screen to look at.", _NEEDS_X, str(error)) from error
    return grabber


def _place(wanted: str, grabber: "mss.MSS") -> Rectangle:
    """Where on the desktop to look. Raises `SourceRefused`."""
    numbers = [int(number) for number in wanted.split(",") if number.strip().lstrip("-").isdecimal()]
    if not wanted:
        return _rectangle(grabber.primary_monitor)
    if len(numbers) != wanted.count(",") + 1 or len(numbers) not in (1, 4):
        raise SourceRefused(f"screen:{wanted} is no screen.", _HOW)
    if len(numbers) == 4:
        return _part(numbers, _rectangle(grabber.monitors[0]))
    screens = grabber.monitors[1:]
    if not 1 <= numbers[0] <= len(screens):
        there = "Only screen:1 was found." if len(screens) == 1 else f"Choose screen:1 to screen:{len(screens)}."
        raise SourceRefused(f"There is no screen {numbers[0]}.", there)
    return _rectangle(screens[numbers[0] - 1])


def _part(wanted: Sequence[int], desktop: Rectangle) -> Rectangle:
    left, top = max(wanted[0], desktop[0]), max(wanted[1], desktop[1])
    right = min(wanted[0] + wanted[2], desktop[0] + desktop[2])
    bottom = min(wanted[1] + wanted[3], desktop[1] + desktop[3])
    if right <= left or bottom <= top:
        whole = f"The desktop is {desktop[2]} by {desktop[3]} pixels and begins at {desktop[0]}, {desktop[1]}."
        raise SourceRefused("That part lies outside of the screen.", whole)
    return left, top, right - left, bottom - top


def _rectangle(monitor: "mss.models.Monitor") -> Rectangle:
    return monitor["left"], monitor["top"], monitor["width"], monitor["height"]
