"""The log and the crash traces, in processes of their own: an obstacle sends them elsewhere and is no failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import faulthandler, logging, sys
from narrator.diagnostics import log_path, start_logging
path = start_logging("info")
logging.warning("a lone half \\ud83d of a letter")
logging.warning("a wrong %d", "format")
assert path == log_path()
print(path)
print(faulthandler.is_enabled())
"""


@pytest.fixture
def log(tmp_path):
    """Runs the program with its log in a folder: the log's path, and whether crashes are traced."""

    def run(folder):
        temporary = tmp_path / "temporary"
        temporary.mkdir()
        environment = os.environ | {"SCENE_NARRATOR_LOG": str(folder), "TMPDIR": str(temporary)}
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        path, has_traces = done.stdout.split()
        return Path(path), has_traces == "True"

    return run


def test_the_log_is_written_where_the_settings_say(log, tmp_path):
    path, has_traces = log(tmp_path / "new" / "logs")
    assert path == tmp_path / "new" / "logs" / "scene-narrator.log"
    assert "a lone half \\ud83d of a letter" in path.read_text(encoding="utf-8")
    assert has_traces
    assert path.with_name("crash.log").exists()


@pytest.mark.parametrize("obstacle", ["scene-narrator.log", "crash.log"])
def test_only_the_file_that_cannot_be_opened_goes_elsewhere(log, tmp_path, obstacle):
    folder = tmp_path / "logs"
    (folder / obstacle).mkdir(parents=True)
    path, has_traces = log(folder)
    assert "a lone half" in path.read_text(encoding="utf-8")
    assert has_traces
    assert (path.parent == folder) is (obstacle == "crash.log")
    assert list((tmp_path / "temporary").glob(f"scene-narrator-log-*/{obstacle}"))


def test_a_file_in_the_folders_place(log, tmp_path):
    (tmp_path / "logs").touch()
    path, has_traces = log(tmp_path / "logs")
    assert path.parent.parent == tmp_path / "temporary"
    assert "a lone half" in path.read_text(encoding="utf-8")
    assert has_traces
