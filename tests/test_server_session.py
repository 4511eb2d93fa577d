"""Whole sessions with a model server: llama.cpp's own, killed and started again in the middle, and one that fails."""

import subprocess
import threading
import time

import pytest
from fakes.llama_server import LlamaServer
from fakes.openai_service import OpenAIService
from fakes.waiting import eventually

from narrator.messages import Caption, Level, Notice, Request
from narrator.privacy.consent import Consents
from narrator.session import Session
from narrator.settings import Settings

LONG = 40
SHOWN = ("red", "blue", "lime", "yellow", "white", "magenta", "black", "cyan")
"""Colours as ffmpeg names them, each for `EACH` seconds."""
EACH = 3.0
NAMES = {"lime": "green"}


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    path = tmp_path_factory.mktemp("colours") / "colours.mp4"
    inputs = [part for name in SHOWN for part in ("-f", "lavfi", "-i", f"color={name}:s=320x180:r=25:d={EACH}")]
    joined = "".join(f"[{place}]" for place in range(len(SHOWN))) + f"concat=n={len(SHOWN)}"
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *inputs, "-filter_complex", joined]
    subprocess.run([*command, "-c:v", "libx264", "-g", "25", "-pix_fmt", "yuv420p", str(path)], check=True)
    return path


class Listener:
    def __init__(self, session):
        self._events = session.subscribe()
        self._seen = []

    def of(self, kind):
        self._seen += self._events.drain()
        return [event for event in self._seen if isinstance(event, kind)]

    def captions(self, lane):
        return [caption for caption in self.of(Caption) if caption.run.lane == lane]

    @property
    def told(self):
        return "\n".join(notice.text for notice in self.of(Notice))


@pytest.fixture
def narrating(tmp_path, monkeypatch, colours):
    monkeypatch.setenv("SCENE_NARRATOR_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("SCENE_NARRATOR_LOG", str(tmp_path / "log"))
    made = []

    def start(url, **settings):
        own = {"loop": True, "sight.text": False, "narration.min_gap": 1.0, "narration.cut_gap": 0.5, "server.url": url}
        values = Settings.defaults().with_values({**own, **{k.replace("__", "."): v for k, v in settings.items()}})
        consents = Consents(tmp_path / "consents.toml")
        made.append(Session(values, source=str(colours), backend="server", voice="silent", consents=consents))
        listener = Listener(made[-1])
        made[-1].start()
        return made[-1], listener

    before = set(threading.enumerate())
    yield start
    for session in made:
        began = time.monotonic()
        session.close()
        assert time.monotonic() - began < 3
    assert eventually(lambda: not set(threading.enumerate()) - before), set(threading.enumerate()) - before


def shown_at(media_t):
    name = SHOWN[int(media_t / EACH) % len(SHOWN)]
    return NAMES.get(name, name)


def test_a_real_server_is_killed_and_started_again_and_narration_goes_on(narrating, tmp_path):
    with LlamaServer(tmp_path / "llama") as server:
        _, listener = narrating(server.url)
        assert eventually(lambda: len(listener.captions("server")) >= 2, LONG)
        server.kill()
        assert eventually(lambda: f"No server answers at 127.0.0.1:{server.port}." in listener.told, LONG)
        without = len(listener.captions("local"))
        assert eventually(lambda: len(listener.captions("local")) > without, LONG)
        with_server = len(listener.captions("server"))
        server.start()
        assert eventually(lambda: "The model server is back." in listener.told, LONG)
        assert eventually(lambda: len(listener.captions("server")) > with_server, LONG)
        captions = [caption for caption in listener.captions("server") if caption.complete]
        for caption in captions:
            assert f"mostly {shown_at(caption.run.media_t)}." in caption.text, (caption.run.media_t, caption.text)
        assert len({caption.text for caption in captions}) >= 2


def test_a_server_that_sleeps_is_told_once_and_shown_nothing_until_it_is_awake(narrating):
    with OpenAIService(asleep_until=time.monotonic() + 6, answer=lambda call: f"Line {call.at}.") as service:
        _, listener = narrating(service.url)
        assert eventually(lambda: listener.captions("local"), LONG)
        assert not any(call.pictures for call in service.calls)
        assert eventually(lambda: listener.captions("server"), LONG)
        assert listener.told.count("is waking up") == 1
        assert "The model server is back." in listener.told


def test_with_retry_after_it_is_left_alone_for_so_long(narrating):
    with OpenAIService(answer=lambda call: f"Line {call.at}.") as service:
        _, listener = narrating(service.url)
        assert eventually(lambda: len(listener.captions("server")) >= 2, LONG)
        service.fail("429", retry="3")
        assert eventually(lambda: "Too many requests to the server, waiting 3 seconds." in listener.told, LONG)
        refused = len(service.asked) - 1
        assert eventually(lambda: len(service.asked) > refused + 1, LONG)
        before, after = service.asked[refused : refused + 2]
        assert after.at - before.at >= 2.9
        assert after.pictures[-1] != before.pictures[-1]  # a newer one


def test_one_request_is_in_flight_however_slow_the_server_is(narrating):
    with OpenAIService(first_token=0.5, rate=10.0, answer=lambda call: f"Line {call.at}.") as service:
        _, listener = narrating(service.url)
        assert eventually(lambda: len(listener.of(Request)) >= 5, LONG)
        done = [call for call in service.asked if call.aborted_at is None]
        assert max(call.in_flight for call in done) <= 1  # one that was cancelled may not have been noticed yet


def test_two_narrators_share_one_server(narrating):
    with OpenAIService(answer=lambda call: f"Line {call.at}.") as service:
        listeners = [narrating(service.url)[1] for _ in range(2)]
        assert eventually(lambda: all(len(listener.captions("server")) >= 2 for listener in listeners), LONG)


def test_a_key_that_takes_the_place_of_one_in_use_is_in_the_next_request(narrating, monkeypatch):
    monkeypatch.setenv("SCENE_NARRATOR_SERVER_KEY", "sk-1")
    with OpenAIService(answer=lambda call: f"Line {call.at}.") as service:
        session, _ = narrating(service.url)
        assert eventually(lambda: len(service.asked) >= 2, LONG)
        monkeypatch.setenv("SCENE_NARRATOR_SERVER_KEY", "sk-2")
        session.check_key("server")
        changed = len(service.asked)
        assert eventually(lambda: len(service.asked) >= changed + 2, LONG)
        keys = [call.headers["authorization"] for call in service.asked]
        assert set(keys[: changed - 1]) == {"Bearer sk-1"}
        assert set(keys[changed + 1 :]) == {"Bearer sk-2"}


def test_who_always_says_too_much_is_heard_and_never_rests(narrating):
    with OpenAIService(finish="length", answer=lambda call: f"Line {call.at} is told. And much more is") as service:
        _, listener = narrating(service.url)
        assert eventually(lambda: len(listener.captions("server")) >= 4, LONG)
        assert all(caption.text.endswith(" is told.") for caption in listener.captions("server"))
        assert {caption.complete for caption in listener.captions("server")} == {False}
        assert [notice for notice in listener.of(Notice) if notice.level is not Level.INFO] == []
