"""Both ends of the pipe to a model's process: answers, cancels, what ends a model that does not stop, and failures."""

import logging
import os
import signal
import threading
import time

import pytest
from fakes import engine_child
from fakes.processes import is_alive
from fakes.waiting import eventually

from narrator.engines.child import STOPS_WITHIN
from narrator.engines.failures import FAILURES, ContextTooLong, EngineLost, OutOfMemory, TooSlow, failure
from narrator.engines.parent import Engine
from narrator.errors import AnswerCut, BackendError, BackendRefused
from narrator.mailbox import Cancel, Closed

LONG = 30.0


@pytest.fixture
def engine():
    engine = Engine("none", "The engine", engine_child.start)
    engine.model = "Tiny"
    yield engine
    engine.close()


@pytest.fixture
def loaded(engine):
    engine.load({}, print)
    return engine


def ask(engine, *, cancelled=None, first=LONG, within=LONG, **request):
    return engine.ask(request, Cancel() if cancelled is None else cancelled, first, within)


def text(messages):
    return "".join(message["text"] for message in messages if message["kind"] == "text")


def cancel_after_word(engine, **request):
    """Ask, cancel after the first word, and read to the end: seconds from the cancel to the end."""
    cancelled = Cancel()
    answer = ask(engine, cancelled=cancelled, words=["one "] * 1000, **request)
    next(answer)
    thrown = time.monotonic()
    cancelled.throw()
    assert list(answer) == []
    return time.monotonic() - thrown


class TestLoading:
    def test_tells_what_takes_time_and_what_came_of_it(self, engine):
        told = []
        ready = engine.load({"tells": ["Reading.", "Almost there."]}, told.append)
        assert told == ["Reading.", "Almost there."]
        assert ready["pid"] == engine.pid
        assert engine.is_open

    def test_again_replaces_the_child(self, loaded):
        before = loaded.pid
        loaded.load({}, print)
        assert loaded.pid != before
        assert eventually(lambda: not is_alive(before))

    def test_that_fails_says_why_and_leaves_no_child(self, engine):
        with pytest.raises(BackendRefused, match="Tiny is damaged, or this engine") as caught:
            engine.load({"does": "fail", "cause": "model_unusable"}, print)
        assert "verify" in caught.value.remedy
        assert not engine.is_open

    def test_that_crashes_says_so(self, engine):
        with pytest.raises(EngineLost, match="ended unexpectedly"):
            engine.load({"does": "crash"}, print)

    def test_ends_when_it_is_closed(self, engine):
        ends = []

        def load():
            try:
                engine.load({"does": "go on"}, print)
            except Closed as error:
                ends.append(error)

        thread = threading.Thread(target=load)
        thread.start()
        assert eventually(lambda: engine.pid)
        pid = engine.pid
        engine.close()
        thread.join(5)
        assert len(ends) == 1
        assert eventually(lambda: not is_alive(pid))

    def test_of_a_closed_engine_starts_nothing(self, engine):
        engine.close()
        with pytest.raises(Closed):
            engine.load({}, print)
        assert engine.pid == 0


class TestAsking:
    def test_gives_the_words_as_they_come(self, loaded):
        answer = ask(loaded, words=["one ", "two"], gap=0.5)
        began = time.monotonic()
        assert next(answer)["text"] == "one "
        assert time.monotonic() - began < 0.4
        assert [message["kind"] for message in answer] == ["text", "usage"]

    def test_one_after_the_other_mixes_nothing(self, loaded):
        for number in range(20):
            assert text(ask(loaded, words=[f"{number} ", "a", "b"])) == f"{number} ab"

    def test_a_large_request_arrives(self, loaded):
        assert text(ask(loaded, words=["yes"], picture="x" * 5_000_000)) == "yes"

    def test_of_a_child_that_is_gone_is_a_loss(self, loaded):
        os.kill(loaded.pid, signal.SIGKILL)
        assert eventually(lambda: not loaded.is_open)
        with pytest.raises(EngineLost):
            list(ask(loaded))

    def test_without_a_word_in_time_it_was_too_slow(self, loaded):
        with pytest.raises(TooSlow):
            list(ask(loaded, first=0.1, does="go on", seconds=0.5))
        assert text(ask(loaded, words=["better"])) == "better"

    def test_that_takes_too_long_in_all_breaks_off(self, loaded):
        answer = ask(loaded, within=0.3, words=["one "] * 100, gap=0.05)
        assert next(answer)
        with pytest.raises(AnswerCut):
            list(answer)
        assert text(ask(loaded, words=["better"])) == "better"


