"""The rolling buffer: older is smaller and rarer, bytes are bounded, pictures are encoded once."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier

import cv2
import numpy as np
import pytest

from narrator.memory.budget import plan
from narrator.memory.encoding import encode, shrunk
from narrator.memory.history import History
from narrator.memory.layouts import Limits, fitted
from narrator.messages import EncodedPicture, Frame, Moment
from narrator.seams import Capabilities

CAP = 16_000_000
NOISE = np.random.default_rng(1).integers(0, 255, (1200, 2000, 3), np.uint8)


def frame(at: float, size: tuple[int, int] = (720, 1280), seq: int | None = None) -> Frame:
    height, width = size
    pixels = np.roll(NOISE, int(at * 10), 1)[:height, :width]
    return Frame(int(at * 30) if seq is None else seq, at, at, at, 0, pixels)


def smooth(at: float) -> Frame:
    """A 1080p picture that is as hard to code as a camera's."""
    coarse = np.random.default_rng(int(at)).integers(0, 255, (36, 64, 3), np.uint8)
    return Frame(int(at * 30), at, at, at, 0, cv2.resize(coarse, (1920, 1080), interpolation=cv2.INTER_CUBIC))


def sides(moment: Moment) -> list[int]:
    return [max(picture.width, picture.height) for picture in moment.pictures]


def decoded(picture: EncodedPicture) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)


def test_a_moment_is_due_each_interval() -> None:
    history = History(1.0, CAP)
    assert history.wants(frame(0))
    history.keep(frame(0), is_cut=False)
    assert not history.wants(frame(0.9))
    assert history.wants(frame(1.0))


def test_older_moments_are_smaller() -> None:
    history = History(1.0, CAP)
    for at in (0, 30, 62, 69):
        history.keep(frame(at), is_cut=False)
    assert [max(sides(moment)) for moment in history.moments()] == [192, 384, 768, 768]


def test_after_a_long_pause_only_the_smallest_is_left() -> None:
    history = History(1.0, CAP)
    history.keep(frame(0), is_cut=False)
    history.keep(frame(300), is_cut=False)
    assert [sides(moment) for moment in history.moments()] == [[192], [768, 384, 192]]


def test_bytes_are_bounded_and_the_newest_stays() -> None:
    history = History(1.0, 1_000_000)
    for at in range(40):
        history.keep(frame(at), is_cut=False)
        assert history.bytes <= 1_000_000
        assert history.moments()[-1].captured_at == at
    assert history.moments()[0].captured_at == 0, "what is dense goes before what is old"


def test_one_moment_larger_than_the_bound_is_kept_all_the_same() -> None:
    history = History(1.0, 1000)
    for at in range(3):
        history.keep(frame(at), is_cut=False)
    assert [moment.captured_at for moment in history.moments()] == [2]


def test_an_hour_grows_by_nothing_and_minutes_stay_covered() -> None:
    history, after = History(1.0, CAP), {}
    for at in range(3600):
        history.keep(frame(at, (108, 192)), is_cut=False)
        after[at] = history.bytes, len(history.moments())
    most_bytes, most_moments = (max(after[at][place] for at in range(600, 900)) for place in (0, 1))
    assert max(size for size, _ in after.values()) <= most_bytes * 1.02
    assert max(count for _, count in after.values()) <= most_moments + 2 <= 200
    ages = [3599 - moment.captured_at for moment in history.moments()]
    assert ages[0] > 570
    assert all(older - newer <= max(1.0, older / 25) for older, newer in pairwise(ages))


def test_within_the_least_memory_minutes_stay_covered() -> None:
    history = History(0.2, 1_000_000)
    for tick in range(3200):
        history.keep(frame(tick / 5, (216, 384)), is_cut=False)
        assert history.bytes <= 1_000_000
    ages = [639.8 - moment.captured_at for moment in history.moments()]
    assert ages[0] > 500
    assert all(older - newer <= max(1.0, older / 4) for older, newer in pairwise(ages))


def test_pictures_keep_their_aspect_and_decode() -> None:
    history = History(1.0, CAP)
    history.keep(frame(0, (1080, 1920)), is_cut=True)
    (moment,) = history.moments()
    assert moment.is_cut
    assert [(p.width, p.height) for p in moment.pictures] == [(768, 432), (384, 216), (192, 108)]
    assert decoded(moment.pictures[0]).shape == (432, 768, 3)


def test_the_newest_is_encoded_once_for_each_size() -> None:
    history, newest = History(1.0, CAP), frame(0, (1080, 1920), seq=7)
    large, small = history.newest(newest, 1920), history.newest(newest, 384)
    assert (large.width, small.width) == (1920, 384)
    assert history.newest(newest, 1920) is large
    assert history.newest(newest, 384) is small
    assert history.newest(frame(1, (1080, 1920), seq=8), 384) is not small


def test_two_lanes_may_ask_for_different_frames_at_once() -> None:
    history, frames = History(1.0, CAP), [frame(0, seq=1), frame(5, seq=2)]
    wanted = [encode(shrunk(one.pixels, 384)) for one in frames]
    start = Barrier(4)

    def ask(place: int) -> bool:
        start.wait()
        return all(history.newest(frames[place], 384) == wanted[place] for _ in range(50))

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(ask, [0, 1, 0, 1]))


def test_readers_see_whole_snapshots_while_sight_writes() -> None:
    history = History(0.0, 1_000_000)

    def read(_: int) -> bool:
        times = [moment.captured_at for moment in history.moments()]
        return times == sorted(times)

    with ThreadPoolExecutor(2) as threads:
        read_by_others = threads.map(read, range(2000))
        for at in range(60):
            history.keep(frame(at, (216, 384)), is_cut=False)
        assert all(read_by_others)


@pytest.mark.parametrize("size", [(1, 1), (1, 8000), (3000, 5), (193, 191), (768, 1366), (2160, 3840)])
@pytest.mark.parametrize("side", [1920, 768, 192])
def test_every_size_is_the_one_foretold(size: tuple[int, int], side: int) -> None:
    height, width = size
    small = encode(shrunk(np.zeros((*size, 3), np.uint8), side))
    assert (small.width, small.height) == fitted(width, height, side)
    assert max(small.width, small.height) <= max(1, side)
    assert decoded(small).shape[:2] == (small.height, small.width)


def test_a_request_costs_little_more_than_its_newest_picture() -> None:
    history = History(1.0, CAP)
    for at in range(30):
        history.keep(smooth(at), is_cut=False)
    capabilities = Capabilities(max_images=10, details=("low", "medium", "high"), per_image_detail=True)
    prices = {"low": 280, "medium": 560, "high": 1120}
    alone, whole = [], []
    for number in range(25):
        newest = smooth(29.5)
        started = time.thread_time()
        encode(shrunk(newest.pixels, 768))
        alone.append(time.thread_time() - started)
        newest = Frame(1000 + number, 29.5, 29.5, 29.5, 0, newest.pixels)
        started = time.thread_time()
        layout = plan(
            history.view(newest),
            history.moments(),
            Limits(10, 2000, 4_000_000, 20.0),
            capabilities,
            lambda _width, _height, detail: prices[detail],
        )
        pictures = history.render(layout, 29.6)
        whole.append(time.thread_time() - started)
    assert [len(picture.ages) for picture in pictures] == [9, 0, 0, 0]
    assert min(whole) < 2 * min(alone), f"{min(whole) * 1e3:.2f} ms, of which the newest {min(alone) * 1e3:.2f} ms"
