"""What a model gets that watches its pictures as a video: frames of one size, a second apart."""

from dataclasses import replace
from itertools import pairwise

import pytest
from fakes.families import FAMILIES
from hypothesis import given
from hypothesis import strategies as st
from test_budget import DEFAULTS, ages, history, limits, memories, planned, view

from narrator.memory.budget import plan
from narrator.memory.layouts import Limits
from narrator.messages import Moment

FAMILY = FAMILIES["a video"]


@given(memories(), limits, st.sampled_from([0.5, 1.0, 2.0]))
def test_every_video_has_frames_of_one_size_evenly_spaced(
    memory: tuple[tuple[int, int], list[Moment]], within: Limits, rate: float
) -> None:
    size, kept = memory
    able = replace(FAMILY.capabilities, frames_a_second=rate)
    layout = plan(view(size), kept, within, able, FAMILY.token_cost)
    assert not any(one.is_sheet for one in layout)
    assert len({one.side for one in layout}) == 1
    assert all(0.49 / rate <= before - after <= 1.51 / rate for before, after in pairwise(ages(layout)))


@pytest.mark.parametrize("gap", [0.2, 0.93, 1.0, 1.07])
def test_with_room_it_is_16_frames_a_second_apart(gap: float) -> None:
    layout = plan(view(), history(40, gap=gap), DEFAULTS, FAMILY.capabilities, FAMILY.token_cost)
    assert (len(layout), {one.side for one in layout}) == (16, {384})
    assert ages(layout)[0] == pytest.approx(15, abs=1.5)


def test_more_frames_go_before_sharper_ones() -> None:
    assert [one.side for one in planned("a video", replace(DEFAULTS, tokens=9000))] == [768] * 16
    assert [one.side for one in planned("a video", replace(DEFAULTS, tokens=1500))] == [192] * 16
    assert [one.side for one in planned("a video", replace(DEFAULTS, tokens=120))] == [192] * 4


def test_a_video_begins_after_the_last_frame_that_is_missing() -> None:
    kept = [moment for moment in history(20) if not 4.5 < 1000 - moment.captured_at < 7.5]
    layout = plan(view(), kept, DEFAULTS, FAMILY.capabilities, FAMILY.token_cost)
    assert ages(layout) == [4.0, 3.0, 2.0, 1.0, 0.0]
