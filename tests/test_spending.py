"""What is counted, when requests are stopped, and what the user is told: on clocks of the test's own."""

import random
import time
from datetime import datetime
from math import inf

import pytest
from fakes.paid import used

from narrator.messages import Level


def in_zone(monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()


@pytest.fixture
def zone(monkeypatch):
    """Sets the machine's time zone, and puts it back."""
    yield lambda name: in_zone(monkeypatch, name)
    monkeypatch.undo()
    time.tzset()


def test_the_meter_counts_requests_tokens_and_money(purse):
    own = purse()
    own.spend(2000, 40)
    own.pass_time(9)
    own.spend(2000, 40, cached=1000)
    meter = own.spending.meter()
    assert (meter.requests, meter.tokens_in, meter.tokens_out, meter.cached) == (2, 4000, 80, 1000)
    assert meter.cost == pytest.approx(0.0007 + 0.00043)
    assert meter.cost_today == pytest.approx(meter.cost)
    assert meter.limit_today == 2.0


def test_the_hourly_cost_is_that_of_the_last_ten_minutes(purse):
    own = purse(**{"spending.hour": 0.0})
    for _ in range(120):
        own.spend(cost=0.001)
        own.pass_time(10)
    assert own.spending.meter().cost_an_hour == pytest.approx(0.36, rel=0.03)
    own.pass_time(700)
    assert own.spending.meter().cost_an_hour == 0


def test_a_first_request_is_not_taken_for_an_hour_of_them(purse):
    own = purse()
    own.spend(cost=0.001)
    assert own.spending.meter().cost_an_hour == pytest.approx(0.06)


def test_a_free_describer_counts_but_is_never_stopped(purse):
    own = purse(**{"spending.hour": 0.001, "spending.tokens": 100})
    assert own.add(used(5000, 50, cost=0.0, is_far=False)) == []
    assert own.is_free
    assert own.spending.gap() == 0
    assert own.spending.meter().requests == 1


@pytest.mark.parametrize("key", ["spending.hour", "spending.day"])
def test_money_is_stopped_before_a_request_that_would_break_the_limit(purse, key):
    own = purse(**{key: 0.0100})
    told = []
    while own.is_free:
        told += own.spend(cost=0.0009)
        own.pass_time(10)
    assert own.spending.meter().cost == pytest.approx(0.0099)
    assert len(told) == 2, "at 80 % and at the end"
    assert "$0.01" in told[0].text
    assert told[0].level is Level.INFO
    assert "built-in describer goes on until" in told[1].text
    assert key in told[1].remedy


def test_no_limit_is_passed_by_more_than_one_request_however_they_vary(purse):
    random.seed(4)
    own = purse(**{"spending.hour": 0.05})
    costs = []
    while own.is_free:
        costs.append(random.uniform(0.0001, 0.002))  # noqa: S311 - no secret
        own.spend(cost=costs[-1])
    assert sum(costs[:-1]) <= 0.05
    assert sum(costs) <= 0.05 + max(costs)


def test_after_the_hour_has_rolled_out_the_model_returns(purse):
    own = purse(**{"spending.hour": 0.0100})
    for _ in range(10):
        (*_, last) = [None, *own.spend(cost=0.0010)]
        own.pass_time(60)
    until = own.spending.free_at(own.now)
    assert until == pytest.approx(own.start + 60 + 3600), "two of ten requests are an hour old: a fifth is free"
    assert "until 13:01" in last.text
    own.pass_time(until - own.now - 1)
    assert not own.is_free
    own.pass_time(1)
    assert own.is_free


def test_a_days_limit_lasts_until_the_next_midnight(purse):
    own = purse(**{"spending.day": 0.0010, "spending.hour": 0.0})
    told = own.spend(cost=0.0010)
    assert own.spending.free_at(own.now) - own.now == pytest.approx(12 * 3600)
    assert [notice.text for notice in told] == [
        "The limit of $0.001 a day is reached. The built-in describer goes on until tomorrow."
    ]
    own.pass_time(12 * 3600 + 1)
    assert own.is_free
    assert own.spending.meter().cost_today == 0


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 22.5), ((2026, 10, 25), 24.5), ((2026, 11, 21), 23.5)])
def test_midnight_is_where_it_is_on_a_day_of_23_or_25_hours(purse, zone, day, hours):
    zone("Europe/Berlin")
    own = purse(wall=datetime(*day, 0, 30).timestamp(), **{"spending.day": 0.001})
    own.spend(cost=0.001)
    assert own.spending.free_at(own.now) - own.now == pytest.approx(hours * 3600)


def test_tokens_within_a_minute(purse):
    own = purse(**{"spending.tokens": 10_000})
    told = []
    for _ in range(9):
        told += own.spend(1000, 20)
        own.pass_time(5)
    assert not own.is_free
    assert [notice.quiet for notice in told] == [True, False]
    assert told[1].text == (
        "The limit of 10,000 tokens a minute is reached. The built-in describer goes on for 25 seconds."
    )
    own.pass_time(20)
    assert own.is_free


def test_tokens_of_a_free_describer_far_away_count_against_their_limit_alone(purse):
    own = purse(**{"spending.tokens": 10_000, "spending.hour": 0.01})
    assert own.spending.free_at(own.now, is_paid=False) == own.now
    told = [notice for _ in range(9) for notice in own.add(used(1000, 20, cost=0.0))]
    assert own.spending.free_at(own.now, is_paid=False) == own.now + 60
    assert "tokens a minute is reached" in told[-1].text
    assert own.spending.meter().cost_today == 0
    own.pass_time(60)
    own.spend(cost=0.011)
    assert not own.is_free
    assert own.spending.free_at(own.now, is_paid=False) == own.now, "what others cost does not stop it"


def test_a_limit_that_is_reached_again_and_again_is_told_once_in_ten_minutes(purse):
    own = purse(**{"spending.tokens": 5_000, "spending.hour": 0.0, "spending.day": 0.0})
    told = []
    while own.now < own.start + 1200:
        if own.is_free:
            told += own.spend(2000, 40)
        own.pass_time(2)
        told += own.spending.settle()
    assert len([notice for notice in told if "reached" in notice.text]) == 2


def test_one_request_that_takes_more_than_a_limit_is_told_as_that(purse):
    own = purse(**{"spending.hour": 0.0010})
    told = own.spend(cost=0.0100)
    assert own.spending.free_at(own.now) == inf
    assert told[0].text == (
        "One request takes more than the limit of $0.001 an hour. The built-in describer goes on until you raise it."
    )
    own.limits["spending.hour"] = 0.6
    assert own.is_free


def test_a_limit_may_be_raised_while_it_holds_and_is_then_told_anew(purse):
    own = purse(**{"spending.hour": 0.0020})
    assert len(own.spend(cost=0.0020)) == 1
    assert not own.is_free
    own.limits["spending.hour"] = 0.0040
    assert own.is_free
    assert "$0.004 an hour" in own.spend(cost=0.0020)[0].text


def test_deciding_what_is_asked_takes_next_to_nothing(purse):
    own = purse(**{"spending.hour": 0.0, "spending.day": 0.0, "spending.tokens": 100_000_000})
    for _ in range(1800):
        own.spend(2000, 40)
        own.pass_time(2)
    began = time.thread_time()
    for _ in range(1000):
        own.spending.free_at(own.now)
        own.spending.gap()
    assert (time.thread_time() - began) / 1000 < 0.0005
