"""The screen reader's voice: what the reader is told, and what the user is told when there is none."""

import threading
import time

import pytest
from fakes.waiting import eventually
from fakes.words import OPTIONS, utterance

from narrator import registry
from narrator.errors import VoiceError
from narrator.messages import Priority
from narrator.seams import Context


@pytest.fixture
def voice(screen_reader):
    voice = registry.create_voice("screen-reader", Context({**OPTIONS, "speech.rate": 400}))
    yield voice
    voice.close()


def test_only_an_answer_interrupts_the_reader(voice, screen_reader):
    voice.open()
    voice.say(utterance("a red car"), lambda: None)
    voice.say(utterance("a white dog", priority=Priority.NOW), lambda: None)
    assert screen_reader.told == [["speak", "a red car", "False"], ["speak", "a white dog", "True"]]


def test_hush_stops_the_reader_at_once_and_it_speaks_again(voice, screen_reader):
    voice.open()
    words, begun = utterance("three people and a white dog " * 5), threading.Event()
    thread = threading.Thread(target=voice.say, args=(words, begun.set))
    thread.start()
    assert begun.wait(10)
    thrown = time.monotonic()
    words.cut.throw()
    assert eventually(lambda: ["stop"] in screen_reader.told, within=1)
    assert screen_reader.last_told_at - thrown < 0.1
    thread.join(2)
    voice.say(utterance("go on"), lambda: None)
    assert screen_reader.told[-1] == ["speak", "go on", "False"]


def test_closing_stops_the_reader(voice, screen_reader):
    voice.open()
    voice.say(utterance("a red car"), lambda: None)
    voice.close()
    assert screen_reader.told[-1] == ["stop"]


def test_without_its_package_the_remedy_is_the_command_that_installs_it(voice, screen_reader):
    screen_reader.uninstall()
    with pytest.raises(VoiceError, match="needs one more package") as error:
        voice.open()
    assert 'pip install "scene-narrator[screen-reader]"' in error.value.remedy


def test_with_no_reader_running_it_says_so_and_works_once_there_is_one(voice, screen_reader, monkeypatch):
    screen_reader.quit()
    with pytest.raises(VoiceError, match="No screen reader is running"):
        voice.open()
    monkeypatch.setenv("READER_RUNS", "yes")
    voice.open()
    voice.say(utterance("a red car"), lambda: None)
    assert len(screen_reader.told) == 1
