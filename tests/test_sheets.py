"""Contact sheets: what is drawn can be read, and costs little."""

import time

import cv2
import numpy as np
import pytest

from narrator.memory.encoding import encode, shrunk
from narrator.memory.history import History
from narrator.memory.layouts import TILE, Planned, Shot, alone, sheet, sheet_bytes
from narrator.memory.sheets import Sheets, clock
from narrator.messages import EncodedPicture, Frame

COLUMNS, ROWS = 32, 2
"""Cells of a stamp, which fills the top sixth of a picture."""
NOISE = cv2.resize(
    np.random.default_rng(1).integers(70, 150, (36, 64, 3), np.uint8), (1920, 1080), interpolation=cv2.INTER_CUBIC
)


def stamped(word: int, size: tuple[int, int] = (1920, 1080)) -> np.ndarray:
    """A picture with 64 bits in black and white at its top."""
    picture = cv2.resize(NOISE, size)
    bits = np.array([255 * (word >> place & 1) for place in range(COLUMNS * ROWS)], np.uint8).reshape(ROWS, COLUMNS)
    height = size[1] // 6
    picture[:height] = cv2.resize(bits, (size[0], height), interpolation=cv2.INTER_NEAREST)[:, :, None]
    return picture


def word_in(tile: np.ndarray) -> int:
    grey = cv2.cvtColor(tile, cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    band = grey[: round(height / 6)]
    word = 0
    for place in range(COLUMNS * ROWS):
        row, column = divmod(place, COLUMNS)
        x, y = (column + 0.5) * width / COLUMNS, (row + 0.5) * len(band) / ROWS
        word |= int(band[round(y - 1) : round(y + 1), round(x - 1) : round(x + 1)].mean() > 128) << place
    return word


def words(count: int) -> list[int]:
    return [int(word) for word in np.random.default_rng(2).integers(0, 1 << 62, count)]


def history_of(pictures: list[np.ndarray]) -> History:
    """One moment a second, the first at 100 s and at media time 40 s."""
    history = History(1.0, 16_000_000)
    for place, pixels in enumerate(pictures):
        history.keep(Frame(place, 100.0 + place, 0.0, 40.0 + place, 0, pixels), is_cut=False)
    return history


def sheet_of(history: History, side: int = 192) -> Planned:
    shots = []
    for moment in history.moments():
        fitting = [picture for picture in moment.pictures if max(picture.width, picture.height) <= side]
        shots.append(Shot(fitting[0], moment.captured_at, moment.media_t, moment.epoch))
    return sheet(shots, "low")


def decoded(picture: EncodedPicture) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)


def tiles_of(picture: EncodedPicture, columns: int, rows: int) -> list[np.ndarray]:
    pixels = decoded(picture)
    height, width = picture.height // rows, picture.width // columns
    return [
        pixels[row * height : (row + 1) * height, column * width : (column + 1) * width]
        for row in range(rows)
        for column in range(columns)
    ]


@pytest.mark.parametrize("side", [192, 384, 768])
def test_all_nine_stamps_are_read_from_a_sheet_of_384_pixels_in_reading_order(side: int) -> None:
    told = words(9)
    history = history_of([stamped(word) for word in told])
    if side == 768:
        assert all(len(moment.pictures) == 3 for moment in history.moments()[1:])
    (picture,) = history.render([sheet_of(history, side)], 110.0)
    assert (picture.picture.width, picture.picture.height) == (384, 216)
    assert [word_in(tile) for tile in tiles_of(picture.picture, 3, 3)] == told


def test_a_picture_tells_its_age_its_detail_and_the_ages_of_its_tiles() -> None:
    history = history_of([stamped(word) for word in words(4)])
    last = history.moments()[-1]
    single = alone(Shot(last.pictures[0], last.captured_at, last.media_t), "medium")
    older, newest = history.render([sheet_of(history), single], 105.5)
    assert older.ages == (5.5, 4.5, 3.5, 2.5)
    assert (older.age, older.detail, older.media_t) == (2.5, "low", 43.0)
    assert (newest.age, newest.detail, newest.media_t, newest.ages) == (2.5, "medium", 43.0, ())
    assert newest.picture is last.pictures[0]


