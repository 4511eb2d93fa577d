"""The whole path on real clips, from a file to a voice that takes its time in silence."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes.waiting import eventually

from narrator.errors import UsageError
from narrator.messages import Audio, AudioEvent, Caption, Delta, Notice, Phase, Request, State, Utterance
from narrator.session import Session
from narrator.settings import Settings, SettingsFile

QUIET = {"sight.objects": False, "sight.text": False, "narration.min_gap": 0.0, "narration.cut_gap": 0.0}


class Listener:
    """Collects what a session publishes."""

    def __init__(self, session: Session) -> None:
        self._events = session.subscribe()
        self.heard: list[object] = []

    def of(self, kind: type) -> list:
        self.heard += self._events.drain()
        return [event for event in self.heard if isinstance(event, kind)]

    def sounds(self, text: str) -> list[AudioEvent]:
        return [audio.event for audio in self.of(Audio) if audio.utterance.text == text]


def write_clip(path: Path, scenes: list[int], seconds: float = 2.0) -> Path:
    """A clip with one noisy scene after another, each of its own brightness, with a block that moves."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (320, 240))
    random = np.random.default_rng(1)
    for level in scenes:
        texture = (level + random.integers(-20, 20, (240, 320, 3))).clip(0, 255).astype(np.uint8)
        for number in range(round(20 * seconds)):
            picture = texture.copy()
            cv2.rectangle(picture, (number * 4, 100), (number * 4 + 40, 140), (255, 255, 255), -1)
            writer.write(picture)
    writer.release()
    return path


def write_script(path: Path, *texts: str, head: str = "") -> str:
    path.write_text(head + "\n" + "\n".join(f'[[line]]\ntext = "{text}"' for text in texts), encoding="utf-8")
    return f"scripted:{path}"


@pytest.fixture
def session(tmp_path):
    """Make a session that is closed at the end; its threads must be gone."""
    made = []

    def make(source, backend, voice="silent", store=None, **settings):
        values = Settings.defaults().with_values({**QUIET, **{k.replace("__", "."): v for k, v in settings.items()}})
        made.append(Session(values, source=str(source), backend=backend, voice=voice, store=store))
        return made[-1]

    before = set(threading.enumerate())
    yield make
    for each in made:
        each.close()
    assert eventually(lambda: not set(threading.enumerate()) - before), set(threading.enumerate()) - before


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.avi", [60, 60])


def test_a_file_is_narrated_to_its_end(session, clip, tmp_path):
    narrating = session(clip, write_script(tmp_path / "s.toml", "A block moves. It is white."))
    listener = Listener(narrating)
    narrating.start()
    assert narrating.finished.wait(20)
    assert narrating.phase is Phase.ENDED
    assert narrating.failure is None
    assert [caption.text for caption in listener.of(Caption)] == ["A block moves. It is white."]
    assert [utterance.text for utterance in listener.of(Utterance)] == ["A block moves.", "It is white."]
    assert listener.sounds("It is white.") == [AudioEvent.START, AudioEvent.END]


def test_a_cut_cancels_the_request_and_its_words(session, tmp_path):
    clip = write_clip(tmp_path / "cut.avi", [40, 200], seconds=2.5)
    slow = write_script(
        tmp_path / "s.toml", "One two. Three four five six seven.", "After the cut.", head="word_gap = 0.4"
    )
    narrating = session(clip, slow)
    listener = Listener(narrating)
    narrating.start()
    assert eventually(lambda: len(listener.of(Request)) >= 2, 15)
    first = listener.of(Request)[0].run
    assert first.cancelled
    caption = listener.of(Caption)[0]
    assert (caption.text, caption.complete) == ("One two.", False), "what was said stays, half a sentence does not"
    assert listener.sounds("Three four five six seven.") == []


def test_pause_holds_the_file_and_the_words(session, clip, tmp_path):
    narrating = session(clip, write_script(tmp_path / "s.toml", "A block moves."), loop=True)
    listener = Listener(narrating)
    narrating.start()
    assert eventually(lambda: listener.of(Caption))
    narrating.pause()
    assert narrating.phase is Phase.PAUSED
    held = [narrating.frames.peek()]
    assert not eventually(lambda: narrating.frames.peek().media_t > held[0].media_t + 0.2, 1.0)
    narrating.start_pause()
    assert narrating.phase is Phase.NARRATING
    assert eventually(lambda: narrating.frames.peek().seq > held[0].seq + 5)


