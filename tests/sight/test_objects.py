"""The detector finds what is on photographs whose content is known, and nothing on a wall."""

import cv2
import numpy as np
import pytest
from fakes.scenery import Pixels, as_pixels, noise, photo

from narrator.messages import Box
from narrator.sight.objects import LEAST_SCORE, Detection, Detector, overlap

ASTRONAUT = Box(0.03, 0.03, 0.71, 0.99)
CHELSEA = Box(0.0, 0.0, 0.97, 0.99)


@pytest.fixture(scope="module")
def detector() -> Detector:
    opened = Detector()
    opened.open()
    return opened


def surest(detector: Detector, pixels: Pixels) -> Detection:
    return detector.detect(pixels)[0]


@pytest.mark.parametrize(
    ("name", "label", "score", "box"), [("astronaut", "person", 0.75, ASTRONAUT), ("chelsea", "cat", 0.56, CHELSEA)]
)
def test_a_photograph(detector: Detector, name: str, label: str, score: float, box: Box) -> None:
    found = surest(detector, photo(name))
    assert found.label == label
    assert found.score == pytest.approx(score, abs=0.05)
    assert overlap(found.box, box) > 0.7


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (3840, 2160), (200, 150)])
def test_the_box_is_right_whatever_the_shape(detector: Detector, size: tuple[int, int]) -> None:
    width, height = size
    side = min(size) - 20
    canvas = np.full((height, width, 3), 90, np.uint8)
    left, top = width - side - 10, height - side - 10
    canvas[top : top + side, left : left + side] = cv2.resize(photo("astronaut"), (side, side))
    found = surest(detector, canvas)
    inner = Box(
        (left + ASTRONAUT.left * side) / width,
        (top + ASTRONAUT.top * side) / height,
        (left + ASTRONAUT.right * side) / width,
        (top + ASTRONAUT.bottom * side) / height,
    )
    assert found.label == "person"
    assert overlap(found.box, inner) > 0.7


def test_grey_and_noisy_pictures_still_show_the_person(detector: Detector) -> None:
    grey = cv2.cvtColor(cv2.cvtColor(photo("astronaut"), cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    for picture in (as_pixels(grey), noise(photo("astronaut"), 12, np.random.default_rng(1))):
        assert surest(detector, picture).label == "person"


@pytest.mark.parametrize("shape", [(416, 416), (720, 1280), (1, 1), (1, 8000), (3000, 2)])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_nothing_is_found_where_nothing_is(detector: Detector, shape: tuple[int, int], grey: int) -> None:
    assert detector.detect(np.full((*shape, 3), grey, np.uint8)) == []


def test_what_is_found_is_ordered_scored_and_inside_the_picture(detector: Detector) -> None:
    found = detector.detect(photo("astronaut"))
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)
    assert all(LEAST_SCORE <= score <= 1 for score in scores)
    for each in found:
        assert 0 <= each.box.left < each.box.right <= 1
        assert 0 <= each.box.top < each.box.bottom <= 1


def test_two_pictures_side_by_side_are_two_people(detector: Detector) -> None:
    both = as_pixels(np.hstack([photo("astronaut"), photo("astronaut")]))
    people = [found for found in detector.detect(both) if found.label == "person" and found.score > 0.5]
    assert len(people) == 2
    assert {round(person.box.centre_x > 0.5) for person in people} == {0, 1}
