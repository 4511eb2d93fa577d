"""The doctor, asked as a user asks it: in a process of its own, on machines that lack one thing or another."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.sound import private_pulse

from narrator.doctor import Check, Verdict, can_narrate, report

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def machine(tmp_path):
    """Asks the doctor on a machine with a home of its own, without display and sound: exit code and text."""
    home = tmp_path / "home"
    home.mkdir()

    def ask(root=ROOT, **environment):
        base = {"HOME": str(home), "XDG_RUNTIME_DIR": str(tmp_path), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        done = subprocess.run(
            [sys.executable, "-m", "narrator", "doctor"],
            cwd=root,
            env=base | {"PYTHONPATH": str(root)} | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    return ask


def line_of(text, name):
    """The verdict and the rest of the first line that tells of `name`, and its remedy."""
    lines = text.splitlines()
    number = next(number for number, line in enumerate(lines) if line[9:].startswith(name))
    verdict, found = lines[number][:7].strip(), lines[number][9 + len(name) :].strip()
    _, mark, remedy = lines[number + 1].partition("Remedy: ")
    return verdict, found, remedy if mark else ""


def test_this_machine_can_narrate_without_display_and_sound(machine, tmp_path):
    code, text = machine()
    assert code == 0
    assert text.endswith("\nNarration can work on this machine.\n")
    assert line_of(text, "Window")[:2] == ("limited", "There is no display; narration goes to the terminal.")
    assert line_of(text, "Sound")[0] == "limited"
    assert line_of(text, "Weights")[0] == "works"
    assert line_of(text, "Describer embedded")[0] == "works"
    log = tmp_path / "home/.local/state/scene-narrator/log/scene-narrator.log"
    assert line_of(text, "Log")[:2] == ("works", str(log))
    assert not (tmp_path / "home/.config").exists(), "it changes nothing"


def test_a_display_is_tried_out(machine, xvfb_display):
    _, text = machine(DISPLAY=xvfb_display)
    assert line_of(text, "Window")[:2] == ("works", "A window can be opened.")
    assert line_of(text, "Screen")[:2] == ("works", "the screen")


def test_a_display_that_does_not_answer_is_told(machine):
    code, text = machine(DISPLAY=":9999")
    verdict, found, remedy = line_of(text, "Window")
    assert (code, verdict) == (0, "missing")
    assert found.startswith("It does not open: ")
    assert remedy


@pytest.mark.sound
def test_a_sound_server_is_found(machine, tmp_path):
    with private_pulse(tmp_path) as server:
        _, text = machine(PULSE_SERVER=f"unix:{server}")
    assert line_of(text, "Sound")[:2] == ("works", f"A sound server answers at {server}.")
    assert line_of(text, "Voice espeak")[0] == "works"


def test_a_sound_server_that_does_not_answer_holds_nothing_up(machine, tmp_path):
    address = str(tmp_path / "server")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        code, text = machine(PULSE_SERVER=f"unix:{address}")
    assert code == 0
    assert line_of(text, "Voice espeak")[0] in ("limited", "missing")


def test_damaged_settings_are_told_and_left_alone(machine, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("rate =", encoding="utf-8")
    code, text = machine(SCENE_NARRATOR_CONFIG=str(tmp_path))
    assert code == 0
    assert line_of(text, "Settings")[:2] == ("limited", f"{file} is damaged.")
    assert file.read_text(encoding="utf-8") == "rate ="


def test_folders_that_cannot_be_written_are_told(machine):
    code, text = machine(SCENE_NARRATOR_CONFIG="/dev/null/none", SCENE_NARRATOR_LOG="/dev/null/none")
    assert code == 0
    assert line_of(text, "Settings")[0] == "limited"
    assert line_of(text, "Settings")[2].startswith("Make /dev/null/none/settings.toml readable")
    assert line_of(text, "Log")[2].startswith("Make /dev/null/none writable")


@pytest.fixture
def copy(tmp_path):
    """A copy of the program that a test may damage."""
    for part in ("narrator", "resources"):
        shutil.copytree(ROOT / part, tmp_path / "copy" / part, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "copy"


@pytest.mark.parametrize("damage", ["cut", "missing", "table"])
def test_damaged_weights_are_told(machine, copy, damage):
    weights = copy / "resources/weights"
    if damage == "cut":
        (weights / "nanodet.onnx").write_bytes(b"not a model")
    elif damage == "missing":
        (weights / "nanodet.onnx").unlink()
    else:
        (weights / "weights.toml").write_text("[[weights]]\n", encoding="utf-8")
    code, text = machine(copy)
    sentences = {
        "cut": "The program's file weights/nanodet.onnx is damaged.",
        "missing": "The program's file weights/nanodet.onnx is missing.",
        "table": "The table of the weights is damaged.",
    }
    assert code == 1
    assert line_of(text, "Weights") == ("missing", sentences[damage], "Install Scene Narrator again.")
    assert text.endswith("\nNarration cannot work on this machine yet.\n")


def test_a_package_that_does_not_load_is_told(machine, copy):
    (copy / "broken").mkdir()
    (copy / "broken/onnxruntime.py").write_text("raise ImportError('libnone.so: no such file')", encoding="utf-8")
    code, text = machine(copy, PYTHONPATH=f"{copy}:{copy / 'broken'}")
    verdict, found, remedy = line_of(text, "Seeing people and things")
    assert (code, verdict) == (1, "missing")
    assert found == "ImportError: libnone.so: no such file"
    assert "python3 start.py" in remedy


def test_a_plug_in_without_its_package_is_told(machine, copy):
    spec = 'Spec("parrot", "Parrot", "Repeats.", packages=("parrot_engine",), extra="parrot")'
    (copy / "narrator/backends/parrot.py").write_text(
        f"from narrator.seams import Spec\nSPEC = {spec}\ndef create(argument, context): ...\n", encoding="utf-8"
    )
    code, text = machine(copy)
    assert code == 0
    assert line_of(text, "Describer parrot") == (
        "limited",
        "It needs the extra parrot.",
        f'Install it: {sys.executable} -m pip install "scene-narrator[parrot]"',
    )


def test_only_what_is_vital_and_missing_keeps_it_from_narrating():
    fine = Check("Python", Verdict.WORKS, "3.11", vital=True)
    assert can_narrate([fine, Check("Camera", Verdict.MISSING, "None.")])
    assert can_narrate([fine, Check("Weights", Verdict.LIMITED, "Some.", vital=True)])
    assert not can_narrate([fine, Check("Weights", Verdict.MISSING, "None.", vital=True)])


def test_the_report_is_plain_aligned_lines():
    found = [
        Check("Sound", Verdict.WORKS, "A card."),
        Check("Free memory", Verdict.LIMITED, "3 megabytes", "Buy some."),
    ]
    assert report(found).splitlines()[2:] == [
        "works    Sound        A card.",
        "limited  Free memory  3 megabytes",
        "                      Remedy: Buy some.",
        "",
        "Narration can work on this machine.",
    ]
