import time
from itertools import pairwise
from pathlib import Path

import pytest
from fakes.capturing import FakeCamera, SlowFilm, StartCapture
from fakes.clips import number_in
from fakes.waiting import eventually

from narrator.errors import SourceLost, SourceRefused


def test_a_file_plays_in_real_time(captured: StartCapture, numbered_clip: Path) -> None:
    playing = captured(str(numbered_clip))
    assert playing.capture.ended.wait(20)
    ended_at = time.monotonic()
    frames = playing.frames.all
    first, last = frames[0], frames[-1]
    assert (last.media_t - first.media_t) / (last.captured_at - first.captured_at) == pytest.approx(1, abs=0.02)
    assert ended_at - first.captured_at == pytest.approx(4.0, abs=0.2), "the end is the media's own end"
    assert all(one.seq + 1 == other.seq for one, other in pairwise(frames))
    assert [number_in(frame.pixels) for frame in frames] == [round(frame.media_t * 30) for frame in frames]
    assert playing.capture.drops + len(frames) == 120
    assert playing.capture.failure is None
    assert playing.told == []


def test_pictures_are_bgr_contiguous_and_read_only(captured: StartCapture, short_clip: Path) -> None:
    playing = captured(str(short_clip))
    assert playing.has(1)
    pixels = playing.frames.all[0].pixels
    assert pixels.shape == (180, 320, 3)
    assert pixels.dtype == "uint8"
    assert pixels.flags.c_contiguous
    assert not pixels.flags.writeable


def test_a_film_that_is_slow_to_read_keeps_its_speed(captured: StartCapture) -> None:
    playing = captured(source=SlowFilm(60))
    assert playing.capture.ended.wait(10)
    frames = playing.frames.all
    took = time.monotonic() - frames[0].captured_at
    assert took == pytest.approx(2.0, abs=0.3)
    assert playing.capture.drops > 20
    assert playing.capture.drops + len(frames) >= 60


def test_a_loop_starts_a_new_epoch(captured: StartCapture, short_clip: Path) -> None:
    playing = captured(str(short_clip), loop=True)
    assert eventually(lambda: playing.frames.all and playing.frames.all[-1].epoch >= 3)
    frames = playing.frames.all
    assert not playing.capture.ended.is_set()
    starts = [frame for before, frame in pairwise(frames) if frame.epoch != before.epoch]
    assert [frame.media_t for frame in starts] == [0.0, 0.0]
    assert starts[1].captured_at - starts[0].captured_at == pytest.approx(0.5, abs=0.15)


def test_pause_holds_a_file_where_it_is(captured: StartCapture, numbered_clip: Path) -> None:
    playing = captured(str(numbered_clip))
    assert playing.has(10)
    playing.capture.pause()
    time.sleep(0.1)  # one picture may be on its way
    before = len(playing.frames.all)
    time.sleep(0.5)
    assert len(playing.frames.all) == before
    playing.capture.resume()
    assert playing.has(before + 5)
    held, after = playing.frames.all[before - 1], playing.frames.all[before]
    assert number_in(after.pixels) == number_in(held.pixels) + 1
    assert after.captured_at - held.captured_at > 0.4
    assert after.epoch == held.epoch


def test_pause_releases_a_camera_and_resume_opens_it_again(captured: StartCapture) -> None:
    camera = FakeCamera()
    playing = captured(source=camera)
    assert playing.has(5)
    playing.capture.pause()
    assert eventually(lambda: not camera.is_open, 2)
    before = playing.frames.all[-1]
    playing.capture.resume()
    assert playing.goes_on(2)
    assert playing.frames.all[-1].epoch == before.epoch + 1
    assert playing.told == []


def test_a_camera_that_hangs_is_opened_anew(captured: StartCapture) -> None:
    camera = FakeCamera()
    playing = captured(source=camera)
    assert playing.has(5)
    camera.stuck_after = 0
    assert playing.tells("The camera stopped. Trying again.", 6)
    camera.stuck_after = 10**9
    assert playing.goes_on(3)
    assert playing.tells("The camera is back.", 4)
    camera.release()
    assert playing.goes_on(1)
    assert len(playing.told) == 2
    newest = playing.frames.all[-1]
    late = [frame for frame in playing.frames.all if frame.epoch == newest.epoch and frame.pixels[0, 0, 0] == 1]
    assert late == [], "what the old thread read when it woke was thrown away"


def test_it_closes_in_time_while_a_read_hangs(captured: StartCapture) -> None:
    camera = FakeCamera()
    playing = captured(source=camera)
    assert playing.has(1)
    camera.stuck_after = 0
    time.sleep(0.1)  # let the read begin
    began = time.monotonic()
    left = playing.capture.close()
    assert time.monotonic() - began < 2
    assert left is not None
    camera.release()
    left.join(2)
    assert not left.is_alive()


def test_what_can_never_open_is_final(captured: StartCapture) -> None:
    playing = captured(source=FakeCamera([SourceRefused("No camera was found.", "Plug one in.")]))
    assert playing.capture.ended.wait(2)
    assert playing.capture.failure is not None
    assert playing.capture.failure.sentence == "No camera was found."
    assert playing.told == []


def test_what_may_come_is_tried_again_with_one_notice(captured: StartCapture) -> None:
    camera = FakeCamera([SourceLost("The camera is busy.", "Close the other program.") for _ in range(3)])
    playing = captured(source=camera)
    assert playing.tells("The camera has started.")
    assert [notice.text for notice in playing.notices] == [
        "The camera is busy. Trying again.",
        "The camera has started.",
    ]
    assert playing.notices[0].remedy == "Close the other program."
    gaps = [after - before for before, after in pairwise(camera.opened_at)]
    assert gaps == pytest.approx([0.25, 0.5, 1.0], abs=0.2)


def test_a_camera_that_is_unplugged_and_plugged_in_again_goes_on(captured: StartCapture) -> None:
    camera = FakeCamera()
    playing = captured(source=camera)
    assert playing.has(5)
    camera.problems = [SourceRefused("There is no camera 0.")] * 2
    camera.error = SourceLost("The camera stopped.")
    assert playing.tells("The camera stopped. Trying again.", 2)
    camera.error = None
    assert playing.tells("The camera is back.", 5)
    assert not playing.capture.ended.is_set()


def test_a_source_that_stutters_is_not_told_each_time(captured: StartCapture) -> None:
    camera = FakeCamera()
    playing = captured(source=camera)
    assert playing.has(5)
    for _ in range(2):
        opened = len(camera.opened_at)
        camera.error = SourceLost("The camera stopped.")
        assert eventually(lambda opened=opened: len(camera.opened_at) > opened)
        camera.error = None
        assert playing.goes_on(3)
    assert playing.tells("The camera is back.", 5)
    assert playing.told == ["The camera stopped. Trying again.", "The camera is back."]


def test_a_bug_in_a_source_ends_in_a_plain_sentence(captured: StartCapture) -> None:
    playing = captured(source=FakeCamera([ZeroDivisionError("a bug")]))  # type: ignore[list-item] # on purpose
    assert playing.capture.ended.wait(2)
    assert playing.capture.failure is not None
    assert playing.capture.failure.sentence == "The source failed."
