"""The program in a real window on a virtual screen, driven by keys as a person would."""

import signal
import sys
import time

import numpy as np
import pytest
from fakes.desktop import Program
from fakes.waiting import eventually

from narrator_ui.theme import DARK, LIGHT

pytestmark = pytest.mark.window

DOG = "A dog comes in from the left."
LONG_LINE = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."


def share_of(picture: np.ndarray, colour: str) -> float:
    """The share of pixels that have exactly this colour, #rrggbb."""
    bgr = [int(colour[place : place + 2], 16) for place in (5, 3, 1)]
    return float((picture == bgr).all(axis=2).mean())


def test_start_pause_hush_and_repeat_by_keys(start_program, script, moving_clip, tmp_path):
    backend = script(DOG, LONG_LINE, LONG_LINE)
    program = start_program("--source", str(moving_clip), "--backend", backend, "--voice", "silent")
    window = program.window()
    assert eventually(lambda: program.events("caption"))

    picture = program.screenshot(window, tmp_path / "light.png")
    colours = np.unique(picture.reshape(-1, 3) // 32, axis=0)
    assert len(colours) > 100, "the moving shapes are not to be seen"
    assert share_of(picture, LIGHT.window) + share_of(picture, LIGHT.base) > 0.2

    program.key("space")
    assert eventually(lambda: program.phase() == "paused")
    program.key("space")
    assert eventually(lambda: program.phase() == "narrating")

    program.key("r")
    assert eventually(lambda: any(said["run"] is None for said in program.events("utterance")))
    program.key("h")
    assert eventually(lambda: any(audio["event"] == "cut" for audio in program.events("audio")))

    program.key("ctrl+t", "ctrl+t")
    assert eventually(lambda: share_of(program.screenshot(window, tmp_path / "dark.png"), DARK.window) > 0.1), (
        "it did not turn dark"
    )
    program.key("ctrl+q")
    assert program.process.wait(5) == 0
    assert program.errors.read_text() == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_in_time(start_program, script, moving_clip, number):
    program = start_program("--source", str(moving_clip), "--backend", script(DOG), "--voice", "silent")
    program.window()
    assert eventually(lambda: program.events("caption"))
    begun = time.monotonic()
    program.process.send_signal(number)
    assert program.process.wait(5) == 0
    assert time.monotonic() - begun < 3
    assert program.errors.read_text() == ""


def test_a_duration_ends_it_when_all_is_spoken(start_program, script, moving_clip):
    backend = script("One two three four five.")
    program = start_program("--source", str(moving_clip), "--backend", backend, "--voice", "silent", "--duration", "1")
    assert program.process.wait(15) == 0
    assert [audio["event"] for audio in program.events("audio")] == ["start", "end"]


def test_the_window_stays_when_the_source_fails_and_takes_another(start_program, script, moving_clip, tmp_path):
    missing = str(tmp_path / "missing.mp4")
    program = start_program("--source", missing, "--backend", script(DOG), "--voice", "silent")
    program.window()
    assert eventually(lambda: any(notice["level"] == "error" for notice in program.events("notice")))
    assert eventually(lambda: program.phase() == "ended")
    program.key("ctrl+l")
    program.window("Choose source")
    program.key("Tab", "ctrl+a")
    program.type(str(moving_clip))
    program.key("Return")
    assert eventually(lambda: program.events("caption"))
    assert eventually(lambda: program.phase() == "narrating")


@pytest.fixture
def start_from_icon(desktop, tmp_path):
    """Starts the program as the desktop's icon does."""
    programs = []

    def start(*arguments: str) -> Program:
        entry = "import sys; from narrator_ui.app import main; sys.exit(main())"
        programs.append(Program(desktop, tmp_path, sys.executable, "-c", entry, *arguments))
        return programs[-1]

    yield start
    for program in programs:
        program.end()


def test_a_file_is_opened_from_the_icon_with_the_settings_that_were_kept(start_from_icon, moving_clip, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.toml").write_text('voice = "silent"\nwindow.theme = "dark"\n')
    program = start_from_icon(str(moving_clip))
    window = program.window(moving_clip.name)
    assert eventually(lambda: share_of(program.screenshot(window, tmp_path / "dark.png"), DARK.window) > 0.1)
    program.key("ctrl+q")
    assert program.process.wait(5) == 0


def test_what_goes_wrong_before_there_is_a_window_is_told_in_a_box(start_from_icon):
    program = start_from_icon("--wrong")
    program.window("Scene Narrator")
    program.key("Return")
    assert program.process.wait(5) == 2
    assert program.errors.read_text().startswith("This program takes a source and no options.")


def test_what_nobody_foresaw_is_told_in_a_box_with_the_place_of_the_log(desktop, tmp_path):
    broken = "import sys; from narrator_ui.app import main; sys.argv.append(None); sys.exit(main())"
    program = Program(desktop, tmp_path, sys.executable, "-c", broken)
    program.window("Scene Narrator")
    program.key("Return")
    assert program.process.wait(5) == 1
    log = tmp_path / "log" / "scene-narrator.log"
    assert program.errors.read_text() == f"Scene Narrator had to stop. Report it with the log: {log}\n"
    assert "AttributeError" in log.read_text()


def test_without_a_display_one_sentence_is_told_whatever_went_wrong(tmp_path):
    program = Program("", tmp_path, sys.executable, "-c", "from narrator_ui.app import main; exit(main())", "--wrong")
    assert program.process.wait(20) == 2
    assert len(program.errors.read_text().splitlines()) == 1


@pytest.mark.sound
@pytest.mark.parametrize("key", ["h", "Escape"])
def test_hush_is_silence_within_a_tenth_of_a_second_of_the_key(null_sink, start_program, script, moving_clip, key):
    program = start_program("--source", str(moving_clip), "--backend", script(LONG_LINE), "--voice", "espeak")
    program.window()
    null_sink.wait_for_sound(0.0)
    pressed_at = time.monotonic()
    program.key(key)
    delivered_at = time.monotonic()
    assert null_sink.wait_for_silence() - pressed_at < 0.1 + (delivered_at - pressed_at)
    assert [audio["event"] for audio in program.events("audio")] == ["start", "cut"]
