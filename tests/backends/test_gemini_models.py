"""The catalogue: token rules against the vendor's figures, prices by date, and what takes the place of what is gone."""

from datetime import date

import pytest

from narrator.backends import gemini
from narrator.backends._gemini_models import catalogue
from narrator.seams import Prices

TODAY = date(2026, 11, 21)
EVERY = sorted(catalogue().models)


def rule(model):
    return catalogue().model(model).generation


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [
        (384, 216, 258),
        (384, 384, 258),
        (400, 225, 516),
        (640, 480, 1032),
        (768, 768, 1032),
        (640, 360, 1548),
        (768, 432, 1548),
        (1920, 1080, 1548),
        (6144, 3456, 3096),
        (1, 1, 258),
    ],
)
def test_up_to_two_pixels_count(width, height, tokens):
    assert rule("gemini-2.0-flash").cost(width, height, "low") == tokens


@pytest.mark.parametrize(
    ("model", "level", "tokens"),
    [
        ("gemini-2.5-flash-lite", "low", 64),
        ("gemini-2.5-flash-lite", "medium", 256),
        ("gemini-2.5-flash-lite", "high", 2048),
        ("gemini-3.5-flash-lite", "low", 280),
        ("gemini-3.5-flash-lite", "medium", 560),
        ("gemini-3.5-flash-lite", "high", 1120),
        ("gemini-3.5-flash-lite", "ultra_high", 2240),
        ("gemini-3.5-flash-lite", "", 1120),
        ("gemini-4-argon", "low", 280),
    ],
)
def test_later_the_level_alone_counts(model, level, tokens):
    assert {rule(model).cost(*size, level) for size in ((96, 54), (384, 384), (1920, 1080))} == {tokens}


def test_a_history_costs_what_the_vendor_says():
    three = rule("gemini-3.5-flash-lite")
    assert 8 * three.cost(768, 432, "") == 8960
    assert three.cost(768, 432, "high") + three.cost(384, 384, "low") == 1400
    assert three.video_cost(16) == 1120


@pytest.mark.parametrize(
    ("model", "level", "tokens"),
    [
        ("gemini-2.0-flash", "", 258),
        ("gemini-2.5-flash", "", 256),
        ("gemini-2.5-flash", "low", 64),
        ("gemini-3.5-flash", "", 70),
        ("gemini-3.5-flash", "low", 70),
        ("gemini-3.5-flash", "high", 280),
    ],
)
def test_a_frame_of_a_video_has_its_own_price(model, level, tokens):
    assert rule(model).video_cost(10, level) == 10 * tokens


@pytest.mark.parametrize(
    ("model", "day", "prices"),
    [
        ("gemini-3.5-flash-lite", TODAY, Prices(0.30, 2.50, 0.03)),
        ("gemini-3.8-flash", date(2026, 12, 31), Prices(0.75, 3.75, 0.075)),
        ("gemini-3.8-flash", date(2027, 1, 1), Prices(1.50, 7.50, 0.15)),
        ("gemini-4-argon", date(2026, 11, 30), Prices(2, 10, 0.2)),
        ("gemini-4-argon", date(2030, 1, 1), Prices(4, 20, 0.4)),
    ],
)
def test_prices_hold_for_their_time(model, day, prices):
    assert catalogue().model(model).prices_on(day) == prices


@pytest.mark.parametrize("name", EVERY)
def test_every_model_is_told_of_in_full(name):
    model = catalogue().models[name]
    assert model.title
    assert model.status in ("current", "retiring", "retired")
    assert model.checked_on
    assert model.checked_on <= date.today()
    assert model.price_source
    assert model.prices_on(TODAY)
    assert model.generation.source.startswith("https://")
    assert model.lowest_thinking in model.thinking or not model.thinking
    assert not (model.is_retired(date(2100, 1, 1)) and not model.replaced_by)
    assert model.replaced_by in ("", *EVERY)


def test_no_two_periods_of_a_price_overlap_or_leave_a_gap():
    for model in catalogue().models.values():
        for earlier, later in zip(model.prices, model.prices[1:], strict=False):
            assert (later.since - earlier.until).days == 1


def test_the_recommended_model_is_a_current_one():
    model = catalogue().model(catalogue().default)
    assert (model.status, model.live, model.is_known) == ("current", False, True)


def test_levels_come_cheapest_first():
    for model in catalogue().models.values():
        assert list(model.generation.levels.values()) == sorted(model.generation.levels.values())


class TestSuccessor:
    def test_is_the_one_that_the_catalogue_names(self):
        assert catalogue().successor("gemini-2.5-pro", None, TODAY) == "gemini-3.8-flash"

    def test_is_one_that_the_service_has(self):
        offered = ("gemini-2.5-flash", "gemini-3.5-flash")
        assert catalogue().successor("gemini-2.5-pro", offered, TODAY) == "gemini-2.5-flash"

    def test_of_a_mistyped_name_is_the_nearest_when_the_recommended_one_is_gone(self):
        assert catalogue().successor("gemini-35-flash", ("gemini-3.5-flash", "gemini-4-argon"), TODAY) == (
            "gemini-3.5-flash"
        )

    def test_is_never_one_that_cannot_narrate(self):
        assert catalogue().successor("gemini-9", ("gemini-3.8-live",), TODAY) == ""


class TestUnknown:
    def test_has_the_newest_rule_and_the_dearest_price(self):
        model = catalogue().model("gemini-9-wide")
        assert (model.is_known, model.generation.name) == (False, "3")
        assert model.prices_on(TODAY) == Prices(4, 20, 0.4)

    def test_is_like_the_model_that_it_is_a_version_of(self):
        model = catalogue().model("gemini-2.5-flash-lite-preview-09")
        assert (model.is_known, model.generation.name) == (False, "2.5")

    def test_numbered_versions_are_known(self):
        assert catalogue().model("gemini-3.8-flash-002").is_known


def test_settings_that_a_model_does_not_honour_are_named():
    assert gemini.ignored_settings() == ("gemini.temperature", "gemini.top_p", "gemini.top_k")
    assert gemini.ignored_settings("gemini-3.8-flash") == ()
    assert "gemini.thinking" in gemini.ignored_settings("gemini-2.0-flash")
    assert "gemini.media_resolution" in gemini.ignored_settings("gemini-2.0-flash")
