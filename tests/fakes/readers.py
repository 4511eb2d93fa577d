"""A screen reader that notes what it is told, with times: it takes the place of prismatoid's module in the children."""

import os
from pathlib import Path

import pytest

_PRISM = """
import os, time
class PrismError(Exception): pass
def note(*words):
    with open(os.environ["READER_LOG"], "a") as log:
        print(time.monotonic(), *words, sep="|", file=log)
class Reader:
    def speak(self, text, interrupt): note("speak", text, interrupt)
    def stop(self): note("stop")
class Context:
    def acquire_best(self):
        if os.environ["READER_RUNS"] == "no":
            raise PrismError("backend not available")
        return Reader()
"""
_MISSING = 'raise ModuleNotFoundError("No module named prism")'


class ScreenReader:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._log, self._module, self._monkeypatch = folder / "reader.log", folder / "prism.py", monkeypatch
        self._module.write_text(_PRISM)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
        monkeypatch.setenv("READER_LOG", str(self._log))
        monkeypatch.setenv("READER_RUNS", "yes")

    def quit(self) -> None:
        """No reader runs any more."""
        self._monkeypatch.setenv("READER_RUNS", "no")

    def uninstall(self) -> None:
        """The package cannot be imported any more."""
        self._module.write_text(_MISSING)

    @property
    def told(self) -> list[list[str]]:
        """What it was told, in order: ["speak", text, interrupt] or ["stop"]."""
        return [line.split("|")[1:] for line in self._lines()]

    @property
    def last_told_at(self) -> float:
        """The monotonic time of the last thing it was told."""
        return float(self._lines()[-1].split("|")[0])

    def _lines(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def screen_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScreenReader:
    return ScreenReader(tmp_path, monkeypatch)
