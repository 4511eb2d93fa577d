"""What follows from a describer's failures in a row."""

import pytest

from narrator.errors import AnswerCut, BackendBusy, BackendError, BackendRefused, DataFileDamaged
from narrator.messages import Level
from narrator.setbacks import Setbacks

OTHERS = "The built-in describer goes on."


class Slow(BackendBusy):
    told_from = 3


def failures():
    return Setbacks("Gemini", OTHERS)


def test_a_told_wait_is_kept_to_the_second():
    setback = failures().take(BackendBusy("Too many requests.", "Wait.", rest=2.5))
    assert setback.rest == 2.5
    assert setback.notice.text == f"Too many requests. {OTHERS}"
    assert setback.notice.remedy == "Wait."


def test_without_a_told_wait_it_rests_longer_each_time_up_to_half_a_minute():
    setbacks = failures()
    assert [setbacks.take(BackendBusy("Overloaded.")).rest for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_a_refusal_rests_for_minutes_and_is_told_once():
    setbacks = failures()
    first, second = (setbacks.take(BackendRefused("The key is not accepted.")) for _ in range(2))
    assert first.rest == second.rest >= 60
    assert [first.notice is not None, second.notice is not None] == [True, False]


def test_who_declined_one_picture_was_never_away():
    setbacks = failures()
    assert setbacks.take(BackendError("Gemini declined to describe this picture.")).notice
    assert setbacks.over() is None


def test_a_request_that_failed_by_itself_does_not_stop_the_next_unless_it_goes_on_like_that():
    setbacks = failures()
    assert [setbacks.take(BackendError("Declined.")).rest for _ in range(4)] == [0, 0, 1, 2]


def test_what_is_told_from_the_third_time_on_is_told_then_and_once():
    setbacks = failures()
    told = [setbacks.take(Slow("Gemini is slow.")).notice for _ in range(5)]
    assert [notice is not None for notice in told] == [False, False, True, False, False]


def test_another_reason_is_told_too():
    setbacks = failures()
    assert setbacks.take(BackendBusy("Overloaded.")).notice
    assert setbacks.take(BackendBusy("No connection.")).notice
    assert not setbacks.take(BackendBusy("Overloaded.")).notice


def test_an_answer_that_broke_off_is_told_only_if_it_goes_on_like_that():
    setbacks = failures()
    told = [setbacks.take(AnswerCut("The answers break off.")) for _ in range(4)]
    assert [(setback.notice is not None, setback.rest > 0) for setback in told] == [
        (False, False),
        (False, False),
        (True, True),
        (False, True),
    ]


def test_what_does_not_stop_it_is_no_error_and_nobody_else_goes_on():
    notice = failures().take(BackendError("Gemini declined to describe this picture.")).notice
    assert (notice.level, notice.text) == (Level.WARNING, "Gemini declined to describe this picture.")


def test_it_is_told_that_it_is_back_if_it_was_told_that_it_was_gone():
    setbacks = failures()
    assert setbacks.over() is None
    setbacks.take(BackendBusy("Overloaded."))
    assert setbacks.over().text == "Gemini is back."
    assert setbacks.over() is None
    assert setbacks.take(BackendBusy("Overloaded.")).rest == 1, "the back-off begins anew"


@pytest.mark.parametrize("error", [Slow("Gemini is slow."), AnswerCut("It broke off.")])
def test_nobody_is_told_that_it_is_back_who_did_not_hear_that_it_was_gone(error):
    setbacks = failures()
    setbacks.take(error)
    assert setbacks.over() is None


def test_a_damaged_file_is_told_and_tried_again():
    setback = failures().take(DataFileDamaged("The file is damaged."))
    assert (setback.rest, setback.notice is not None) == (1, True)
