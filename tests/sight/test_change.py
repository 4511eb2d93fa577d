"""Cuts are found, all of them; light, flashes, noise and a turning camera are not cuts."""

from collections.abc import Iterable
from itertools import permutations

import cv2
import numpy as np
import pytest
from fakes.scenery import Pixels, as_pixels, landscape, lit, noise, pasted, photo, times

from narrator.messages import Box, Change
from narrator.sight.change import ChangeDetector, Look

WIDE = (960, 540)


def looks(pictures: Iterable[Pixels], fps: float = 30) -> list[Look]:
    detector = ChangeDetector()
    return [detector.look(picture, at) for picture, at in zip(pictures, times(fps), strict=False)]


def cuts(pictures: Iterable[Pixels], fps: float = 30) -> list[int]:
    return [number for number, look in enumerate(looks(pictures, fps)) if look.change is Change.CUT]


def changes(pictures: Iterable[Pixels], fps: float = 30) -> list[Change]:
    return [look.change for look in looks(pictures, fps)]


def scenes() -> list[Pixels]:
    photos = [as_pixels(cv2.resize(photo(name), (320, 180))) for name in ("astronaut", "chelsea", "coffee")]
    return [*(landscape(seed) for seed in range(4)), *photos]


@pytest.mark.parametrize("fps", [1, 10, 30])
def test_every_cut_is_found_once_and_at_once(fps: float) -> None:
    for before, after in permutations(scenes(), 2):
        found = cuts([*[before] * 12, *[after] * 12], fps)
        assert len(found) == 1
        assert 0 <= found[0] - 12 <= 0.12 * fps, "a cut to something lighter all over waits as long as a flash lasts"


def test_a_cut_is_found_in_noise() -> None:
    rng = np.random.default_rng(3)
    pictures = [*[landscape(1)] * 40, *[landscape(2)] * 40]
    assert cuts([noise(picture, 20, rng) for picture in pictures]) == [40]