def label_in(tile: np.ndarray, candidates: list[str]) -> str:
    """Which of the candidates the corner of a tile looks like most, each drawn on a tile of its own."""

    def corner(pixels: np.ndarray) -> np.ndarray:
        return cv2.cvtColor(pixels[-12:, :60], cv2.COLOR_BGR2GRAY).astype(float)

    grey = EncodedPicture(TILE, tile.shape[0], encode(np.full((*tile.shape[:2], 3), 110, np.uint8)).jpeg)
    shots = [Shot(grey, float(place)) for place in range(2)]

    def distance(candidate: str) -> float:
        drawn = tiles_of(Sheets().draw(shots, lambda _: candidate), 2, 1)[0]
        return float(np.abs(corner(drawn) - corner(tile)).mean())

    return min(candidates, key=distance)


def test_each_label_is_read_after_jpeg() -> None:
    history = history_of([stamped(word) for word in words(9)])
    (picture,) = history.render([sheet_of(history)], 110.0)
    candidates = [f"{age}s" for age in range(30)]
    labels = [label_in(tile, candidates) for tile in tiles_of(picture.picture, 3, 3)]
    assert labels == ["10s", "9s", "8s", "7s", "6s", "5s", "4s", "3s", "2s"]


def test_with_absolute_times_the_bytes_stay_the_same_while_time_goes_by() -> None:
    history = history_of([stamped(word) for word in words(9)])
    layout = [sheet_of(history)]
    (first,) = history.render(layout, 110.0, absolute_times=True)
    history.keep(Frame(99, 200.0, 0.0, 140.0, 0, stamped(1)), is_cut=False)
    history.render([], 200.0)
    (later,) = history.render(layout, 200.0, absolute_times=True)
    assert later.picture == first.picture
    assert history.render(layout, 200.0)[0].picture != first.picture
    labels = [label_in(tile, [clock(at) for at in range(36, 52)]) for tile in tiles_of(first.picture, 3, 3)]
    assert labels == ["0:40", "0:41", "0:42", "0:43", "0:44", "0:45", "0:46", "0:47", "0:48"]


@pytest.mark.parametrize(("seconds", "told"), [(0, "0:00"), (54.9, "0:54"), (727, "12:07"), (3723, "1:02:03")])
def test_media_times(seconds: float, told: str) -> None:
    assert clock(seconds) == told


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (640, 480), (100, 80), (3000, 100), (383, 215), (1, 1)])
@pytest.mark.parametrize("count", [2, 3, 4, 5, 7, 9])
def test_a_sheet_has_the_size_that_was_planned(size: tuple[int, int], count: int) -> None:
    history = history_of([cv2.resize(NOISE, size)] * count)
    planned = sheet_of(history)
    (picture,) = history.render([planned], 120.0)
    assert (picture.picture.width, picture.picture.height) == (planned.width, planned.height)
    assert max(planned.width, planned.height) <= 384
    assert len(picture.picture.jpeg) <= planned.bytes


def test_tiles_of_different_shapes_share_a_sheet() -> None:
    history = history_of([stamped(3), stamped(4, (1080, 1920))])
    (picture,) = history.render([sheet_of(history)], 120.0)
    assert (picture.picture.width, picture.picture.height) == (256, 128)


@pytest.mark.parametrize("levels", [256, 2])
def test_no_sheet_has_more_bytes_than_foretold(levels: int) -> None:
    noise = np.random.default_rng(3).integers(0, levels, (384, 384, 3)) * (255 // (levels - 1))
    assert len(encode(noise.astype(np.uint8)).jpeg) <= sheet_bytes(384, 384)


def test_a_sheet_of_cached_tiles_is_drawn_within_half_a_millisecond() -> None:
    history, times = history_of([stamped(word) for word in words(9)]), []
    layout = [sheet_of(history)]
    for _ in range(30):
        started = time.thread_time()
        history.render(layout, 110.0)
        times.append(time.thread_time() - started)
    floor = min(_timed(lambda: encode(shrunk(NOISE, 384))) for _ in range(10))
    assert min(times) < 5e-4 + floor


def _timed(work: object) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started
