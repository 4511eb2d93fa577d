"""What is told of who comes, goes and moves: true, once, and sparse in a crowd."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from fakes.scenery import box

from narrator.messages import NewsKind, Track
from narrator.sight.movement import Movement
from narrator.sight.objects import Detection
from narrator.sight.tracker import Tracker

FPS = 5
Found = Sequence[Detection]
Path = Callable[[float], tuple[float, float]]
"""At a time in seconds: the centre across and the height of the box."""


def told(
    pictures: Iterable[Found], *, known_for: float = 0.9, turning: bool = False, fps: float = FPS, stirs: float = 1.0
) -> list[tuple[float, NewsKind, Track]]:
    """All news of a clip, with their times; what is there in the first `known_for` s is told by an overview."""
    tracker, movement, news = Tracker(), Movement(), []
    for number, found in enumerate(pictures):
        at = number / fps
        turnover = tracker.update(found, at, lambda _box, _since: stirs)
        items = movement.notice(turnover, tracker.trails, at, telling=at >= known_for, turning=turning)
        news += [(at, kind, track) for kind, track in items]
    return news


def kinds(news: Sequence[tuple[float, NewsKind, Track]]) -> list[NewsKind]:
    return [kind for _, kind, _ in news]


def someone(x: float, height: float = 0.4, label: str = "person") -> Detection:
    return Detection(label, 0.7, box(x, 0.55, height / 3, height))


def clip(*paths: Path | None, seconds: float, fps: float = FPS) -> list[Found]:
    times = [number / fps for number in range(int(seconds * fps))]
    return [[someone(*path(at)) for path in paths if path and 0 < path(at)[0] < 1] for at in times]


def standing(x: float, height: float = 0.4) -> Path:
    return lambda _: (x, height)


def crossing(start: float, speed: float, begin: float = 0.0) -> Path:
    """Walks from `start` at `speed` widths a second from the time `begin` on; before, it is not there."""
    return lambda at: (start + speed * (at - begin) if at >= begin else -1, 0.4)


def test_who_is_there_from_the_start_is_no_news() -> None:
    assert told(clip(standing(0.3), standing(0.7), seconds=20)) == []


def test_who_trembles_a_little_is_no_news() -> None:
    rng = np.random.default_rng(1)

    def tremble(_: float) -> tuple[float, float]:
        return 0.5 + rng.normal(0, 0.01), 0.5 * (1 + rng.normal(0, 0.04))

    assert told(clip(tremble, seconds=60)) == []


def test_one_walks_through_the_picture() -> None:
    news = told(clip(crossing(0.02, 0.2, begin=2.0), seconds=12))
    assert kinds(news) == [NewsKind.APPEARED, NewsKind.LEFT]
    (came, _, track), (went, _, last) = news
    assert came < 3.5
    assert track.entered_from == "left"
    assert 6.5 < went < 8.5
    assert last.box.right == pytest.approx(1.0), "the box tells over which edge"


def test_who_starts_to_walk_is_told_once_and_again_when_turning_back() -> None:
    def there_and_back(at: float) -> tuple[float, float]:
        way = min(max(at - 4, 0), 4) - min(max(at - 14, 0), 4)
        return 0.2 + 0.15 * way, 0.4

    assert kinds(told(clip(there_and_back, seconds=25))) == [NewsKind.MOVES_RIGHT, NewsKind.MOVES_LEFT]


def test_who_paces_up_and_down_is_not_told_at_every_turn() -> None:
    def pacing(at: float) -> tuple[float, float]:
        return 0.5 + 0.3 * float(np.sin(at * 1.2)), 0.4

    news = told(clip(pacing, seconds=60))
    times = [at for at, _, _ in news]
    assert all(later - earlier >= 8 for earlier, later in pairwise(times))


def test_one_comes_closer_and_goes_away_again() -> None:
    def near_and_far(at: float) -> tuple[float, float]:
        closeness = min(max(at - 4, 0), 5) - min(max(at - 16, 0), 5)
        return 0.5, 0.2 * 1.25**closeness

    assert kinds(told(clip(near_and_far, seconds=28))) == [NewsKind.COMES_CLOSER, NewsKind.GOES_AWAY]


def test_one_so_close_that_the_picture_cuts_feet_and_head_still_comes_closer() -> None:
    def huge(at: float) -> list[Detection]:
        width = 0.3 * 1.2 ** min(max(at - 3, 0), 4)
        return [Detection("person", 0.8, box(0.5, 0.5, width, 1.0))]

    assert kinds(told([huge(number / FPS) for number in range(50)])) == [NewsKind.COMES_CLOSER]


def test_one_of_a_pair_leaves() -> None:
    news = told(clip(standing(0.3), crossing(0.6, 0.1, begin=0.0), seconds=10))
    assert kinds(news)[-1] == NewsKind.LEFT
    assert len(news) <= 2


def test_a_crowd_is_told_sparsely() -> None:
    starts = [3 * number for number in range(20)]
    walkers = [crossing(0.02, 0.06, begin=start) for start in starts]
    walkers += [lambda at, start=start: (0.98 - 0.06 * (at - start) if at >= start else -1, 0.3) for start in starts]
    news = told(clip(*walkers, seconds=60))
    assert 3 <= len(news) <= 10, "forty people come and go in a minute"
    assert set(kinds(news)) <= {NewsKind.APPEARED, NewsKind.LEFT}


def test_a_car_among_a_crowd_is_told() -> None:
    def car(at: float) -> list[Detection]:
        x = -0.1 + 0.2 * (at - 5)
        return [Detection("car", 0.7, box(x, 0.5, 0.2, 0.15))] if 0.05 < x < 0.95 else []

    people = clip(*(standing(0.1 * number, 0.3) for number in range(1, 10)), seconds=14)
    news = told([[*found, *car(number / FPS)] for number, found in enumerate(people)])
    assert [(kind, track.label) for _, kind, track in news] == [(NewsKind.APPEARED, "car"), (NewsKind.LEFT, "car")]


def test_what_the_detector_had_overlooked_is_no_news() -> None:
    pictures = [[*found, *([someone(0.2)] if number > 20 else [])] for number, found in enumerate([[]] * 60)]
    assert told(pictures, stirs=0.0) == []


def test_one_who_is_hidden_by_another_has_not_left() -> None:
    pictures = clip(standing(0.45), standing(0.55), seconds=4) + clip(standing(0.45), seconds=20)
    assert told(pictures) == []


def test_one_who_vanishes_alone_has_left() -> None:
    news = told([*clip(standing(0.5), seconds=4), *[[]] * 40])
    assert kinds(news) == [NewsKind.LEFT]
    assert 0.1 < news[0][2].box.left < 0.9


def test_a_turning_camera_moves_nobody() -> None:
    assert told(clip(crossing(0.2, 0.08), seconds=9), turning=True) == []


def test_one_look_a_second_is_enough_for_a_slow_walker() -> None:
    news = told(clip(crossing(0.02, 0.08, begin=3.0), seconds=20, fps=1), fps=1)
    assert kinds(news)[0] == NewsKind.APPEARED
    assert news[0][2].entered_from == "left"
    assert kinds(news)[-1] == NewsKind.LEFT
