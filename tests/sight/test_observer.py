"""The whole of sight without its threads, on clips made here."""

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
from fakes.observed import FPS, filmed, watch
from fakes.scenery import Pixels, as_pixels, frame, landscape, lit, pasted, photo, sign

from narrator.messages import Box, NewsKind, TextLine, Trouble
from narrator.sight.objects import Detector
from narrator.sight.observer import Observer, Pace
from narrator.sight.text import Reader

PERSON = as_pixels(cv2.resize(photo("astronaut")[:, :320], (200, 280)))
STUDIO = as_pixels(cv2.GaussianBlur(landscape(5, (640, 360)), (0, 0), 6))


@pytest.fixture(scope="module")
def detector() -> Detector:
    opened = Detector()
    opened.open()
    return opened


@pytest.fixture(scope="module")
def reader() -> Reader:
    opened = Reader()
    opened.open()
    return opened


def test_a_person_who_comes_in_is_told_with_the_edge(detector: Detector) -> None:
    path = [-200 + 12 * number for number in range(40)]
    pictures = [*[STUDIO] * 20, *(pasted(STUDIO, PERSON, x, 80) for x in path), *[pasted(STUDIO, PERSON, 268, 80)] * 10]
    watched = watch(pictures, detector)
    first = watched.news[0]
    assert (first.kind, first.track and first.track.label) == (NewsKind.APPEARED, "person")
    assert first.track
    assert first.track.entered_from == "left"
    assert 2.0 < first.at < 5.0


def test_it_looks_often_when_something_moves_and_seldom_when_nothing_does(detector: Detector) -> None:
    still = watch(filmed(STUDIO, 20), detector)
    moving = watch((pasted(STUDIO, PERSON, x % 640, 80) for x in range(0, 1000, 10)), detector)
    assert 20 <= still.looks <= 40, "twenty seconds: three and a half in full, the rest at one a second"
    assert 48 <= moving.looks <= 56, "ten seconds at five a second, and the first four at once"


def test_the_same_picture_is_searched_once() -> None:
    class Counting(Detector):
        searched = 0

        def detect(self, pixels: Pixels) -> list[Any]:
            self.searched += 1
            return []

    finder = Counting()
    assert watch([STUDIO] * 100, finder).looks > 10
    assert finder.searched == 1


def test_muted_things_are_never_there(detector: Detector) -> None:
    person = filmed(photo("astronaut"), 3)
    assert watch(person, detector, pace=Pace(muted={"person"})).last.tracks == ()


def test_a_scene_cut_forgets_without_telling_that_all_left(detector: Detector) -> None:
    watched = watch([*filmed(photo("astronaut"), 3), *filmed(photo("chelsea"), 3)], detector)
    assert watched.kinds == [NewsKind.CUT]
    assert [track.label for track in watched.settled(0)[1].tracks] == ["person"]
    at, scene = watched.settled(1)
    assert [track.label for track in scene.tracks] == ["cat"]
    assert 3.3 <= at <= 4.0


def test_a_loop_or_a_reconnect_begins_a_scene(detector: Detector) -> None:
    watched = watch([photo("astronaut")] * 60, detector, epochs=[0] * 30 + [1] * 30)
    assert [scene.revision for _, scene in watched.scenes][-1] == 1
    assert watched.settled(1)[1].epoch == 1


def test_text_that_appears_is_told_once(detector: Detector, reader: Reader) -> None:
    plain = np.full((360, 640, 3), 215, np.uint8)
    plain[200:] = STUDIO[200:]
    written = plain.copy()
    written[:200] = sign("WET FLOOR")[:200]
    watched = watch([*filmed(plain, 4), *filmed(written, 15)], detector, reader)
    told = [[line.text for line in news.text] for news in watched.news if news.kind is NewsKind.TEXT]
    assert told == [["WET FLOOR"]]


def test_an_answer_for_a_scene_that_is_over_is_dropped(detector: Detector) -> None:
    observer = Observer(detector, lambda *_: None)
    for number in range(40):
        picture = landscape(1) if number < 20 else landscape(2)
        observer.see(frame(picture, number, number / FPS), number / FPS, Pace())
    for _ in range(3):
        observer.take_text(0, (TextLine("OLD", 0.9, Box(0, 0, 1, 1)),), 4.0)
    last = observer.see(frame(landscape(2), 99, 9.0), 9.0, Pace())
    assert last
    assert last.text == ()


def test_a_covered_camera_is_told_then_its_clearing_and_it_begins_anew(detector: Detector) -> None:
    view, cloth = photo("astronaut"), np.full_like(photo("astronaut"), 140)
    watched = watch([*filmed(view, 4), *filmed(cloth, 6), *filmed(view, 4)], detector, live=True)
    kinds = [kind for kind in watched.kinds if kind is not NewsKind.CUT]
    assert kinds == [NewsKind.TROUBLE, NewsKind.CLEAR]
    assert [news.trouble for news in watched.news if news.trouble] == [Trouble.COVERED, Trouble.COVERED]
    during = [scene for _, scene in watched.scenes if scene.trouble]
    assert all(not scene.tracks and not scene.settled for scene in during)
    assert watched.last.settled
    assert [track.label for track in watched.last.tracks] == ["person"]


@pytest.mark.parametrize("picture", [photo("chelsea"), np.zeros_like(photo("chelsea"))], ids=["still", "black"])
def test_a_picture_that_stays_is_told_of_anew_so_that_it_is_never_taken_for_an_old_one(picture: Pixels) -> None:
    watched = watch([picture] * (20 * FPS), None)
    times = [0.0, *(scene.frame_at for _, scene in watched.scenes), 20.0]
    assert max(after - before for before, after in pairwise(times)) <= 2.0


def test_a_lamp_that_goes_out_is_darkness_not_another_scene(detector: Detector) -> None:
    view = photo("chelsea")
    watched = watch([*filmed(view, 5), *filmed(lit(view, 0.25), 6)], detector, live=True)
    assert watched.kinds == [NewsKind.DARKER]
    assert watched.last.revision == 0
    assert watched.last.brightness < 0.2


def test_without_a_detector_and_a_reader_the_rest_goes_on() -> None:
    watched = watch([*filmed(landscape(1), 3), *filmed(landscape(2), 3)], None)
    assert watched.last.settled
    assert watched.last.revision == 1
    assert watched.last.tracks == ()


def test_one_frame_alone_becomes_a_scene_when_it_is_looked_at_again(detector: Detector) -> None:
    only = frame(photo("astronaut"), 0, 0.0)
    observer = Observer(detector, None)
    scenes = [scene for number in range(20) if (scene := observer.see(only, number / FPS, Pace()))]
    assert scenes[-1].settled
    assert [track.label for track in scenes[-1].tracks] == ["person"]
