"""A desktop for tests: an X display with a window manager, and programs that are driven by keys and looked at."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fakes.displays import running_xvfb
from fakes.waiting import eventually
from numpy.typing import NDArray

STARTS_WITHIN = 20.0


@contextmanager
def running_desktop() -> Iterator[str]:
    """A display of its own with openbox on it."""
    with running_xvfb(size="1280x800x24") as display:
        own, quiet = {**os.environ, "DISPLAY": display}, subprocess.DEVNULL
        manager = subprocess.Popen(["openbox"], env=own, stdout=quiet, stderr=quiet)
        try:
            yield display
        finally:
            manager.terminate()
            manager.wait(10)


class Program:
    """A program of ours in a window; `folder` takes its settings, its log, its events and what it complains of."""

    def __init__(self, display: str, folder: Path, *command: str, environment: Mapping[str, str] | None = None):
        self._events = folder / "events.jsonl"
        self._display = display
        self.errors = folder / "errors.txt"
        own = {
            "DISPLAY": display,
            "QT_QPA_PLATFORM": "xcb",
            "SCENE_NARRATOR_CONFIG": str(folder / "config"),
            "SCENE_NARRATOR_LOG": str(folder / "log"),
        }
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(command, env={**os.environ, **own, **(environment or {})}, stderr=errors)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What it told so far of one kind."""
        if not self._events.exists():
            return []
        lines = self._events.read_text(encoding="utf-8").splitlines(keepends=True)
        records = [json.loads(line) for line in lines if line.endswith("\n")]
        return [record for record in records if record["kind"] == kind]

    def phase(self) -> str:
        states = self.events("state")
        return states[-1]["phase"] if states else ""

    def window(self, title: str = "Scene Narrator") -> str:
        """The id of its visible window of this title, brought to the front."""
        assert eventually(lambda: self._search(title), STARTS_WITHIN), f"no window {title}: {self.errors.read_text()}"
        window = self._search(title)[-1]
        self._xdotool("windowactivate", "--sync", window)
        return window

    def key(self, *keys: str) -> None:
        """Press keys, named as X11 names them, where the focus is."""
        self._xdotool("key", *keys)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self._xdotool("type", text)

    def screenshot(self, window: str, path: Path) -> NDArray[np.uint8]:
        """What the window shows, as a BGR array; also kept as a file."""
        command = ["import", "-silent", "-window", window, str(path)]
        subprocess.run(command, env={**os.environ, "DISPLAY": self._display}, check=True)
        picture = cv2.imread(str(path))
        assert picture is not None
        return np.asarray(picture, np.uint8)

    def end(self) -> None:
        """End it if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    def _search(self, title: str) -> list[str]:
        return self._xdotool("search", "--onlyvisible", "--name", title, may_fail=True).split()

    def _xdotool(self, *words: str, may_fail: bool = False) -> str:
        environment = {**os.environ, "DISPLAY": self._display}
        done = subprocess.run(["xdotool", *words], env=environment, capture_output=True, text=True, check=not may_fail)
        return done.stdout
