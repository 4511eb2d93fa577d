"""The program in a real window on a virtual screen, driven by keys as a person would."""

import signal
import time

import numpy as np
import pytest
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
