"""Finds out whether a window can be opened at all, where Qt itself would end the process without a word."""

import ctypes
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from narrator.errors import NoWindow

_LIBRARIES = (
    "libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-shape0 libxcb-xkb1 "
    "libxkbcommon-x11-0"
)
_X11_PORT = 6000
_TIMEOUT = 2.0


def require_display(environment: Mapping[str, str] = os.environ) -> None:
    """Raises `NoWindow` when there is no display, or a library of Qt's for it is missing."""
    platform = environment.get("QT_QPA_PLATFORM") or "xcb"
    if not sys.platform.startswith("linux") or platform.split(":")[0] != "xcb" or environment.get("WAYLAND_DISPLAY"):
        return
    if not _answers(environment.get("DISPLAY", "")):
        raise NoWindow("There is no display to open a window on.", "Use --no-window to narrate in the terminal.")
    _require_libraries()


def _answers(display: str) -> bool:
    """Whether an X server listens at `host:number.screen`."""
    host, _, number = display.rpartition(":")
    number = number.partition(".")[0]
    if not number.isdigit():
        return False
    if host and host != "unix":
        return _connects(socket.AF_INET, (host, _X11_PORT + int(number)))
    path = f"/tmp/.X11-unix/X{number}"  # noqa: S108 - where X servers listen, by convention
    return _connects(socket.AF_UNIX, path) or _connects(socket.AF_UNIX, "\0" + path)


def _connects(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(_TIMEOUT)
        try:
            client.connect(address)
        except OSError:
            return False
        return True


def _require_libraries() -> None:
    """Load Qt's platform plug-in as the linker would: it names the library that is missing."""
    from PySide6.QtCore import QLibraryInfo

    plugin = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath)) / "platforms" / "libqxcb.so"
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        missing = str(error).partition(":")[0]
        remedy = f"On Debian or Ubuntu: sudo apt-get install {_LIBRARIES}"
        raise NoWindow(f"The window cannot open: {missing} is missing.", remedy, str(error)) from error
