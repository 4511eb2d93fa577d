"""A picture that shows nothing is told, and only then."""

from collections.abc import Iterable

import cv2
import numpy as np
import pytest
from fakes.scenery import Pixels, as_pixels, landscape, lit, noise, photo, sign

from narrator.messages import Trouble
from narrator.sight.trouble import INTERVAL, TroubleWatch

RNG = np.random.default_rng(8)


def verdicts(pictures: Iterable[Pixels], *, live: bool = True) -> list[Trouble | None]:
    watch = TroubleWatch(live=live)
    return [watch.look(picture, number * INTERVAL) for number, picture in enumerate(pictures)]


def filmed(picture: Pixels, seconds: float, sigma: float = 2.0) -> list[Pixels]:
    """As a camera gives it: no two pictures are the same."""
    return [noise(picture, sigma, RNG) for _ in range(int(seconds / INTERVAL))]


def blurred(picture: Pixels, sigma: float) -> Pixels:
    return as_pixels(cv2.GaussianBlur(picture, (0, 0), sigma))


def hand() -> Pixels:
    """A palm on the lens: a dim red glow from one side."""
    glow = np.linspace(10, 70, 640)[None, :, None] * np.array([0.25, 0.35, 1.0])
    return as_pixels(np.repeat(glow, 360, axis=0))


VIEW = as_pixels(cv2.resize(photo("astronaut"), (640, 640)))


@pytest.mark.parametrize(
    ("picture", "trouble"),
    [
        (np.zeros((360, 640, 3), np.uint8), Trouble.BLACK),
        (np.full((360, 640, 3), 130, np.uint8), Trouble.COVERED),
        (hand(), Trouble.COVERED),
        (blurred(VIEW, 10), Trouble.BLURRED),
    ],
    ids=["cap", "cloth", "hand", "out of focus"],
)
def test_a_camera_that_sees_nothing_and_sees_again(picture: Pixels, trouble: Trouble) -> None:
    found = verdicts([*filmed(VIEW, 4), *filmed(picture, 8), *filmed(VIEW, 4)])
    assert found[:8] == [None] * 8
    assert set(found[15:24]) == {trouble}
    assert found[-4:] == [None] * 4


@pytest.mark.parametrize(
    "picture",
    [
        *(photo(name) for name in ("astronaut", "chelsea", "coffee")),
        *(blurred(photo(name), 1.5) for name in ("astronaut", "chelsea", "coffee")),
        *(lit(photo(name), 0.15) for name in ("astronaut", "chelsea", "coffee")),
        sign("EXIT"),
        landscape(1),
    ],
)
def test_an_ordinary_view_is_no_trouble(picture: Pixels) -> None:
    assert verdicts(filmed(picture, 10)) == [None] * 20


def test_a_moment_of_black_or_blur_is_no_trouble() -> None:
    focusing = filmed(blurred(VIEW, 10), 2)
    found = verdicts([*filmed(VIEW, 3), *filmed(lit(VIEW, 0), 0.5), *filmed(VIEW, 3), *focusing, *filmed(VIEW, 3)])
    assert set(found) == {None}


def test_a_camera_whose_picture_stands_still_is_frozen() -> None:
    alive = filmed(VIEW, 4)
    found = verdicts([*alive, *[alive[-1]] * 50, *filmed(VIEW, 4)])
    assert set(found[:36]) == {None}, "not before fifteen seconds: a still scene, sparingly encoded, looks like that"
    assert set(found[42:58]) == {Trouble.FROZEN}
    assert found[-4:] == [None] * 4


def test_a_picture_that_never_moved_is_not_frozen() -> None:
    assert set(verdicts([VIEW] * 200)) == {None}


def test_a_film_may_be_still_blurred_and_plain_but_black_is_told() -> None:
    alive = filmed(VIEW, 4)
    pictures = [*alive, *[alive[-1]] * 40, *[blurred(VIEW, 10)] * 20, *[np.full_like(VIEW, 130)] * 20]
    assert set(verdicts(pictures, live=False)) == {None}
    assert verdicts([np.zeros_like(VIEW)] * 10, live=False)[-1] is Trouble.BLACK


def test_a_street_at_night_is_not_black() -> None:
    night = np.full((360, 640, 3), 4, np.uint8)
    cv2.circle(night, (500, 60), 6, (180, 220, 255), -1)
    assert Trouble.BLACK not in verdicts(filmed(night, 10))


@pytest.mark.parametrize("shape", [(1, 1), (1, 8000), (4000, 1), (3, 2)])
def test_pictures_of_every_shape_are_taken(shape: tuple[int, int]) -> None:
    assert verdicts([np.zeros((*shape, 3), np.uint8)] * 6)[-1] is Trouble.BLACK
