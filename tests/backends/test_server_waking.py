"""Servers that sleep, load their model, die and come back."""

import threading
import time

import pytest
from fakes.waiting import eventually

from narrator.backends import _server_errors as errors
from narrator.errors import BackendBusy, BackendError
from narrator.mailbox import Closed


def patiently(talk, within=15.0):
    """Open as a lane does, with rests, until it is open; and what it was told meanwhile."""
    heard, deadline = [], time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            return (talk.again() if talk.backend else talk.open()), heard
        except BackendBusy as error:
            heard.append(error)
            time.sleep(min(error.rest, 0.3))  # a lane rests
    raise AssertionError(heard)


class TestWaking:
    @pytest.mark.parametrize("sleeps", ["502-html", "503", "503-loading", "504"])
    def test_is_told_and_waited_for_and_no_picture_goes_before(self, server_talk, openai_service, sleeps):
        openai_service.sleeps, openai_service.asleep_until = sleeps, time.monotonic() + 1.2
        able, heard = patiently(server_talk)
        assert able.max_images
        assert {error.sentence for error in heard} == {
            f"The server 127.0.0.1:{openai_service.port} is waking up; that may take some minutes."
        }
        assert all(type(error) is errors.Waking and error.rest > 0 for error in heard)
        assert not any(call.pictures for call in openai_service.calls)
        assert server_talk.text()

    def test_has_an_end(self, server_talk, openai_service):
        openai_service.asleep_until = time.monotonic() + 60
        server_talk.set(wake_within=1.0)
        with pytest.raises(errors.Waking):
            server_talk.open()
        ended = []

        def has_ended():
            try:
                server_talk.again()
            except errors.StillAsleep as error:
                ended.append(error)
            except errors.Waking:
                return False
            return bool(ended)

        assert eventually(has_ended)
        assert ended[0].sentence == f"The server 127.0.0.1:{openai_service.port} did not wake up."
        assert ended[0].rest == 60

    def test_a_list_that_is_held_back_until_it_is_awake(self, server_talk, openai_service):
        openai_service.fail("hang", on="models", seconds=4)
        began = time.monotonic()
        with pytest.raises(errors.Waking):
            server_talk.open()
        assert time.monotonic() - began < 4
        assert patiently(server_talk)[0].max_images

    def test_a_proxy_that_lists_the_models_of_a_server_that_sleeps(self, server_talk, openai_service):
        server_talk.open()
        openai_service.fail("503", times=3)
        with pytest.raises(errors.Waking):
            server_talk.text()
        able, _ = patiently(server_talk)
        assert able.max_images
        first, *woken = openai_service.asked
        assert first.pictures
        assert len(woken) == 3
        assert not any(call.pictures for call in woken)  # it is woken with a word, not with pictures
        assert server_talk.text()

    def test_a_first_word_that_does_not_come(self, server_talk, openai_service):
        server_talk.set(first_word_within=0.3).open()
        openai_service.fail("hang", seconds=5)
        with pytest.raises(errors.Waking):
            server_talk.text()
        assert patiently(server_talk)[0].max_images
        openai_service.fail("hang", seconds=5)
        with pytest.raises(errors.TimedOut):  # it is awake, so it is slow
            server_talk.text()

    def test_a_server_that_loads_a_model_on_demand_loads_it_before_the_first_picture(self, server_talk, openai_service):
        openai_service.models = [{"id": "llava:7b", "owned_by": "library"}]
        server_talk.open()
        assert [(call.pictures, call.body["max_tokens"]) for call in openai_service.asked] == [([], 1)]
        assert server_talk.text()

    def test_closing_ends_the_search(self, server_talk, openai_service):
        openai_service.asleep_until = time.monotonic() + 60
        with pytest.raises(errors.Waking):
            server_talk.open()
        began = time.monotonic()
        server_talk.backend.close()
        assert time.monotonic() - began < 0.5
        calls = len(openai_service.calls)
        openai_service.asleep_until = 0.0
        assert server_talk.backend.open().max_images
        assert len(openai_service.calls) == calls + 1

    def test_closing_while_it_opens(self, server_talk, openai_service):
        openai_service.fail("hang", times=-1, on="models", seconds=30)
        ends = []

        def open_it():
            try:
                server_talk.open()
            except (Closed, BackendError) as error:
                ends.append(error)

        thread = threading.Thread(target=open_it)
        thread.start()
        assert eventually(lambda: openai_service.calls)
        server_talk.backend.close()
        thread.join(2)
        assert isinstance(ends[0], Closed)


def test_a_server_that_is_killed_and_started_again_is_found_again(server_talk, openai_service):
    assert server_talk.text()
    openai_service.rate = 5.0
    answer = server_talk.ask()
    next(answer)
    openai_service.stop()
    with pytest.raises(errors.Truncated):
        list(answer)
    with pytest.raises(errors.Unreachable) as caught:
        server_talk.text()
    assert caught.value.reopens
    assert 0 < caught.value.rest <= 5
    with pytest.raises(errors.Unreachable):
        server_talk.again()
    openai_service.start()
    assert server_talk.again().max_images
    openai_service.rate = 1000.0
    assert server_talk.text()
