"""Sight on the demo clip, which comes with a list of what truly happens in it."""

import tomllib
from collections.abc import Iterator
from typing import Any

import cv2
import pytest
from fakes.observed import Watched, watch
from fakes.scenery import Pixels, as_pixels

from narrator.messages import Change, NewsKind
from narrator.resources import resource
from narrator.sight.objects import Detector
from narrator.sight.text import Reader


@pytest.fixture(scope="module")
def demo() -> Watched:
    """Every second frame, which is 12.5 a second."""
    detector, reader = Detector(), Reader()
    detector.open()
    reader.open()
    return watch(pictures(), detector, reader, fps=12.5)


def pictures() -> Iterator[Pixels]:
    clip = cv2.VideoCapture(str(resource("demo/demo.mp4")))
    while clip.grab():
        yield as_pixels(clip.retrieve()[1])
        clip.grab()


def events() -> list[dict[str, Any]]:
    table = tomllib.loads(resource("demo/demo.events.toml").read_text(encoding="utf-8"))
    return list(table["event"])


def test_every_cut_begins_a_scene_and_nothing_else_does(demo: Watched) -> None:
    cuts = [event["at"] for event in events() if event["kind"] == "cut"]
    begins = [at for at, scene in demo.scenes if scene.change is Change.CUT]
    assert begins == pytest.approx(cuts, abs=0.25)
    assert [demo.settled(revision)[0] for revision in range(1, len(cuts) + 1)] == pytest.approx(cuts, abs=1.3)


def test_what_a_cut_shows_is_in_the_scene_when_it_may_be_told(demo: Watched) -> None:
    for event in events():
        if event["kind"] == "is_there":
            revision = sum(other["kind"] == "cut" and other["at"] <= event["at"] for other in events())
            assert event["label"] in [track.label for track in demo.settled(revision)[1].tracks]


def test_every_event_is_told_and_nothing_else(demo: Watched) -> None:
    true = [(event["at"], event["kind"], event.get("label", "")) for event in events()]
    true = [event for event in true if event[1] not in ("is_there", "cut", "text")]
    for news in demo.news:
        if news.kind in (NewsKind.CUT, NewsKind.TEXT):
            continue
        fact = (str(news.kind), news.track.label if news.track else "")
        near = [event for event in true if event[1:] == fact and -1.0 < news.at - event[0] < 2.5]
        if near:
            true.remove(near[0])
        else:
            assert news.kind in (NewsKind.MOVES_LEFT, NewsKind.MOVES_RIGHT), f"{fact} at {news.at:.1f} s is not true"
    assert true == []


def test_the_text_is_read(demo: Watched) -> None:
    read = {line.text for _, scene in demo.scenes for line in scene.text}
    assert {"Scene Narrator", "Demo", "FILM STUDIO", "The end"} <= read
    told = [line.text for news in demo.news for line in news.text]
    assert told == ["FILM STUDIO"], "what is there when a scene begins belongs to its overview"


def test_numbers_rise_by_one(demo: Watched) -> None:
    assert [news.number for news in demo.news] == list(range(1, len(demo.news) + 1))


def test_no_phantom_is_ever_there(demo: Watched) -> None:
    assert {track.label for _, scene in demo.scenes for track in scene.tracks} == {"person", "horse", "cat"}
