"""What `--offline` promises: no use of the network but of this machine itself, by any process of the program."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TRACER = Path(__file__).resolve().parents[1] / "tools" / "trace_offline.py"
PROBE = """
import ctypes, socket, sys

def send(family, host, port=9):
    try:
        socket.socket(family, socket.SOCK_DGRAM).sendto(b"", (host, port))
    except OSError as error:
        print(error)

send(socket.AF_INET, "127.0.0.1")
send(socket.AF_INET6, "::1")
send(socket.AF_INET6, "::ffff:127.0.0.1")
near, other = socket.socketpair()
near.sendmsg([b"hello"])
if sys.argv[1] == "far":
    address = b"\\x02\\x00\\x00\\x09" + bytes([192, 0, 2, 1]) + bytes(8)
    ctypes.CDLL(None).connect(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).fileno(), address, 16)
    send(socket.AF_INET6, "2001:db8::1")
    socket.socket(socket.AF_UNIX).connect_ex("/run/systemd/resolve/io.systemd.Resolve")
"""
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


def may_trace():
    """Some machines let no process look at another: there the tool must say so, and the spy above is the proof."""
    return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0


def traced(*arguments):
    command = [sys.executable, str(TRACER), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)


def test_no_native_code_and_no_child_asks_for_the_network_either(no_sound_device):
    done = traced("--duration", "8")
    if not may_trace():
        assert (done.returncode, "may be traced" in done.stdout + done.stderr) == (2, True)
        return
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the network, which is switched off" in done.stderr
    assert ", 0 uses of the network." in done.stdout
    assert done.stdout.count("[0:") >= 2, "it narrates"


def test_the_trace_shows_native_code_and_those_who_look_names_up(tmp_path):
    probe = tmp_path / "probe.py"
    probe.write_text(PROBE, encoding="utf-8")
    near, far = traced("--", str(probe), "near"), traced("--", str(probe), "far")
    if not may_trace():
        assert near.returncode == far.returncode == 2
        return
    assert near.returncode == 0, near.stdout + near.stderr
    assert far.returncode == 1
    found = [line for line in far.stdout.splitlines() if "(" in line and "sa_family" in line]
    assert [next(host for host in ("192.0.2.1", "2001:db8::1", "Resolve") if host in line) for line in found] == [
        "192.0.2.1",
        "2001:db8::1",
        "Resolve",
    ]


def test_a_program_that_fails_proves_nothing(tmp_path):
    done = traced("--", str(tmp_path / "absent.py"))
    assert done.returncode == 2
    assert "proves nothing" in done.stdout
