"""What `--offline` promises: no use of the network but of this machine itself, by any process of the program."""

import json
import os
import subprocess
import sys

import pytest

SPY = """
import json, os, sys

def note(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        with open(os.environ["SPY_LOG"], "a", encoding="utf-8") as log:
            log.write(json.dumps([event, repr(arguments[-1] if event == "socket.connect" else arguments)]) + "\\n")

sys.addaudithook(note)
"""


@pytest.fixture
def watched(tmp_path):
    """The environment of a program whose every Python process notes where it connects to; and that note."""
    (tmp_path / "sitecustomize.py").write_text(SPY, encoding="utf-8")
    log = tmp_path / "spied.jsonl"
    own = {"PYTHONPATH": str(tmp_path), "SPY_LOG": str(log), "GEMINI_API_KEY": "nobodys"}
    folders = {"SCENE_NARRATOR_CONFIG": str(tmp_path), "SCENE_NARRATOR_LOG": str(tmp_path)}
    return os.environ | own | folders, log


def narrate(environment, *arguments):
    command = [sys.executable, "-m", "narrator", "--no-window", "--voice", "espeak", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=90)


def network_uses(log):
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [(event, where) for event, where in map(json.loads, lines) if where.startswith("(")]


def test_a_whole_run_connects_to_nothing(watched, no_sound_device):
    environment, log = watched
    done = narrate(environment, "demo", "--offline", "--backend", "gemini", "--yes", "--duration", "6")
    assert done.returncode == 0, done.stderr
    assert "the network, which is switched off" in done.stderr
    assert done.stdout.count("[0:") >= 2, "it narrates"
    assert network_uses(log) == []


def test_the_spy_would_have_seen_it(watched):
    environment, log = watched
    narrate(
        environment,
        "demo",
        "--backend",
        "gemini",
        "--yes",
        "--duration",
        "2",
        "--set",
        "gemini.base_url=http://127.0.0.1:9",
    )
    assert any("127.0.0.1" in where for _, where in network_uses(log))


@pytest.mark.parametrize("source", ["rtsp://192.0.2.1/door", "http://camera.example/video", "udp://192.0.2.1:5000"])
def test_a_source_on_the_network_is_refused(watched, source):
    environment, log = watched
    done = narrate(environment, "--source", source, "--offline")
    assert done.returncode == 2
    assert "switched off" in done.stderr
    assert network_uses(log) == []


def test_the_library_that_looks_for_things_is_told_to_report_nothing_before_it_is_loaded():
    code = "import os, narrator, sys; print('onnxruntime' in sys.modules, os.environ['ORT_DISABLE_TELEMETRY'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "1"]
