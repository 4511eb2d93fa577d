"""The speech thread with real voices: order, hush, crashes, no sound device, and closing."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from fakes.processes import children_of
from fakes.sound import NullSink, private_pulse
from fakes.waiting import eventually
from fakes.words import OPTIONS, run

from narrator import registry
from narrator.messages import Audio, AudioEvent, Level, Notice, Priority, Utterance
from narrator.seams import Context
from narrator.speech import Speech
from narrator.voices.silent import SilentVoice

NEXT, NOW = Priority.NEXT, Priority.NOW
START, END, CUT, DROPPED = AudioEvent.START, AudioEvent.END, AudioEvent.CUT, AudioEvent.DROPPED
LONG = "three people and a white dog are in the middle of a very wide street " * 2


class Stage:
    """A speech with what it published."""

    def __init__(self, voice, rate=600, **limits):
        self.published = []
        self.options = {**OPTIONS, "speech.rate": rate}
        self.untrue = []
        limits = {"max_wait": 2.5, "max_frame_age": 1e9, "rate": lambda: self.options["speech.rate"], **limits}
        self.voice = voice
        self.speech = Speech(
            lambda: self.create(self.voice), self.published.append, lambda said: said.run not in self.untrue, **limits
        )

    def create(self, text):
        return registry.create_voice(text, Context(self.options, self.published.append))

    def sounds(self, event=None):
        """What became of which text, in order; or the texts of one event."""
        audio = [(one.utterance.text, one.event) for one in list(self.published) if isinstance(one, Audio)]
        return [text for text, what in audio if what is event] if event else audio

    def notices(self):
        return [(one.level, one.text) for one in list(self.published) if isinstance(one, Notice)]

    def started(self, text):
        return eventually(lambda: text in self.sounds(START))


@pytest.fixture
def stage():
    """Makes stages; each is closed within 2 s and leaves no process behind."""
    before = set(children_of(os.getpid()))
    stages = []

    def start(voice="silent", **options):
        stages.append(Stage(voice, **options))
        stages[-1].speech.start()
        return stages[-1]

    yield start
    for one in stages:
        began = time.monotonic()
        one.speech.close()
        assert time.monotonic() - began < 2
    assert eventually(lambda: not set(children_of(os.getpid())) - before, within=2)
    assert "speech" not in [thread.name for thread in threading.enumerate()]


def voice_children():
    """The processes of voices, players included; the newest first, which is the spare one."""
    return [pid for pid in sorted(children_of(os.getpid()), reverse=True) if b"--child" in _command(pid)]


def _command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_every_utterance_is_told_then_started_then_ended(stage):
    one = stage()
    narration = run()
    for text in ("a red car", "turns left"):
        one.speech.offer(text, narration)
    one.speech.offer("  \n", narration)
    assert one.speech.drain(10)
    assert one.sounds() == [("a red car", START), ("a red car", END), ("turns left", START), ("turns left", END)]
    told = [event for event in one.published if isinstance(event, Utterance)]
    assert [(event.text, event.is_first, event.run) for event in told] == [
        ("a red car", True, narration),
        ("turns left", False, narration),
    ]
    assert one.speech.dropped == 0
    first_start = next(event for event in one.published if isinstance(event, Audio))
    assert first_start.at >= told[0].offered_at


def test_now_cuts_what_sounds_and_next_waits_for_its_end(stage):
    one = stage(rate=80)
    one.speech.offer(LONG, run())
    assert one.started(LONG)
    one.speech.offer("alert", None, NEXT)
    one.speech.offer("answer", run(NOW), NOW)
    assert one.speech.drain(10)
    assert one.sounds() == [
        (LONG, START),
        (LONG, CUT),
        ("answer", START),
        ("answer", END),
        ("alert", START),
        ("alert", END),
    ]


def test_hush_cuts_the_sound_and_empties_the_queue_and_the_next_run_is_spoken(stage):
    one = stage(rate=80)
    narration = run()
    for text in (LONG, "more"):
        one.speech.offer(text, narration)
    assert one.started(LONG)
    one.speech.offer("alert", None, NEXT)
    began = time.monotonic()
    one.speech.hush()
    assert time.monotonic() - began < 0.05
    assert one.speech.drain(1)
    assert sorted(one.sounds(CUT)) == sorted([LONG, "more", "alert"])
    one.speech.offer("the rest", narration)
    one.speech.offer("news", run())
    assert one.speech.drain(10)
    assert one.sounds(END) == ["news"]
    assert one.speech.dropped == 0


def test_held_it_speaks_notices_but_no_narration_until_released(stage):
    one = stage(rate=900)
    late = run()
    one.speech.hold()
    one.speech.hush()
    one.speech.offer("too late", late)
    assert one.sounds() == [("too late", DROPPED)]
    one.speech.offer("a notice", None, NEXT)
    assert one.speech.drain(10)
    one.speech.release()
    one.speech.offer("its rest", late)
    one.speech.offer("news", run())
    assert one.speech.drain(10)
    assert one.sounds(END) == ["a notice", "news"]
    assert one.sounds(DROPPED) == ["too late", "its rest"]


def test_what_waits_too_long_is_dropped_and_counted(stage):
    one = stage(rate=100, max_wait=0.2)
    one.speech.offer("one two three", run())
    assert one.started("one two three")
    one.speech.offer("too late", run())
    assert one.speech.drain(10)
    assert one.sounds(DROPPED) == ["too late"]
    assert one.speech.dropped == 1


def test_retracted_clauses_are_not_begun_and_what_sounds_is_finished(stage):
    one = stage(rate=200)
    narration = run()
    one.speech.offer("a red car", narration)
    one.speech.offer("turns left", narration)
    assert one.started("a red car")
    one.speech.retract(narration)
    assert one.speech.drain(10)
    assert one.sounds(END) == ["a red car"]
    assert one.sounds(DROPPED) == ["turns left"]


def test_free_in_tells_the_time_until_silence(stage):
    one = stage(rate=900)
    assert one.speech.free_in() == 0
    text = "three people and a white dog are there"
    for _ in range(3):
        one.speech.offer(text, None)
        assert one.speech.drain(10)
    narration = run()
    one.speech.offer(text, narration)
    assert one.started(text)
    one.speech.offer(text, narration)
    expected, began = one.speech.free_in(), time.monotonic()
    assert one.speech.drain(10)
    assert time.monotonic() - began == pytest.approx(expected, abs=0.4)
    assert one.speech.free_in() == 0


def test_another_voice_speaks_from_the_next_clause_on(stage):
    one = stage(rate=300)
    other = SilentVoice(Context(one.options))
    one.speech.offer("the old voice", None)
    assert one.started("the old voice")
    one.speech.use(lambda: other)
    one.speech.offer("the new voice", None, NEXT)
    assert one.speech.drain(10)
    assert [utterance.text for utterance in other.spoken] == ["the new voice"]
    assert one.sounds(END) == ["the old voice", "the new voice"]


def test_closes_in_the_middle_of_a_word(stage, null_sink):
    one = stage("espeak", rate=150)
    one.speech.offer(LONG, None)
    null_sink.wait_for_sound(0.0)
    one.speech.close()
    closed = time.monotonic()
    assert null_sink.wait_for_silence() - closed < 0.05
    one.speech.offer("nobody hears this", None)
    assert one.sounds() == [(LONG, START), (LONG, CUT)]
    assert one.notices() == []


def test_hush_is_heard_within_a_tenth_of_a_second_and_the_next_words_soon_after(stage, null_sink):
    one = stage("espeak", rate=200)
    one.speech.offer(LONG, run())
    null_sink.wait_for_sound(0.0)
    threading.Event().wait(0.3)
    hushed = time.monotonic()
    one.speech.hush()
    assert null_sink.wait_for_silence() - hushed < 0.1
    offered = time.monotonic()
    one.speech.offer("a white dog", run())
    assert null_sink.wait_for_sound(offered) - offered < 0.25


def test_a_voice_that_crashes_in_the_middle_of_a_word_says_the_sentence_again_once(stage, null_sink):
    one = stage("espeak", rate=200)
    text = "a red car is turning left"
    one.speech.offer(text, run())
    null_sink.wait_for_sound(0.0)
    threading.Event().wait(0.3)
    for pid in voice_children():
        os.kill(pid, signal.SIGKILL)
    assert one.speech.drain(30)
    null_sink.wait_for_silence()
    assert null_sink.loud_seconds() > 1.4  # a third of a second, and then the whole sentence
    assert one.sounds() == [(text, START), (text, END)]
    assert one.notices() == []
    assert one.speech.works


def test_a_voice_that_crashes_twice_is_told_once_and_tried_again_later(stage, null_sink):
    one = stage("espeak", rate=150, retry_after=0.5)
    one.speech.offer(LONG, run())
    killed = 0.0
    for _ in range(2):
        null_sink.wait_for_sound(killed + 0.1)
        threading.Event().wait(0.2)
        for pid in voice_children():
            os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
    assert eventually(lambda: one.sounds(DROPPED) == [LONG])
    assert one.notices() == [(Level.ERROR, "The voice stopped in the middle of a sentence.")]
    assert eventually(lambda: one.speech.works)
    one.options["speech.rate"] = 450
    one.speech.offer("go on", run())
    assert one.speech.drain(10)
    assert "go on" in one.sounds(END)


def test_without_a_sound_device_one_notice_and_the_voice_comes_back_with_the_device(stage, no_sound_device, capfd):
    one = stage("espeak", rate=450, retry_after=0.3)
    assert eventually(lambda: not one.speech.works)
    for number in range(3):
        one.speech.offer(f"line {number}", run())
        assert eventually(lambda: len(one.sounds(DROPPED)) > number)  # noqa: B023 - called at once
    threading.Event().wait(1.0)  # it is tried three times more, and nobody is told
    assert [level for level, _ in one.notices()] == [Level.ERROR]
    assert one.speech.free_in() == 0
    with private_pulse(no_sound_device) as socket:
        sink = NullSink(socket)
        sink.wait_for_sound(0.0)
        assert eventually(lambda: one.speech.works)
        assert one.notices()[1:] == [(Level.INFO, "The voice is back.")]
        one.speech.offer("a white dog", run())
        assert one.speech.drain(10)
        assert "a white dog" in one.sounds(END)
        one.speech.offer(LONG, run())
        assert one.started(LONG)
        sink.close()
    assert eventually(lambda: LONG in one.sounds(DROPPED))  # the device went away while it spoke
    assert len(one.notices()) == 3
    assert capfd.readouterr().err == ""


def test_a_voice_that_cannot_open_at_all_is_told_with_its_remedy(stage, tmp_path):
    one = stage(f"wav:{tmp_path / 'no' / 'such' / 'folder.wav'}")
    assert eventually(one.notices)
    notice = next(event for event in one.published if isinstance(event, Notice))
    assert "cannot be written" in notice.text
    assert notice.remedy
    one.speech.use(lambda: one.create("silent"))
    assert eventually(lambda: one.speech.works)
    one.speech.offer("another voice", None)
    assert one.speech.drain(10)
    assert one.sounds(END) == ["another voice"]


class StuckVoice:
    """A voice whose driver hangs, in a word or while it closes, until `free` is set."""

    def __init__(self, *, says, closes):
        self._says, self._closes = says, closes
        self.free = threading.Event()

    def open(self):
        pass

    def say(self, utterance, started):
        started()
        if not self._says:
            self.free.wait(30)

    def close(self):
        if not self._closes:
            self.free.wait(30)


@pytest.mark.parametrize(("says", "closes"), [(False, True), (True, False), (False, False)])
def test_a_voice_that_hangs_is_left_behind_within_two_seconds(says, closes):
    voice, published = StuckVoice(says=says, closes=closes), []
    speech = Speech(lambda: voice, published.append, lambda _: True, max_wait=9.0, max_frame_age=9.0)
    speech.start()
    speech.offer("a red car", None)
    assert eventually(lambda: [event for event in published if isinstance(event, Audio)])
    began = time.monotonic()
    thread = speech.close()
    assert time.monotonic() - began < 2
    assert thread.name == "speech"
    voice.free.set()
    thread.join(10)
    assert speech.close() is None


def test_closing_leaves_nothing_behind_whether_it_was_started_or_not(stage):
    one = stage()
    assert one.speech.close() is None
    never_started = Stage("silent").speech
    assert never_started.close() is None
