"""The sound file: on the run's own clock, valid at any moment, with intelligible words."""

import subprocess
import sys
import threading
import time
import wave

import numpy as np
import pytest
from fakes.sound import LOUD, recognise
from fakes.waiting import eventually
from fakes.words import OPTIONS, utterance

from narrator import registry
from narrator.errors import VoiceError
from narrator.seams import Context


@pytest.fixture
def open_voice(tmp_path):
    voices = []

    def open_voice(path=tmp_path / "out.wav", **options):
        voices.append(registry.create_voice(f"wav:{path}", Context({**OPTIONS, **options})))
        voices[-1].open()
        return voices[-1]

    yield open_voice
    for voice in voices:
        voice.close()


def loud_parts(path):
    """The seconds of the file, and the begin and end of each loud part."""
    with wave.open(str(path)) as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
    loud = np.flatnonzero(np.abs(samples.astype(int)) > LOUD) / rate
    gaps = np.flatnonzero(np.diff(loud) > 0.5)
    begins, ends = loud[np.r_[0, gaps + 1]], loud[np.r_[gaps, loud.size - 1]]
    return samples.size / rate, list(zip(begins, ends, strict=True))


def test_words_lie_where_they_were_said_with_silence_between(open_voice, tmp_path):
    opened = time.monotonic()
    voice = open_voice(**{"speech.rate": 400})
    starts = []
    for pause in (0.4, 0.8):
        threading.Event().wait(pause)
        voice.say(utterance("a red car"), lambda: starts.append(time.monotonic() - opened))
    threading.Event().wait(0.5)
    voice.close()
    lasted = time.monotonic() - opened
    seconds, parts = loud_parts(tmp_path / "out.wav")
    assert seconds == pytest.approx(lasted, abs=0.3)
    assert [begin for begin, _ in parts] == pytest.approx(starts, abs=0.3)


def test_what_is_cut_is_cut_in_the_file_too(open_voice, tmp_path):
    voice = open_voice()
    words = utterance("three people and a white dog are in the middle of a very wide street")
    threading.Timer(0.5, words.cut.throw).start()
    voice.say(words, lambda: None)
    voice.close()
    assert loud_parts(tmp_path / "out.wav")[0] < 1.2


def test_the_words_are_intelligible(open_voice, tmp_path):
    voice = open_voice(**{"speech.rate": 150, "speech.language": "en-us"})
    voice.say(utterance("Two people are walking right."), lambda: None)
    voice.close()
    sentences = ["a red car is turning left", "two people are walking right", "a white dog is near"]
    assert recognise(tmp_path / "out.wav", sentences) == sentences[1]


def test_the_file_is_valid_when_the_program_is_killed(tmp_path):
    script = f"""
from narrator import registry
from narrator.messages import Priority, Utterance
from narrator.seams import Context
voice = registry.create_voice("wav:{tmp_path / "out.wav"}", Context({OPTIONS!r}))
voice.open()
voice.say(Utterance(1, None, "a red car", Priority.NORMAL, 0.0), lambda: print("started", flush=True))
voice.say(Utterance(2, None, "a red car", Priority.NORMAL, 0.0), lambda: print("started", flush=True))
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert [process.stdout.readline() for _ in range(2)] == ["started\n", "started\n"]
        process.kill()
    seconds, parts = loud_parts(tmp_path / "out.wav")
    assert 1.5 < seconds < 4
    assert seconds - parts[-1][1] < 0.5


@pytest.mark.parametrize("name", ["no/such/folder.wav", ".", "file.txt/out.wav"])
def test_a_file_that_cannot_be_written_is_told_with_a_remedy(open_voice, tmp_path, name):
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(VoiceError, match="cannot be written") as error:
        open_voice(tmp_path / name)
    assert "folder" in error.value.remedy


def test_a_full_disk_is_told_with_a_remedy():
    voice = registry.create_voice("wav:/dev/full", Context(OPTIONS))
    with pytest.raises(VoiceError, match="cannot be written"):
        voice.open()
    voice.close()


def test_the_file_needs_a_name():
    voice = registry.create_voice("wav", Context(OPTIONS))
    with pytest.raises(VoiceError, match="no name"):
        voice.open()
    voice.close()


def test_a_second_open_goes_on_with_the_file(open_voice, tmp_path):
    voice = open_voice(**{"speech.rate": 600})
    voice.say(utterance("a red car"), lambda: None)
    voice.open()
    voice.close()
    assert eventually(lambda: len(loud_parts(tmp_path / "out.wav")[1]) == 1)
