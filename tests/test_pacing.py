"""How requests are spread over the hour and the minute: on clocks of the test's own."""

import random
from itertools import pairwise

import pytest
from fakes.paid import used


def test_a_moving_scene_costs_its_pace_and_is_asked_about_in_8_to_14_seconds(purse):
    own = purse(**{"spending.pace": 0.30})
    asked = hour_of(own, cuts_an_hour=0)
    gaps = [late - early for early, late in pairwise(asked)]
    assert 0.27 <= own.spending.meter().cost <= 0.30
    assert 8 <= sum(gaps) / len(gaps) <= 14
    assert max(gaps[5:]) < 14


@pytest.mark.parametrize("cuts_an_hour", [12, 60, 240])
def test_what_scene_cuts_cost_is_saved_again(purse, cuts_an_hour):
    own = purse(**{"spending.pace": 0.30})
    asked = hour_of(own, cuts_an_hour=cuts_an_hour)
    gaps = [late - early for early, late in pairwise(asked)]
    assert own.spending.meter().cost <= 0.305
    assert max(gaps) <= 62


def test_a_burst_of_cuts_makes_the_others_wait_for_a_minute_at_most(purse):
    own = purse(**{"spending.pace": 0.30})
    assert own.spending.gap() == 0
    own.spend(2000, 40)
    alone = own.spending.gap()
    assert alone == pytest.approx(8.84, abs=0.05)
    for _ in range(5):
        own.pass_time(2)
        own.spend(2000, 40)
    assert 3 * alone < own.spending.gap() <= 60
    for _ in range(20):
        own.pass_time(2)
        own.spend(2000, 40)
    assert own.spending.gap() == pytest.approx(60)


def test_after_a_quiet_time_a_few_cuts_are_free(purse):
    own = purse(**{"spending.pace": 0.30})
    own.spend(2000, 40)
    alone = own.spending.gap()
    own.pass_time(600)
    for _ in range(5):
        own.spend(2000, 40)
    assert own.spending.gap() == pytest.approx(alone)


def test_a_dear_model_is_asked_so_seldom_that_the_pace_is_kept(purse):
    own = purse(**{"spending.pace": 0.30})
    own.spend(cost=0.01)
    assert own.spending.gap() == pytest.approx(126, abs=1)


def hour_of(own, cuts_an_hour):
    """Ask as the director does: at a cut at once, two seconds apart; for what moved, a gap apart. Gives when."""
    chance = random.Random(cuts_an_hour)  # noqa: S311 - no secret
    asked, step = [own.now], 0.25
    while own.now < own.start + 3600:
        since = own.now - asked[-1]
        is_cut = chance.random() < cuts_an_hour * step / 3600
        if (is_cut and since >= 2 and own.is_free) or since >= max(6.0, own.spending.gap()):
            asked.append(own.now)
            own.pass_time(1.4)
            own.spend(chance.randint(1800, 2200), 40)
        own.pass_time(step)
    return asked


@pytest.mark.parametrize(("limit", "share"), [(5_000, 0.4), (10_000, 0.6), (20_000, 0.7), (100_000, 0.74)])
def test_with_a_limit_of_tokens_describers_do_not_take_turns(purse, limit, share):
    """And it is used as far as whole requests allow, with room for one more at every moment."""
    own = purse(**{"spending.tokens": limit, "spending.day": 0.0, "spending.hour": 0.0})
    chance, taken, stops = random.Random(7), 0, 0  # noqa: S311 - no secret
    while own.now < own.start + 1200:
        tokens = chance.randint(1900, 2100)
        assert all(notice.quiet for notice in own.spend(tokens, 40))
        taken += tokens + 40
        stops += not own.is_free
        own.pass_time(own.spending.gap())
    assert stops == 0
    assert share * limit * 20 <= taken <= 0.76 * limit * 20


def test_tokens_that_have_no_price_are_spread_over_the_minute_too(purse):
    own = purse(**{"spending.tokens": 10_000})
    own.add(used(2000, 0, cost=0.0))
    assert own.spending.gap(is_paid=False) == pytest.approx(20), "four fit into a minute"
    own.limits["spending.tokens"] = 0
    assert own.spending.gap() == 0