class TestCancelling:
    def test_ends_the_answer_at_once(self, loaded):
        delays = sorted(cancel_after_word(loaded, gap=5.0) for _ in range(5))
        assert delays[2] < 0.1

    def test_frees_the_model_at_once(self, loaded):
        cancel_after_word(loaded, gap=5.0)
        began = time.monotonic()
        assert text(ask(loaded, words=["next"])) == "next"
        assert time.monotonic() - began < 0.5

    def test_long_ago_leaves_the_model_where_it_is(self, loaded):
        cancel_after_word(loaded)
        pid = loaded.pid
        Cancel().wait(STOPS_WITHIN + 0.7)
        assert text(ask(loaded, words=["one"])) == "one"
        assert loaded.pid == pid

    def test_from_another_thread_wakes_who_waits(self, loaded):
        cancelled, ends = Cancel(), []
        answer = ask(loaded, cancelled=cancelled, words=["one "] * 1000, gap=5.0)
        next(answer)
        thread = threading.Thread(target=lambda: ends.append(list(answer)))
        thread.start()
        cancelled.throw()
        thread.join(2)
        assert ends == [[]]

    def test_before_it_begins_says_nothing(self, loaded):
        cancelled = Cancel()
        cancelled.throw()
        assert list(ask(loaded, cancelled=cancelled, words=["one"])) == []
        assert text(ask(loaded, words=["next"])) == "next"

    def test_an_answer_that_is_given_up_frees_the_model(self, loaded):
        answer = ask(loaded, words=["one "] * 1000, gap=5.0)
        next(answer)
        answer.close()
        assert text(ask(loaded, words=["next"])) == "next"


def leave_stuck(engine):
    """Cancel a request that goes on all the same: when that was."""
    cancelled = Cancel()
    answer = ask(engine, cancelled=cancelled, words=["one "], does="go on")
    next(answer)
    cancelled.throw()
    assert list(answer) == []
    return time.monotonic()


class TestAModelThatDoesNotStop:
    def test_is_ended_within_two_and_a_half_seconds(self, loaded):
        thrown, pid = leave_stuck(loaded), loaded.pid
        assert eventually(lambda: not is_alive(pid), within=3)
        assert 1.9 < time.monotonic() - thrown < 2.5
        with pytest.raises(EngineLost, match="did not stop"):
            list(ask(loaded))

    def test_is_given_as_long_as_it_takes_to_look_at_a_picture(self, loaded):
        loaded.expect(60)  # until it is known
        assert text(ask(loaded, words=["one"])) == "one"
        assert loaded.stops_within == STOPS_WITHIN
        loaded.expect(2)
        cancelled, pid = Cancel(), loaded.pid
        answer = ask(loaded, cancelled=cancelled, does="go on", seconds=2.3)
        threading.Timer(0.05, cancelled.throw).start()
        assert list(answer) == []
        assert text(ask(loaded, words=["next"])) == "next"
        assert loaded.pid == pid

    def test_is_ended_when_the_next_is_asked(self, loaded):
        thrown, pid = leave_stuck(loaded), loaded.pid
        with pytest.raises(EngineLost, match="did not stop") as caught:
            list(ask(loaded))
        assert time.monotonic() - thrown < 2.6
        assert caught.value.reopens
        assert eventually(lambda: not is_alive(pid))
        loaded.load({}, print)
        assert text(ask(loaded, words=["again"])) == "again"

    def test_nor_hears_anything_is_ended_as_well(self, loaded):
        cancelled, pid = Cancel(), loaded.pid
        answer = ask(loaded, cancelled=cancelled, words=["one "] * 1000, gap=5.0)
        next(answer)
        os.kill(pid, signal.SIGSTOP)
        cancelled.throw()
        thrown = time.monotonic()
        assert list(answer) == []
        with pytest.raises(EngineLost, match="did not stop"):
            list(ask(loaded))
        assert time.monotonic() - thrown < 2.8
        assert eventually(lambda: not is_alive(pid))

    def test_that_takes_no_request_is_given_up_in_time_and_can_be_cancelled(self, loaded):
        os.kill(loaded.pid, signal.SIGSTOP)
        picture = "x" * 2_000_000  # far more than a pipe holds
        began = time.monotonic()
        with pytest.raises(TooSlow):
            list(ask(loaded, first=0.3, words=[picture]))
        assert time.monotonic() - began < 1.0
        cancelled = Cancel()
        answer = ask(loaded, cancelled=cancelled, words=[picture])
        threading.Timer(0.2, cancelled.throw).start()
        assert list(answer) == []
        assert time.monotonic() - began < 2.0

    def test_does_not_hold_up_a_request_that_is_cancelled(self, loaded):
        leave_stuck(loaded)
        cancelled = Cancel()
        threading.Timer(0.1, cancelled.throw).start()
        began = time.monotonic()
        assert list(ask(loaded, cancelled=cancelled)) == []
        assert time.monotonic() - began < 1