def test_hush_cuts_what_sounds_and_repeat_says_it_again(session, clip, tmp_path):
    line = "This is a rather long line that takes a while to be spoken at eighty words a minute."
    narrating = session(clip, write_script(tmp_path / "s.toml", line), loop=True, speech__rate=80)
    listener = Listener(narrating)
    narrating.start()
    assert eventually(lambda: AudioEvent.START in listener.sounds(line))
    narrating.hush()
    assert eventually(lambda: listener.sounds(line) == [AudioEvent.START, AudioEvent.CUT])
    narrating.repeat()
    assert eventually(lambda: listener.sounds(line)[2:] == [AudioEvent.START])


def test_describe_asks_at_once(session, clip, tmp_path):
    narrating = session(clip, write_script(tmp_path / "s.toml", "One.", "Two."), loop=True)
    listener = Listener(narrating)
    narrating.start()
    assert eventually(lambda: listener.of(Caption))
    narrating.describe()
    assert eventually(lambda: [c.text for c in listener.of(Caption)][:2] == ["One.", "Two."])
    assert listener.of(Request)[1].run.reason == "user"


def test_another_source_while_running(session, clip, tmp_path):
    other = write_clip(tmp_path / "other.avi", [150], seconds=1)
    narrating = session(clip, write_script(tmp_path / "s.toml", "One."), loop=True)
    narrating.start()
    assert eventually(lambda: narrating.phase is Phase.NARRATING)
    narrating.apply({"source": str(other), "loop": False})
    assert narrating.finished.wait(20)
    assert narrating.source == str(other)


def test_the_source_that_worked_is_remembered(session, clip, tmp_path):
    store = SettingsFile(tmp_path / "settings.toml")
    narrating = session(tmp_path / "missing.mp4", write_script(tmp_path / "s.toml", "One."), store=store)
    narrating.start()
    assert narrating.finished.wait(10)
    assert store.load()[0].text("source") == ""
    narrating.apply({"source": str(clip)})
    assert eventually(lambda: store.load()[0].text("source") == str(clip))


def test_a_source_that_cannot_open_is_told_and_can_be_changed(session, clip, tmp_path):
    narrating = session(tmp_path / "missing.mp4", write_script(tmp_path / "s.toml", "One."))
    listener = Listener(narrating)
    narrating.start()
    assert narrating.finished.wait(10)
    assert narrating.failure is not None
    told = [notice.text for notice in listener.of(Notice)]
    assert len(told) == 1
    assert "missing.mp4" in told[0]
    assert not listener.of(Caption)
    narrating.apply({"source": str(clip)})
    assert eventually(lambda: narrating.phase is Phase.NARRATING)
    assert narrating.failure is None


def test_start_again_after_the_end(session, tmp_path):
    clip = write_clip(tmp_path / "short.avi", [60], seconds=0.5)
    narrating = session(clip, write_script(tmp_path / "s.toml", "One."))
    narrating.start()
    assert narrating.finished.wait(10)
    narrating.start_pause()
    assert eventually(lambda: narrating.phase is Phase.NARRATING)
    assert narrating.finished.wait(10)


def test_settings_are_kept_and_bad_ones_change_nothing(session, clip, tmp_path):
    store = SettingsFile(tmp_path / "settings.toml")
    narrating = session(clip, write_script(tmp_path / "s.toml", "One."), store=store)
    narrating.faster()
    narrating.quieter()
    kept, _ = store.load()
    assert (kept.whole("speech.rate"), kept.whole("speech.volume")) == (210, 90)
    with pytest.raises(UsageError):
        narrating.apply({"voice": "nobody"})
    with pytest.raises(UsageError):
        narrating.apply({"speech.rate": 5000})
    assert narrating.voice == "silent"
    assert narrating.settings.whole("speech.rate") == 210
    for _ in range(100):
        narrating.faster()
    assert narrating.settings.whole("speech.rate") == 900


def test_a_folder_that_cannot_be_written_is_told_once(session, clip, tmp_path):
    (tmp_path / "file").write_text("in the way")
    narrating = session(
        clip, write_script(tmp_path / "s.toml", "One."), store=SettingsFile(tmp_path / "file" / "s.toml")
    )
    listener = Listener(narrating)
    narrating.faster()
    narrating.faster()
    assert [notice.text for notice in listener.of(Notice)] == ["The settings could not be saved."]
    assert narrating.settings.whole("speech.rate") == 220


