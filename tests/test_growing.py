"""Layouts for models with a prefix cache: what was sent stays as it was, so most of a request is known to the model."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from fakes.families import FAMILIES, Family
from hypothesis import given, settings
from hypothesis import strategies as st

from narrator.memory.budget import cost, fits, plan
from narrator.memory.history import History
from narrator.memory.layouts import Limits, Planned, TokenCost, View, fitted
from narrator.messages import EncodedPicture, Frame, Moment

WIDTH, HEIGHT = 1920, 1080
LIMITS = Limits(pictures=64, tokens=2000, bytes=4_000_000, span=20.0)


def cached(name: str) -> Family:
    family = FAMILIES[name]
    return replace(family, capabilities=replace(family.capabilities, prefix_cache=True))


def view(at: float, epoch: int = 0) -> View:
    def encode(side: int) -> EncodedPicture:
        width, height = fitted(WIDTH, HEIGHT, side)
        return EncodedPicture(width, height, f"{epoch} {at} {side}".encode() + b"x" * (width * height // 10))

    return View(at, at, epoch, WIDTH, HEIGHT, encode)


def moments(until: float) -> list[Moment]:
    small = EncodedPicture(192, 108, b"x" * 5000)
    return [Moment(float(at), float(at), 0, False, (small,)) for at in range(int(until))]


def requests(family: Family, count: int, limits: Limits = LIMITS) -> Iterator[tuple[Planned, ...]]:
    """The layouts of so many requests, one each six seconds."""
    layout: tuple[Planned, ...] = ()
    for number in range(count):
        at = 20.0 + 6 * number
        layout = plan(view(at), moments(at), limits, family.capabilities, family.token_cost, previous=layout)
        yield layout


def shared(before: tuple[Planned, ...], after: tuple[Planned, ...], token_cost: TokenCost) -> int:
    """Tokens at the start of `after` that are those of `before`."""
    same = 0
    for old, new in zip(before, after, strict=False):
        if old != new:
            break
        same += 1
    return cost(after[:same], token_cost)


def test_most_of_a_request_is_the_start_of_the_one_before() -> None:
    family = cached("by pixels")
    layouts = list(requests(family, 60))
    pairs = list(pairwise(layouts))
    known = [shared(before, after, family.token_cost) for before, after in pairs]
    asked = [cost(after, family.token_cost) for _, after in pairs]
    grown = [place for place, (before, after) in enumerate(pairs) if len(after) > len(before)]
    late = [place for place in grown if place >= 20]
    share_grown = sum(known[place] for place in late) / sum(asked[place] for place in late)
    share_all = sum(known[20:]) / sum(asked[20:])
    assert share_grown >= 0.9, "while it only grows"
    assert share_all >= 0.8, "with the requests at which half collapses"


def test_at_the_limit_the_older_half_becomes_one_sheet() -> None:
    family = cached("by pixels")
    layouts = list(requests(family, 40))
    collapsed = [(before, after) for before, after in pairwise(layouts) if len(after) < len(before)]
    assert collapsed
    for before, after in collapsed:
        assert after[0].is_sheet
        assert not any(one.is_sheet for one in after[1:])
        assert after[1:-1] == before[-len(after) + 2 :], "the newer half stays as it was"
        assert set(after[0].shots) <= {shot for one in before for shot in one.shots}
        assert len(after[0].shots) == 9


def test_a_picture_keeps_the_form_it_entered_with() -> None:
    for layout in requests(cached("by pixels"), 40):
        assert len({(one.width, one.height) for one in layout if not one.is_sheet}) == 1


def test_another_epoch_starts_anew() -> None:
    family = cached("by pixels")
    *_, before = requests(family, 5)
    (only,) = plan(view(100, epoch=1), moments(100), LIMITS, family.capabilities, family.token_cost, previous=before)
    assert only.epoch == 1


def test_the_same_frame_asked_again_is_the_same_request() -> None:
    family = cached("by pixels")
    *_, before = requests(family, 5)
    again = plan(view(44.0), moments(44), LIMITS, family.capabilities, family.token_cost, previous=before)
    assert again == before


def test_fewer_tokens_than_before_are_kept_to() -> None:
    family = cached("by pixels")
    *_, before = requests(family, 12)
    tight = replace(LIMITS, tokens=300)
    layout = plan(view(100), moments(100), tight, family.capabilities, family.token_cost, previous=before)
    assert fits(layout, tight, family.token_cost)
    assert layout[-1].captured_at == 100


@pytest.mark.parametrize("name", sorted(FAMILIES))
@given(
    steps=st.lists(st.tuples(st.floats(0, 30), st.booleans(), st.integers(10, 4000)), min_size=1, max_size=40),
    pictures=st.integers(1, 20),
    size=st.integers(5000, 2_000_000),
)
@settings(max_examples=40)
def test_every_growing_layout(name: str, steps: list[tuple[float, bool, int]], pictures: int, size: int) -> None:
    family = cached(name)
    at, epoch, layout = 20.0, 0, ()
    for gap, is_new, tokens in steps:
        limits = Limits(pictures, tokens, size, 20.0)
        within = replace(limits, pictures=min(pictures, family.capabilities.max_images))
        at, epoch = at + gap, epoch + is_new
        layout = plan(view(at, epoch), moments(at), limits, family.capabilities, family.token_cost, previous=layout)
        newest = layout[-1]
        assert newest.captured_at == at
        assert fits(layout, within, family.token_cost) or len(layout) == 1
        times = [shot.captured_at for one in layout for shot in one.shots]
        assert times == sorted(set(times))
        assert all(one.side <= newest.side and one.detail == newest.detail for one in layout)
        assert {one.epoch for one in layout} == {epoch}


def test_the_pictures_that_are_sent_again_have_the_same_bytes() -> None:
    family, history = cached("by pixels"), History(1.0, 16_000_000)
    noise = np.random.default_rng(1).integers(0, 255, (360, 640, 3), np.uint8)
    layout, sent, collapsed = (), (), 0
    for second in range(180):
        frame = Frame(second, float(second), 0.0, float(second), 0, np.roll(noise, second, 1))
        history.keep(frame, is_cut=False)
        if second % 4:
            continue
        before, known = layout, sent
        layout = plan(
            history.view(frame), history.moments(), LIMITS, family.capabilities, family.token_cost, previous=before
        )
        sent = [one.picture.jpeg for one in history.render(layout, second + 0.1, absolute_times=True)]
        if layout[: len(before)] == before:
            assert sent[: len(known)] == list(known)
        else:
            collapsed += 1
    assert collapsed
    assert layout[0].is_sheet