class TestFailures:
    def test_a_crash_in_an_answer_is_a_loss(self, loaded):
        answer = ask(loaded, words=["one "], does="crash")
        next(answer)
        with pytest.raises(EngineLost, match="ended unexpectedly"):
            list(answer)

    def test_a_process_that_leaves_is_a_loss(self, loaded):
        with pytest.raises(EngineLost):
            list(ask(loaded, does="leave"))

    def test_a_process_that_the_system_ended_ran_out_of_memory(self, loaded):
        answer = ask(loaded, words=["one ", "two "], gap=LONG)
        next(answer)
        os.kill(loaded.pid, signal.SIGKILL)
        with pytest.raises(OutOfMemory, match="not enough memory for the model Tiny") as caught:
            list(answer)
        assert caught.value.reopens

    def test_memory_that_runs_out_in_the_child_gives_it_back(self, loaded):
        pid = loaded.pid
        with pytest.raises(OutOfMemory):
            list(ask(loaded, does="run out of memory"))
        assert eventually(lambda: not is_alive(pid))

    def test_one_that_nobody_foresaw_is_told_plainly_with_a_detail_for_the_log(self, loaded):
        with pytest.raises(BackendError, match=r"^The model failed\.$") as caught:
            list(ask(loaded, does="raise"))
        assert "ValueError: told to" in caught.value.detail
        assert text(ask(loaded, words=["next"])) == "next"

    def test_of_a_request_leaves_the_model_there(self, loaded):
        with pytest.raises(ContextTooLong, match="memory of 4096 tokens"):
            list(ask(loaded, does="fail", cause="context_too_long", facts={"limit": 4096}))
        assert text(ask(loaded, words=["next"])) == "next"

    def test_closing_in_an_answer_is_none(self, loaded):
        answer = ask(loaded, words=["one "] * 1000, gap=5.0)
        next(answer)
        threading.Timer(0.1, loaded.close).start()
        assert list(answer) == []

    @pytest.mark.parametrize("cause", sorted(FAILURES))
    def test_each_is_a_plain_sentence(self, cause, caplog):
        caplog.set_level(logging.CRITICAL)
        facts = dict.fromkeys(
            ("model", "title", "setting", "file", "kind", "needed", "free", "limit", "command", "device"), "x"
        )
        error = failure(cause, **facts)
        assert error.sentence.endswith(".")
        assert error.remedy or isinstance(error, AnswerCut | ContextTooLong) or cause == "bad_request"
        assert "{" not in error.sentence + error.remedy
        assert "{" not in failure(cause).sentence + failure(cause).remedy


def test_ten_models_in_a_row_leave_nothing(engine):
    before, pids = set(threading.enumerate()), []
    for _ in range(10):
        engine.load({}, print)
        pids.append(engine.pid)
        assert text(ask(engine, words=["yes"])) == "yes"
    engine.close()
    assert eventually(lambda: not any(map(is_alive, pids)))
    assert eventually(lambda: not set(threading.enumerate()) - before)
