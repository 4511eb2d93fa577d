"""A model on this machine narrates a whole session: the right colour, a memory read but once, a process that dies."""

import os
import signal
import threading
from itertools import pairwise
from typing import NamedTuple

import pytest
from fakes import colours
from fakes.gguf_talk import ENGINES
from fakes.processes import children_of, is_alive
from fakes.waiting import eventually

from narrator.messages import Audio, AudioEvent, Caption, Notice, Request, Usage
from narrator.session import Session
from narrator.settings import Settings

SHOWN = ("red", "blue", "yellow", "white", "green", "cyan")
SECONDS = 3.0
LONG = 60
A_PICTURE = 80
"""Tokens that the smallest takes, which a request before it has left to the next."""


class Listener:
    """Collects what a session publishes."""

    def __init__(self, session):
        self._events = session.subscribe()
        self._seen = []

    def of(self, kind):
        self._seen += self._events.drain()
        return [event for event in self._seen if isinstance(event, kind)]

    def captions(self):
        return [caption for caption in self.of(Caption) if caption.run.lane == "gguf"]

    def notices(self):
        return [notice.text for notice in self.of(Notice)]


class Counted(NamedTuple):
    """Of one request: its pictures, its tokens, and those of them that were not read again."""

    images: int
    tokens_in: int
    cached: int


def counted(listener):
    images = {request.run.id: request.images for request in listener.of(Request)}
    told = [usage for usage in listener.of(Usage) if not usage.estimated]
    return [Counted(images[usage.run.id], usage.tokens_in, usage.cached) for usage in told]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return colours.write_clip(tmp_path_factory.mktemp("clip") / "colours.mp4", SHOWN, SECONDS)


@pytest.fixture
def narrating(clip, tiny):
    """Start a session on the clip; its threads and processes must be gone at the end."""
    made = []

    def start(engine, **settings):
        own = {"sight.text": False, "sight.objects": False, "narration.min_gap": 1.0, "gguf.engine": engine}
        own |= {"gguf.model": str(tiny.text), "gguf.projector": str(tiny.projector)}
        values = Settings.defaults().with_values({**own, **settings})
        made.append(Session(values, source=str(clip), backend="gguf", voice="silent"))
        listener = Listener(made[-1])
        made[-1].start()
        return made[-1], listener

    before, ran = set(threading.enumerate()), set(children_of(os.getpid()))
    yield start
    for session in made:
        session.close()
    assert eventually(lambda: not set(threading.enumerate()) - before), set(threading.enumerate()) - before
    assert eventually(lambda: not set(children_of(os.getpid())) - ran)


@pytest.mark.parametrize("engine", ENGINES)
def test_each_colour_is_told_of_the_frame_that_shows_it(narrating, engine):
    _, listener = narrating(engine)
    assert eventually(lambda: any(SHOWN[-1] in caption.text for caption in listener.captions()), LONG)
    for caption in listener.captions():
        right = colours.shown_at(SHOWN, SECONDS, caption.run.media_t)
        assert caption.text == f"The scene is mostly {right}.", caption.run.media_t
    for place, colour in enumerate(SHOWN[1:], 1):
        told = [caption.run.media_t for caption in listener.captions() if colour in caption.text]
        assert told, colour
        assert min(told) - place * SECONDS < 2.0
    assert any(audio.event is AudioEvent.END for audio in listener.of(Audio))
    assert "tiny describes, on the processor." in listener.notices()


def test_a_model_that_dies_is_started_again_and_goes_on(narrating):
    ran = set(children_of(os.getpid()))
    _, listener = narrating("xllamacpp", loop=True)
    assert eventually(listener.captions, LONG)
    (pid,) = set(children_of(os.getpid())) - ran
    os.kill(pid, signal.SIGSEGV)
    told = len(listener.captions())
    assert eventually(lambda: len(listener.captions()) > told + 1, LONG)
    assert not is_alive(pid)
    assert any("ended unexpectedly" in text for text in listener.notices())
    assert any("is back" in text for text in listener.notices())


def test_what_was_seen_is_read_but_once(narrating):
    """The rules alone are most of a prompt: what counts is that each picture adds its tokens to what is not read."""
    _, listener = narrating("xllamacpp", loop=True)
    assert eventually(lambda: len(counted(listener)) >= 8, LONG)
    is_growing, added = False, []
    for before, now in pairwise(counted(listener)):
        pictures, tokens = now.images - before.images, now.cached - before.cached
        if pictures > 0:
            assert now.cached > 0.5 * now.tokens_in
            if is_growing:
                added.append(tokens / pictures)
        is_growing = pictures > 0  # else the oldest went, and what came after them is read again
    assert len(added) >= 3
    assert min(added) > A_PICTURE, added
