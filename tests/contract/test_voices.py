"""One suite over every voice: it speaks, falls silent at once, lasts, closes, and leaves nothing behind."""

import os
import re
import statistics
import threading
import time
from importlib import resources

import numpy as np
import pytest
from fakes.processes import children_of
from fakes.sound import recognise, write_wav
from fakes.waiting import eventually
from fakes.words import OPTIONS, utterance

from narrator import registry
from narrator.errors import VoiceError
from narrator.seams import Context

HEARD = ("espeak:program", "espeak:library", "pyttsx3")
SENTENCE = "a red car is turning left"
OTHERS = ("two people are walking right", "a white dog is near", "it got dark")


@pytest.fixture
def options():
    return dict(OPTIONS)


@pytest.fixture
def told():
    """The notices that voices gave."""
    return []


@pytest.fixture
def create(options, told):
    """Opens voices that look at `options`; whatever a test does, none of their processes outlives it."""
    before = set(children_of(os.getpid()))
    voices = []

    def create(text):
        voices.append(registry.create_voice(text, Context(options, told.append)))
        voices[-1].open()
        return voices[-1]

    yield create
    for voice in voices:
        began = time.monotonic()
        voice.close()
        assert time.monotonic() - began < 2
    assert eventually(lambda: not set(children_of(os.getpid())) - before, within=2)


@pytest.fixture(params=[*HEARD, "wav", "silent", "screen-reader"])
def any_voice(request, null_sink, screen_reader, create, tmp_path):
    return create(f"wav:{tmp_path / 'out.wav'}" if request.param == "wav" else request.param)


@pytest.fixture(params=HEARD)
def heard_voice_id(request):
    return request.param


@pytest.fixture
def heard_voice(heard_voice_id, null_sink, create):
    return create(heard_voice_id)


def say(voice, text, **fields):
    """Say it and return when its sound began and ended."""
    starts = []
    voice.say(utterance(text, **fields), lambda: starts.append(time.monotonic()))
    assert len(starts) == 1
    return starts[0], time.monotonic()


def test_say_lasts_as_long_as_the_words(any_voice, options):
    options["speech.rate"] = 600
    began, ended = say(any_voice, "three people and a white dog are in the middle")
    assert 0.5 < ended - began < 2


def test_a_cut_ends_say_at_once(any_voice):
    words = utterance("three people and a white dog are in the middle of a very wide street " * 3)
    begun = threading.Event()
    thread = threading.Thread(target=any_voice.say, args=(words, begun.set))
    thread.start()
    assert begun.wait(10)
    thrown = time.monotonic()
    words.cut.throw()
    assert time.monotonic() - thrown < 0.1
    thread.join(5)
    assert time.monotonic() - thrown < 0.5
    say(any_voice, "go on")


def test_what_was_cut_before_it_began_makes_no_sound(any_voice, null_sink):
    words = utterance("nobody hears this")
    words.cut.throw()
    any_voice.say(words, lambda: pytest.fail("it started"))
    assert null_sink.loud_seconds() == 0


def test_closes_in_the_middle_of_a_word(any_voice):
    words = utterance("three people and a white dog are in the middle of a very wide street " * 3)
    begun, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: (any_voice.say(words, begun.set), over.set()))
    thread.start()
    assert begun.wait(10)
    began = time.monotonic()
    words.cut.throw()
    any_voice.close()
    assert over.wait(2)
    assert time.monotonic() - began < 2
    thread.join()


def test_survives_twenty_utterances(any_voice, options):
    options["speech.rate"] = 900
    for _ in range(20):
        say(any_voice, "go")


def test_words_are_heard_soon_and_say_ends_with_them(heard_voice, null_sink, options):
    options["speech.rate"] = 450
    delays = []
    for _ in range(3):
        offered = time.monotonic()
        _, ended = say(heard_voice, SENTENCE)
        delays.append(null_sink.wait_for_sound(offered) - offered)
        silent_since = null_sink.wait_for_silence()
        assert silent_since - 0.05 < ended < silent_since + 0.5
    assert statistics.median(delays) < 0.25


def test_hush_is_silence_within_a_tenth_of_a_second(heard_voice, null_sink):
    for _ in range(2):
        null_sink.clear()
        words = utterance("three people and a white dog are in the middle of a very wide street")
        thread = threading.Thread(target=heard_voice.say, args=(words, lambda: None))
        thread.start()
        null_sink.wait_for_sound(0.0)
        threading.Event().wait(0.3)  # somewhere in the middle of a word
        thrown = time.monotonic()
        words.cut.throw()
        assert null_sink.wait_for_silence() - thrown < 0.1
        thread.join(5)


@pytest.mark.parametrize("heard_voice_id", ["espeak:library", "pyttsx3"])  # pyttsx3 has the system's espeak-ng
def test_words_are_intelligible(heard_voice, null_sink, options, tmp_path):
    options["speech.rate"], options["speech.language"] = 150, "en-us"
    say(heard_voice, SENTENCE)
    null_sink.wait_for_silence()
    assert recognise(write_wav(tmp_path / "heard.wav", null_sink.samples()), [SENTENCE, *OTHERS]) == SENTENCE


def test_rate_and_volume_are_read_at_each_utterance(heard_voice, null_sink, options):
    seconds, loudness = [], []
    for rate, volume in ((300, 100), (900, 40)):
        options["speech.rate"], options["speech.volume"] = rate, volume
        null_sink.clear()
        say(heard_voice, SENTENCE)
        null_sink.wait_for_silence()
        seconds.append(null_sink.loud_seconds())
        loudness.append(np.abs(null_sink.samples().astype(int)).max())
    assert seconds[1] < 0.6 * seconds[0]
    assert loudness[1] < 0.7 * loudness[0]


def test_odd_texts_do_no_harm(heard_voice, options):
    options["speech.rate"] = 900
    for text in ("…", "   ", "[[h@l'oU]]", "-v zz", "Grüße, 日本\0 \n", "no " * 200):
        words = utterance(text)
        limit = threading.Timer(0.7, words.cut.throw)
        limit.start()
        heard_voice.say(words, lambda: None)
        limit.cancel()
    say(heard_voice, "go on")


def test_an_unknown_voice_is_told_once_and_another_speaks(heard_voice, options, told):
    options["speech.rate"], options["speech.voice"] = 450, "nobody"
    for _ in range(2):
        say(heard_voice, "a dog")
    assert [notice.text for notice in told] == ["There is no voice called nobody; another speaks."]


def test_where_nothing_can_play_sound_the_voice_says_so(heard_voice_id, no_sound_device, capfd):
    voice = registry.create_voice(heard_voice_id, Context(OPTIONS))
    with pytest.raises(VoiceError, match="no sound device") as error:
        voice.open()
    voice.close()
    assert error.value.remedy
    assert capfd.readouterr().err == ""


def test_a_voice_imports_no_other_voice():
    """What two of them need lies in a module whose name begins with "_"."""
    package = resources.files("narrator.voices")
    voices = {file.name.removesuffix(".py"): file.read_text() for file in package.iterdir() if file.name[0].isalpha()}
    assert {"espeak", "wavfile"} <= set(voices)
    for name, text in voices.items():
        assert not re.findall(rf"narrator\.voices\.(?!{name}\b)[a-z]\w*", text), name
