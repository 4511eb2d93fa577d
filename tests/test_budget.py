"""Which pictures a model gets, for every family of models, any memory and any limits."""

import time
from dataclasses import replace

import pytest
from fakes.families import FAMILIES, Family, by_pixels
from hypothesis import given, settings
from hypothesis import strategies as st

from narrator.memory.budget import cost, fits, legible_seconds, plan
from narrator.memory.layouts import SIDES, Limits, Planned, View, fitted
from narrator.messages import EncodedPicture, Moment
from narrator.seams import Capabilities

NOW = 1000.0
DEFAULTS = Limits(pictures=3000, tokens=2000, bytes=4_000_000, span=20.0)
SHAPES = [(1920, 1080), (1080, 1920), (640, 480), (3000, 100), (100, 80), (1, 1)]


def picture(size: tuple[int, int], side: int, bytes_per_pixel: float = 0.1) -> EncodedPicture:
    width, height = fitted(*size, side)
    return EncodedPicture(width, height, b"x" * (1 + int(width * height * bytes_per_pixel)))


def view(size: tuple[int, int] = (1920, 1080), epoch: int = 0) -> View:
    return View(NOW, 50.0, epoch, *size, lambda side: picture(size, side))


def moment(age: float, size: tuple[int, int] = (1920, 1080), epoch: int = 0, larger: int = 3) -> Moment:
    longest = sorted({min(side, max(size)) for side in SIDES}, reverse=True)[-larger:]
    return Moment(NOW - age, 50.0 - age, epoch, False, tuple(picture(size, side) for side in longest))


def history(seconds: float, offset: float = 0.0, gap: float = 1.0) -> list[Moment]:
    return [moment(place * gap + offset) for place in range(int(seconds / gap), 0, -1)]


def planned(
    family: str, limits: Limits = DEFAULTS, seconds: float = 60, *, urgent: bool = False
) -> tuple[Planned, ...]:
    rule = FAMILIES[family]
    return plan(view(), history(seconds), limits, rule.capabilities, rule.token_cost, urgent=urgent)


def told(layout: tuple[Planned, ...]) -> list[tuple[int, str, int]]:
    return [(max(one.width, one.height), one.detail, len(one.shots)) for one in layout]


def ages(layout: tuple[Planned, ...]) -> list[float]:
    return [NOW - shot.captured_at for one in layout for shot in one.shots]


sizes = st.sampled_from(SHAPES)
families = st.sampled_from(sorted(FAMILIES))
limits = st.builds(
    Limits,
    st.integers(1, 12),
    st.integers(10, 6000),
    st.integers(300, 2_000_000),
    st.one_of(st.just(20.0), st.floats(0, 600)),
)


@st.composite
def memories(draw: st.DrawFn) -> tuple[tuple[int, int], list[Moment]]:
    """A size of frames, and moments of two epochs with gaps of any kind, each with the pictures that age left it."""
    size = draw(sizes)
    gaps = draw(st.lists(st.floats(0.01, 20), max_size=40))
    kept, age = [], 0.0
    for gap in gaps:
        age += gap
        kept.append(moment(age, size, epoch=draw(st.sampled_from([0, 0, 0, 1])), larger=3 if age < 8 else 2))
    return size, kept[::-1]


@settings(max_examples=300)
@given(families, memories(), limits, st.booleans())
def test_every_plan_of_every_family(
    name: str, memory: tuple[tuple[int, int], list[Moment]], within: Limits, urgent: bool
) -> None:
    family = FAMILIES[name]
    size, kept = memory
    layout = plan(view(size), kept, within, family.capabilities, family.token_cost, urgent=urgent)
    check(layout, family, within, size)
    assert not any(shot.epoch for one in layout for shot in one.shots), "of another epoch"
    assert all(age <= within.span for age in ages(layout))


def check(layout: tuple[Planned, ...], family: Family, within: Limits, size: tuple[int, int]) -> None:
    capabilities = family.capabilities
    within = replace(within, pictures=min(within.pictures, capabilities.max_images))
    newest = layout[-1]
    assert newest.captured_at == NOW
    assert not newest.is_sheet
    if not fits(layout, within, family.token_cost):
        assert len(layout) == 1, "over the limits with more than the newest"
        assert not any_form_fits(family, within, size), "a form of the newest would have fitted"
    order = ages(layout)
    assert order == sorted(order, reverse=True)
    assert len(set(order)) == len(order), "a moment is shown twice"
    levels = capabilities.details
    assert all(one.side <= newest.side for one in layout), "an older picture is larger than the newest"
    assert all(levels.index(one.detail) <= levels.index(newest.detail) for one in layout)
    if not capabilities.per_image_detail:
        assert len({one.detail for one in layout}) == 1


def any_form_fits(family: Family, within: Limits, size: tuple[int, int]) -> bool:
    full = family.capabilities.full_side
    pictures = [picture(size, side) for side in (full, *(side for side in SIDES if side < full))]
    return any(
        family.token_cost(one.width, one.height, detail) <= within.tokens and len(one.jpeg) <= within.bytes
        for one in pictures
        for detail in family.capabilities.details[:2]
    )


def test_the_default_on_gemini_3_is_20_seconds_for_1400_tokens() -> None:
    layout = planned("3")
    assert told(layout) == [(384, "low", 9), (384, "low", 1), (384, "low", 1), (768, "medium", 1)]
    assert cost(layout, FAMILIES["3"].token_cost) == 1400
    assert legible_seconds(layout, 20) == 20
    assert ages(layout) == [20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 1, 0]


