"""What pictures of sizes that were not counted are reckoned to cost."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrator.backends._torch_costs import LARGE, SIZES, SMALL, Costs


def by_pixels(width, height):
    return math.ceil(width / 28) * math.ceil(height / 28)


def counted(rule):
    return Costs((*size, rule(*size)) for size in SIZES)


sizes = st.tuples(st.integers(1, 2000), st.integers(1, 2000))


def test_the_usual_sizes_are_those_of_the_usual_cameras_and_screens():
    assert {SMALL, LARGE, (384, 216), (768, 576), (192, 144), (432, 768), (768, 768)} < set(SIZES)


@given(sizes)
def test_a_model_whose_pictures_all_cost_the_same_has_one_price(size):
    assert counted(lambda _width, _height: 81).of(*size) == 81


@pytest.mark.parametrize("size", [(768, 480), (640, 400), (640, 480), (300, 300), (500, 281), (210, 373), (1000, 700)])
def test_between_sizes_it_is_near_what_would_be_counted(size):
    assert counted(by_pixels).of(*size) == pytest.approx(by_pixels(*size), rel=0.15)


@given(sizes, st.integers(2, 9))
def test_more_pixels_of_a_shape_never_cost_less(size, times):
    costs, (width, height) = counted(by_pixels), size
    assert costs.of(times * width, times * height) >= costs.of(width, height)


@given(sizes)
def test_every_picture_costs_something(size):
    assert counted(by_pixels).of(*size) >= 1


def test_pictures_that_did_not_fit_cost_more_until_others_did():
    costs = counted(lambda _width, _height: 100)
    costs.did_not_fit()
    assert costs.of(640, 400) == costs.of(*LARGE) == 125
    for _ in range(19):
        costs.did_fit()
    assert costs.of(*LARGE) == 125
    costs.did_fit()
    assert costs.of(*LARGE) == 100
    for _ in range(20):
        costs.did_not_fit()
    assert costs.of(*LARGE) == 400
