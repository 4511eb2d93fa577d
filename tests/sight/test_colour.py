"""Colours have plain names, or none."""

import cv2
import numpy as np
import pytest
from fakes.scenery import as_pixels, landscape, lit, noise, photo

from narrator.messages import Box
from narrator.sight.colour import colour

WHOLE = Box(0, 0, 1, 1)


@pytest.mark.parametrize(
    ("blue_green_red", "name"),
    [
        ((30, 30, 200), "red"),
        ((20, 20, 140), "red"),
        ((20, 110, 240), "orange"),
        ((30, 220, 240), "yellow"),
        ((60, 160, 50), "green"),
        ((200, 90, 30), "blue"),
        ((160, 40, 110), "purple"),
        ((170, 90, 240), "pink"),
        ((25, 60, 100), "brown"),
        ((240, 240, 240), "white"),
        ((120, 122, 125), "grey"),
        ((20, 22, 20), "black"),
    ],
)
def test_a_plain_thing(blue_green_red: tuple[int, int, int], name: str) -> None:
    picture = np.full((120, 80, 3), blue_green_red, np.uint8)
    rng = np.random.default_rng(2)
    assert colour(picture, WHOLE) == name
    assert colour(noise(picture, 10, rng), WHOLE) == name


def test_the_background_does_not_count() -> None:
    picture = np.full((200, 200, 3), (60, 160, 50), np.uint8)
    picture[40:160, 60:140] = (30, 30, 200)
    assert colour(picture, Box(0.2, 0.1, 0.8, 0.9)) == "red"


def test_no_colour_is_named_where_none_prevails() -> None:
    stripes = np.zeros((90, 90, 3), np.uint8)
    stripes[:, :, 2] = 200
    stripes[::3], stripes[1::3] = (200, 90, 30), (30, 220, 240)
    wide = as_pixels(cv2.resize(stripes[:9, :9], (90, 90), interpolation=cv2.INTER_NEAREST))
    assert colour(wide, WHOLE) == ""
    assert colour(landscape(1), WHOLE) == ""


def test_the_suit_of_the_astronaut_is_orange() -> None:
    assert colour(photo("astronaut"), Box(0.05, 0.6, 0.45, 1.0)) == "orange"
    assert colour(lit(photo("astronaut"), 1.1), Box(0.05, 0.6, 0.45, 1.0)) == "orange"


@pytest.mark.parametrize("box", [Box(0, 0, 0.001, 0.001), Box(1, 1, 1, 1), Box(0.5, 0.5, 0.5, 0.9)])
def test_a_box_without_pixels_has_no_colour(box: Box) -> None:
    assert colour(landscape(1), box) == ""