def test_a_cut_or_a_question_is_seen_in_high_detail_for_1960_tokens() -> None:
    layout = planned("3", urgent=True)
    assert told(layout)[-1] == (768, "high", 1)
    assert cost(layout, FAMILIES["3"].token_cost) == 1960
    assert legible_seconds(layout, 20) == 20


@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5, 0.75])
@pytest.mark.parametrize("urgent", [False, True])
def test_gemini_3_gets_8_seconds_or_more_for_2000_tokens_whenever_it_is_asked(offset: float, urgent: bool) -> None:
    rule = FAMILIES["3"]
    layout = plan(view(), history(60, offset), DEFAULTS, rule.capabilities, rule.token_cost, urgent=urgent)
    assert cost(layout, rule.token_cost) <= 2000
    assert legible_seconds(layout, 20) >= 19


def test_one_level_holds_for_the_whole_request_where_the_model_has_no_other_way() -> None:
    assert {detail for _, detail, _ in told(planned("2.5"))} == {"medium"}
    generous = replace(DEFAULTS, tokens=9000)
    assert {detail for _, detail, _ in told(planned("2.5", generous, urgent=True))} == {"high"}


@pytest.mark.parametrize("tokens", [258, 600, 1000, 1547, 1548, 1805, 1806, 2000, 4000, 9000])
def test_tile_models_get_384_pixels_or_the_whole_picture_and_nothing_between(tokens: int) -> None:
    layout = planned("legacy", replace(DEFAULTS, tokens=tokens))
    assert all(side <= 384 or side == 1920 for side, _, _ in told(layout))
    assert told(layout)[-1][0] == (1920 if tokens >= 1806 else 384)
    assert cost(layout, FAMILIES["legacy"].token_cost) <= tokens


def test_tile_models_get_384_pixels_where_the_whole_picture_has_too_many_bytes() -> None:
    assert told(planned("legacy", replace(DEFAULTS, bytes=150_000)))[-1][0] == 384


def test_a_model_of_one_picture_gets_the_newest() -> None:
    assert told(planned("729 tokens, one picture")) == [(384, "", 1)]


def test_a_price_for_each_picture_buys_a_contact_sheet() -> None:
    assert told(planned("729 tokens each")) == [(384, "", 9), (384, "", 1)]


def test_a_model_that_sees_224_pixels_gets_no_tiles_that_it_cannot_read() -> None:
    layout = planned("256 tokens, 224 pixels")
    assert told(layout) == [(192, "", 1)] * 6 + [(224, "", 1)]


def test_more_tokens_never_give_less_history() -> None:
    for name, family in FAMILIES.items():
        seconds = [
            legible_seconds(plan(view(), history(60), within, family.capabilities, family.token_cost), 20)
            for within in (replace(DEFAULTS, tokens=tokens) for tokens in range(300, 1500, 100))
        ]
        assert seconds[-1] == max(seconds), name


def test_enough_history_goes_before_a_sharper_newest() -> None:
    rule = FAMILIES["3"]
    layout = planned("3", replace(DEFAULTS, tokens=600))
    assert told(layout) == [(384, "low", 9), (768, "low", 1)]
    assert cost(layout, rule.token_cost) == 560


def test_the_first_seconds_show_what_there_is() -> None:
    assert told(planned("3", seconds=0)) == [(768, "medium", 1)]
    assert told(planned("3", seconds=1)) == [(384, "low", 1), (768, "medium", 1)]
    assert ages(planned("3", seconds=5)) == [5, 4, 3, 2, 1, 0]


def test_a_long_span_is_reached_with_ever_wider_gaps() -> None:
    rule = FAMILIES["3"]
    layout = plan(view(), history(600), replace(DEFAULTS, span=300.0), rule.capabilities, rule.token_cost)
    steps = [older - newer for older, newer in zip(ages(layout), ages(layout)[1:], strict=False)]
    assert ages(layout)[0] == 300
    assert steps[0] > steps[len(steps) // 2] > steps[-1]


def test_no_pictures_for_a_describer_that_takes_none() -> None:
    assert plan(view(), history(9), DEFAULTS, Capabilities(), by_pixels) == ()
    assert plan(None, history(9), DEFAULTS, Capabilities(max_images=9), by_pixels) == ()
    assert plan(view(), history(9), replace(DEFAULTS, pictures=0), Capabilities(max_images=9), by_pixels) == ()


def test_when_nothing_fits_the_smallest_form_is_sent_and_can_be_told() -> None:
    within = replace(DEFAULTS, tokens=5)
    for family in FAMILIES.values():
        layout = plan(view(), history(60), within, family.capabilities, family.token_cost)
        assert len(layout) == 1
        assert layout[0].side <= 192 or layout[0].side <= family.capabilities.full_side
        assert layout[0].detail == family.capabilities.details[0]
        assert not fits(layout, within, family.token_cost)


def test_moments_of_another_epoch_are_left_out() -> None:
    rule = FAMILIES["3"]
    kept = [moment(age, epoch=0) for age in (9, 8, 7)] + [moment(age, epoch=1) for age in (2, 1)]
    layout = plan(view(epoch=1), kept, DEFAULTS, rule.capabilities, rule.token_cost)
    assert ages(layout) == [2, 1, 0]


def test_a_plan_is_made_within_a_millisecond() -> None:
    rule, kept, times = FAMILIES["3"], history(60), []
    for _ in range(30):
        started = time.thread_time()
        plan(view(), kept, DEFAULTS, rule.capabilities, rule.token_cost)
        times.append(time.thread_time() - started)
    assert min(times) < 1e-3