def test_ten_minutes_of_noise_hold_no_cut_and_are_still() -> None:
    rng = np.random.default_rng(4)
    ground = landscape(1, (160, 90)).astype(np.int16)
    layers = [[rng.normal(0, sigma, ground.shape).astype(np.int16) for _ in range(40)] for sigma in (4, 8, 12)]
    picks = [layers[number // 2000][rng.integers(40)] for number in range(6000)]
    found = changes((as_pixels(np.clip(ground + layer, 0, 255)) for layer in picks), fps=10)
    assert Change.CUT not in found
    assert found[10:].count(Change.STATIC) > 5700, "when the noise grows it is movement, for a moment"


@pytest.mark.parametrize("sigma", [3, 40, 90])
def test_a_very_dark_or_noisy_camera_makes_no_cuts(sigma: float) -> None:
    rng = np.random.default_rng(5)
    assert cuts([noise(lit(landscape(2, (160, 90)), 0.15), sigma, rng) for _ in range(150)]) == []


@pytest.mark.parametrize("speed", [0.05, 0.1, 0.3, 0.8, 1.5])
def test_a_turning_camera_makes_no_cut_while_it_turns(speed: float) -> None:
    wide = as_pixels(cv2.resize(landscape(6, (480, 90)), (1920, 360), interpolation=cv2.INTER_CUBIC))
    detector, turned = ChangeDetector(), 0.0
    for number in range(60):
        start = int(speed * number / 30 * 640)
        if start > 1280:
            break
        assert detector.look(wide[:, start : start + 640], number / 30).change is Change.CHANGING
        if number % 6 == 0:
            turned += detector.turned()[0]
            way = start / 640
    if speed >= 0.3:
        assert turned == pytest.approx(-way, rel=0.1), "everything moves left as the camera turns right"


def test_a_large_thing_that_moves_is_no_turn_of_the_camera() -> None:
    ground, thing = landscape(1, (640, 360)), landscape(2, (280, 300))
    detector = ChangeDetector()
    for number in range(40):
        detector.look(pasted(ground, thing, 8 * number, 30), number / 30)
        if number % 6 == 0:
            assert detector.turned() == (0.0, 0.0)


def test_a_camera_that_comes_to_rest_on_something_else_shows_another_scene() -> None:
    wide = np.hstack([landscape(seed, (640, 360)) for seed in (1, 2, 3)])
    starts = [*[0] * 45, *range(0, 1280, 20), *[1280] * 60]
    found = cuts([as_pixels(wide[:, start : start + 640]) for start in starts])
    assert len(found) == 1
    assert found[0] > 45 + 64


def test_a_dissolve_is_one_cut_when_it_is_over() -> None:
    before, after = landscape(1), landscape(2)
    shares = [min(max(number - 45, 0) / 30, 1.0) for number in range(150)]
    found = cuts([as_pixels(cv2.addWeighted(before, 1 - share, after, share, 0)) for share in shares])
    assert len(found) == 1
    assert found[0] >= 60


@pytest.mark.parametrize("seconds", [0.2, 1.0, 10.0])
def test_light_that_falls_and_rises_is_no_cut(seconds: float) -> None:
    frames = int(seconds * 30)
    gains = [*[1.0] * 30, *np.linspace(1, 0.15, frames), *[0.15] * 30, *np.linspace(0.15, 1, frames), *[1.0] * 30]
    room = as_pixels(cv2.resize(photo("astronaut"), (160, 90)))
    assert cuts([lit(room, gain) for gain in gains]) == []


def test_exposure_that_jumps_is_no_cut() -> None:
    assert cuts([lit(landscape(2), gain, offset) for gain, offset in [(0.6, 20)] * 20 + [(0.9, 0)] * 20]) == []


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_flash_is_no_cut(frames: int) -> None:
    picture = landscape(3)
    flash = [*[picture] * 20, *[lit(picture, 1, 140)] * frames, *[picture] * 20]
    white = [*[picture] * 20, *[np.full_like(picture, 255)] * frames, *[picture] * 20]
    black = [*[picture] * 20, *[np.zeros_like(picture)] * frames, *[picture] * 20]
    assert [cuts(flash), cuts(white), cuts(black)] == [[], [], []]


def test_the_same_room_after_darkness_is_no_cut_another_one_is() -> None:
    rng = np.random.default_rng(6)
    room, other = landscape(1), landscape(2)
    dark = [noise(lit(room, 0.01), 2, rng) for _ in range(30)]
    assert cuts([*[room] * 30, *dark, *[room] * 30]) == []
    assert cuts([*[room] * 30, *dark, *[other] * 30]) == [60]


def test_a_picture_that_never_changes_is_still() -> None:
    assert set(changes([landscape(1)] * 60)[20:]) == {Change.STATIC}


def test_a_small_thing_that_moves_is_movement_in_its_place() -> None:
    detector = ChangeDetector()
    for number, at in zip(range(60), times(30), strict=False):
        picture = landscape(1, (640, 360))
        x = 300 + 2 * number if number >= 30 else 300
        picture[150:210, x : x + 24] = (20, 20, 220)
        look = detector.look(picture, at)
        assert look.change is not Change.CUT
    assert look.change is Change.CHANGING
    assert detector.moved(Box(0.55, 0.4, 0.7, 0.6), since=1.0) > 0.3
    assert detector.moved(Box(0.0, 0.0, 0.3, 1.0), since=1.0) == 0


def test_a_clock_burnt_into_the_picture_is_no_movement() -> None:
    pictures = []
    for number in range(90):
        picture = landscape(1, (640, 360))
        picture[:18] = 0
        cv2.putText(picture, f"12:00:{number:02}", (10, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
        pictures.append(picture)
    assert set(changes(pictures)[20:]) == {Change.STATIC}


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 8000), (4000, 1), (2160, 3840), (1280, 720)])
def test_pictures_of_every_shape_are_taken(shape: tuple[int, int]) -> None:
    found = looks(np.full((*shape, 3), value, np.uint8) for value in (0, 128, 250, 250))
    assert found[-1].brightness == pytest.approx(250 / 255, abs=0.01)