def test_a_describer_that_fails_is_a_notice_and_never_a_caption(session, clip, tmp_path):
    narrating = session(clip, f"scripted:{tmp_path / 'none.toml'}")
    listener = Listener(narrating)
    narrating.start()
    assert narrating.finished.wait(20)
    assert len([notice for notice in listener.of(Notice) if "script" in notice.text]) == 1
    assert not listener.of(Caption)


def test_state_tells_how_it_fares(session, clip, tmp_path):
    narrating = session(clip, write_script(tmp_path / "s.toml", "One."), loop=True)
    listener = Listener(narrating)
    narrating.start()
    assert eventually(lambda: any(s.capture_fps > 15 and s.frame_to_word for s in listener.of(State)), 15)
    state = listener.of(State)[-1]
    assert (state.backend, state.voice) == (narrating.backend, "silent")
    assert 0 < state.frame_to_word < 5
    assert state.rss_mb > 10


def test_a_key_for_the_rate_does_not_stop_a_timed_script(session, clip, tmp_path):
    path = tmp_path / "timed.toml"
    path.write_text("".join(f'[[line]]\nat = {at}\ntext = "At {at}."\n' for at in (0.2, 1.0, 2.0, 3.0)))
    narrating = session(clip, f"scripted:{path}", sight__rate_still=5.0)
    listener = Listener(narrating)
    narrating.start()
    assert eventually(lambda: listener.of(Caption))
    narrating.faster()
    assert eventually(lambda: len(listener.of(Caption)) == 4)


def test_hush_in_the_middle_of_an_answer_does_not_bring_it_back(session, clip, tmp_path):
    slow = write_script(tmp_path / "s.toml", "One two three four five.", "Again.", head="word_gap = 0.3")
    narrating = session(clip, slow, loop=True, narration__overview=True)
    listener = Listener(narrating)
    narrating.start()
    assert eventually(lambda: listener.of(Request))
    assert eventually(lambda: listener.of(Delta))
    narrating.hush()
    assert not eventually(lambda: len(listener.of(Request)) > 1, 1.2)


def test_pause_is_final(session, clip, tmp_path):
    slow = write_script(tmp_path / "s.toml", "One two three. Four five six. Seven eight.", head="word_gap = 0.1")
    narrating = session(clip, slow, loop=True)
    listener = Listener(narrating)
    narrating.start()
    assert eventually(lambda: listener.of(Delta))
    narrating.pause()
    listener.of(Audio)
    listener.heard.clear()
    assert not eventually(lambda: [a for a in listener.of(Audio) if a.event is AudioEvent.START], 1.0)


def test_nothing_starts_after_close(session, clip, tmp_path):
    narrating = session(clip, write_script(tmp_path / "s.toml", "One."))
    narrating.start()
    narrating.close()
    narrating.apply({"source": "demo"})
    narrating.close()


def test_with_no_loudness_captions_are_for_others_to_read(session, clip, tmp_path):
    narrating = session(clip, write_script(tmp_path / "s.toml", "One."), voice="espeak")
    assert narrating.speaks_aloud
    narrating.apply({"speech.volume": 0})
    assert not narrating.speaks_aloud


def test_another_describer_takes_over_while_the_film_goes_on(session, clip, tmp_path):
    narrating = session(clip, write_script(tmp_path / "s.toml", "One."), loop=True)
    listener = Listener(narrating)
    narrating.start()
    assert eventually(lambda: listener.of(Caption))
    epoch = narrating.frames.peek().epoch
    narrating.apply({"backend": write_script(tmp_path / "t.toml", "Two.")})
    narrating.describe()
    assert eventually(lambda: [caption.text for caption in listener.of(Caption)] == ["One.", "Two."])
    assert narrating.frames.peek().epoch - epoch <= 1


def test_without_a_sound_device_each_line_comes_once(session, clip, tmp_path, no_sound_device):
    narrating = session(clip, "embedded", voice="espeak", loop=False)
    listener = Listener(narrating)
    narrating.start()
    assert narrating.finished.wait(30)
    texts = [caption.text for caption in listener.of(Caption)]
    assert texts
    assert len(texts) == len(set(texts))
    assert not narrating.speaks_aloud
