"""The command as a user types it: what it prints and how it ends, in a process of its own."""

import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

SCRIPT = """
[[line]]
text = "A red ball rolls in. It stops."
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Three seconds of a red ball that rolls over grey."""
    path = tmp_path_factory.mktemp("clip") / "ball.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (320, 240))
    for number in range(60):
        picture = np.full((240, 320, 3), 90, np.uint8)
        cv2.circle(picture, (20 + number * 4, 120), 30, (0, 0, 255), -1)
        writer.write(picture)
    writer.release()
    return path


@pytest.fixture
def run(tmp_path):
    """Run scene-narrator with these arguments, in a config folder of its own."""
    environment = os.environ | {
        "SCENE_NARRATOR_CONFIG": str(tmp_path / "config"),
        "SCENE_NARRATOR_LOG": str(tmp_path / "log"),
    }
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        environment.pop(name, None)

    def run(*arguments):
        command = [sys.executable, "-m", "narrator", *map(str, arguments)]
        return subprocess.run(
            command,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    run.environment = environment
    return run


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.toml"
    path.write_text(SCRIPT, encoding="utf-8")
    return f"scripted:{path}"


def events_of(text):
    return [json.loads(line) for line in text.splitlines()]


def test_help_names_the_exit_codes(run):
    done = run("--help")
    assert done.returncode == 0
    assert "exit codes: 0 done, 1 failed, 2 wrong usage" in done.stdout


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from narrator.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"numpy", "cv2", "PySide6", "onnxruntime", "rapidocr", "mss", "psutil", "tomlkit"}


def test_version(run):
    assert run("--version").stdout.startswith("scene-narrator 0.")


def test_narrates_in_the_terminal_when_there_is_no_display(run, clip, script):
    done = run("--source", clip, "--backend", script, "--voice", "silent", "--set", "speech.rate=900")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("A red ball rolls in. It stops.\n")
    assert done.stdout.startswith("[0:0")
    assert "There is no display" in done.stderr


def test_events_go_to_standard_output_and_captions_elsewhere(run, clip, script):
    done = run("--no-window", "--source", clip, "--backend", script, "--voice", "silent", "--events", "-")
    assert done.returncode == 0, done.stderr
    events = events_of(done.stdout)
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "hello"
    assert {"request", "delta", "caption", "utterance", "audio", "state"} <= set(kinds)
    (caption,) = [event for event in events if event["kind"] == "caption"]
    assert caption["text"] == "A red ball rolls in. It stops."
    assert caption["complete"]
    assert 0 <= caption["media_t"] <= 3
    assert "A red ball" in done.stderr
    ends = [event["event"] for event in events if event["kind"] == "audio"]
    assert ends == ["start", "end", "start", "end"]


def test_duration_counts_from_the_first_picture(run, clip, script, tmp_path):
    target = tmp_path / "e.jsonl"
    arguments = ("--source", clip, "--backend", script, "--voice", "silent", "--loop", "--duration", "1.5")
    done = run("--no-window", *arguments, "--events", target)
    assert done.returncode == 0, done.stderr
    events = events_of(target.read_text())
    assert events[-1]["t"] < 20


