"""A lane alone: what it sends, tells and says of the pictures that it is given, with the real Gemini backend."""

import re
import time

import numpy as np
import pytest
from fakes.waiting import eventually

from narrator.backends import gemini
from narrator.director import Director, Wish
from narrator.inference import Describer, Lane, Surroundings
from narrator.language.prompts import Manner
from narrator.mailbox import Guarded, Latest
from narrator.memory.album import Album
from narrator.memory.history import History
from narrator.memory.layouts import Limits
from narrator.messages import Frame, Notice, Reason, Request, Scene
from narrator.pace import Pace

LONG = 10


class Silence:
    """A voice that nobody hears and that is always free."""

    def offer(self, text, run, priority=None):
        """It says nothing."""

    def retract(self, run):
        """It has said nothing."""

    def free_in(self):
        return 0.0


class Alone:
    """One lane with its director, and all that it published."""

    def __init__(self, context):
        self.frames, self.scenes, self.seen = Latest(), Latest(), []
        director = Director(Pace(min_gap=0.0))
        director.enlist("gemini", 1)
        self.director = director
        around = Surroundings(Guarded(director), self.scenes, Silence(), self.seen.append, Manner)
        describer = Describer("gemini", "gemini", "Gemini", gemini.create("", context))
        album = Album(self.frames, History(1.0, 1_000_000), lambda: Limits(10, 5000, 4_000_000, 60.0))
        self.lane = Lane(describer, album, around)

    def show(self, age=0.0, revision=0):
        """A picture of this age, and what sight made of it."""
        at = time.monotonic() - age
        pixels = np.full((90, 160, 3), 90, np.uint8)
        self.frames.put(Frame(1, at, time.time() - age, 0.0, 0, pixels))
        self.scenes.put(Scene(revision, at, 0.0, 0, settled=True, changed_at=at))

    def wish(self):
        self.director.tell(Wish.DESCRIBE)
        self.scenes.nudge()

    def of(self, kind):
        return [event for event in self.seen if isinstance(event, kind)]


@pytest.fixture
def alone(talk):
    made = Alone(talk.set(min_gap=0.0).context)
    made.lane.start()
    yield made
    assert made.lane.close() is None


def test_an_old_picture_is_not_sent_and_who_asks_is_told_how_old_it_is(alone, gemini_service):
    alone.show(age=40.0)
    alone.wish()
    assert eventually(lambda: alone.of(Notice), LONG)
    assert re.match("The last picture is 4[0-3] seconds old[.]", alone.of(Notice)[0].text)
    assert (alone.of(Request), gemini_service.asked) == ([], [])
    alone.show()
    assert gemini_service.wait_for(lambda asked: asked, LONG), "a new one is sent"
    assert [request.run.reason for request in alone.of(Request)] == [Reason.START]


def test_a_fresh_picture_is_sent_to_who_asks(alone, gemini_service):
    alone.show(age=5.0)
    alone.wish()
    assert eventually(lambda: alone.of(Request), LONG)
    assert alone.of(Request)[0].run.reason is Reason.USER
    assert not alone.of(Notice)
    assert gemini_service.wait_for(lambda asked: asked, LONG)


def test_opened_anew_it_asks_with_the_key_that_is_there_then(alone, talk, gemini_service):
    alone.show()
    assert gemini_service.wait_for(lambda asked: asked, LONG)
    talk.key = "another-key"
    alone.lane.retry()
    alone.show(revision=1)
    assert gemini_service.wait_for(lambda asked: asked[-1].headers["x-goog-api-key"] == "another-key", LONG)