def test_ctrl_c_ends_cleanly(run, clip, script):
    command = [sys.executable, "-m", "narrator", "--no-window", "--loop", "--source", str(clip), "--backend", script]
    process = subprocess.Popen(
        [*command, "--voice", "silent"], env=run.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert "red ball" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert errors == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--source", "nowhere.mp4"), 1, "nowhere.mp4"),
        (("--source", "rstp://x/y"), 2, "Did you mean rtsp?"),
        (("--backend", "embeded"), 2, "Did you mean embedded?"),
        (("--voice", "espaek"), 2, "Did you mean espeak?"),
        (("--set", "speech.rat=200"), 2, "Did you mean speech.rate?"),
        (("--set", "speech.rate=5"), 2, "from 80 to 900"),
        (("--set", "speech.rate"), 2, "has no value"),
        (("--duration", "0"), 2, "--duration"),
        (("--duration", "x"), 2, "must be a number of seconds"),
        (("--source", "~nobodyhere/x.mp4"), 1, "There is no folder called ~nobodyhere"),
        (("list",), 2, "Choose one of"),
        (("list", "colours"), 2, "colours"),
        (("demo", "voices"), 2, "takes no"),
        (("--events", "/proc/nothing/e.jsonl"), 1, "cannot be written"),
        (("--backend", "scripted:none.toml", "--duration", "1"), 1, "cannot be read"),
    ],
)
def test_bad_input_is_one_sentence_and_the_right_code(run, clip, arguments, code, words):
    source = () if "--source" in arguments or arguments[0] in ("list", "demo") else ("--source", clip)
    done = run("--no-window", "--voice", "silent", *source, *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_disk_that_is_full_harms_only_the_events(run, clip, script):
    done = run("--no-window", "--voice", "silent", "--source", clip, "--backend", script, "--events", "/dev/full")
    assert done.returncode == 0
    assert "red ball" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_terminal_that_cannot_show_a_letter_shows_the_rest(run, clip, tmp_path):
    (tmp_path / "s.toml").write_text('[[line]]\ntext = "Größe 漢"', encoding="utf-8")
    run.environment["PYTHONIOENCODING"] = "ascii"
    arguments = ("--no-window", "--voice", "silent", "--source", clip, "--backend", f"scripted:{tmp_path / 's.toml'}")
    assert "Gr\\xf6\\xdfe" in run(*arguments).stdout
    events = run(*arguments, "--events", "-").stdout
    assert "Größe 漢" in events


@pytest.mark.parametrize("line", ['backend = "gone"', 'voice = "gone"', 'source = "rstp://x/y"'])
def test_a_plug_in_that_is_gone_is_a_notice(run, clip, script, tmp_path, line):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.toml").write_text(line, encoding="utf-8")
    backend = () if "backend" in line else ("--backend", script)
    voice = () if "voice" in line else ("--voice", "silent")
    done = run("--no-window", "--source", clip, "--duration", "1", *backend, *voice)
    assert done.returncode == 0, done.stderr
    assert "A setting was left out" in done.stderr


def test_a_setting_without_effect_is_a_notice(run, clip):
    model = ("--backend", "gemini", "--set", "gemini.temperature=0.2")
    done = run("--no-window", "--source", clip, "--voice", "silent", "--duration", "1", *model)
    assert done.returncode == 0, done.stderr
    assert "gemini.temperature has no effect: Gemini 3.5 Flash-Lite does not take this." in done.stderr


def test_of_two_far_describers_each_is_asked_about(run, clip, tmp_path):
    """The first with a yes: it has no key, so nothing is sent; the second with a no."""
    ours, theirs = pty.openpty()
    os.write(ours, b"y\nn\n")
    far = ("--backend", "gemini", "--set", "tiers=server", "--set", "server.url=https://models.example.org/v1")
    command = [sys.executable, "-m", "narrator", "--no-window", "--source", clip, "--voice", "silent", *far]
    environment = {name: value for name, value in run.environment.items() if not name.endswith("_API_KEY")}
    child = subprocess.run(
        command, env=environment, cwd=tmp_path, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs, timeout=60
    )
    os.close(theirs)
    told = b""
    with suppress(OSError):  # the end of a terminal
        while piece := os.read(ours, 65536):
            told += piece
    os.close(ours)
    assert child.returncode == 0
    assert told.count(b"[y/N]") == 2
    assert b"models.example.org" in told


@pytest.mark.parametrize("arguments", [("models", "recommend"), ("list", "settings"), ("styles",)])
def test_a_reader_that_has_enough_is_no_failure_of_ours(run, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "narrator", *arguments]
    done = subprocess.run(command, env=run.environment, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writer)
    assert done.stderr == ""


def test_a_full_disk_is_one_sentence(run):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "narrator", "list", "settings"]
        done = subprocess.run(command, env=run.environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.stderr == "The disk is full: not everything could be written. Make room on the disk.\n"
    assert done.returncode == 1


@pytest.mark.parametrize("what", ["sources", "backends", "voices", "settings", "actions"])
def test_lists(run, what):
    done = run("list", what)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) >= 2


def test_the_generated_pages_are_up_to_date(run):
    done = subprocess.run(
        [sys.executable, "-m", "narrator", "docs", "--check"],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
