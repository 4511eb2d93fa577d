"""Boxes become trails: confirmed, voted on, carried over gaps, lost over an edge."""

from collections.abc import Iterable, Sequence

import pytest
from fakes.scenery import box

from narrator.messages import Box
from narrator.sight.objects import Detection
from narrator.sight.tracker import Tracker, Turnover

EVERYWHERE = 1.0
NOWHERE = 0.0
Found = Sequence[Detection]


def person(x: float, score: float = 0.7, **size: float) -> Detection:
    return Detection("person", score, box(x, **size))


def thing(label: str, score: float, x: float = 0.5, width: float = 0.2) -> Detection:
    return Detection(label, score, box(x, width=width))


class Play:
    """Feeds detections at a fixed pace and keeps what came of them."""

    def __init__(self, fps: float = 5, stirs: float = EVERYWHERE) -> None:
        self.tracker = Tracker()
        self.stirs = stirs
        self.at = 0.0
        self._step = 1 / fps
        self.new: list[tuple[str, str]] = []
        self.gone: list[tuple[str, str]] = []

    def __call__(self, pictures: Iterable[Found]) -> "Play":
        for found in pictures:
            turnover: Turnover = self.tracker.update(found, self.at, lambda _box, _since: self.stirs)
            self.new += [(trail.label, trail.entered_from) for trail in turnover.new]
            self.gone += [(trail.label, edge) for trail, edge in turnover.gone]
            self.at += self._step
        return self

    @property
    def labels(self) -> list[str]:
        return [trail.label for trail in self.tracker.trails]


def walk(start: float, stop: float, steps: int, **size: float) -> list[Found]:
    return [[person(start + (stop - start) * step / (steps - 1), **size)] for step in range(steps)]


@pytest.mark.parametrize(
    ("label", "scores", "is_there"),
    [
        ("person", [0.5], False),
        ("person", [0.5, 0.5], True),
        ("person", [0.49, 0.49], False),
        ("person", [0.41, 0.41, 0.41], True),
        ("person", [0.41, 0.0, 0.41, 0.0, 0.41], True),
        ("person", [0.41, 0.41, 0.0, 0.0, 0.0, 0.41], False),
        ("person", [0.39] * 10, False),
        ("chair", [0.45] * 10, False),
        ("chair", [0.5, 0.5], True),
        ("sports ball", [0.55] * 10, False),
        ("sports ball", [0.61, 0.61], True),
    ],
)
def test_what_is_believed(label: str, scores: list[float], is_there: bool) -> None:
    play = Play()([[thing(label, score)] if score else [] for score in scores])
    assert (play.labels == [label]) is is_there


def test_a_middling_score_where_nothing_ever_stirs_is_not_believed() -> None:
    assert Play(stirs=NOWHERE)([[person(0.5, 0.45)]] * 20).labels == []
    assert Play(stirs=NOWHERE)([[person(0.5, 0.55)]] * 2).labels == ["person"]


def test_a_ball_that_rolls_is_believed_at_a_lower_score_than_a_stain() -> None:
    rolling = [[thing("sports ball", 0.55, 0.1 + 0.08 * step, width=0.05)] for step in range(8)]
    assert Play()(rolling).labels == ["sports ball"]


def test_a_car_that_is_sometimes_a_truck_stays_one_car() -> None:
    names = ["car", "truck", "car", "car", "truck", "bus", "car", "car"]
    play = Play()([[thing(name, 0.6, 0.3 + 0.02 * step)] for step, name in enumerate(names)])
    assert play.new == [("car", "")]
    assert play.labels == ["car"]
    assert play.gone == []


def test_a_car_that_is_a_truck_in_the_same_picture_is_one_thing() -> None:
    both = [thing("car", 0.6), thing("truck", 0.55)]
    assert Play()([both] * 5).labels == ["car"]


def test_an_arm_inside_a_person_is_not_a_second_person() -> None:
    arm = Detection("person", 0.5, Box(0.45, 0.4, 0.5, 0.5))
    assert Play()([[person(0.5, 0.8, width=0.3, height=0.8), arm]] * 5).labels == ["person"]


def test_two_people_who_pass_each_other_stay_two() -> None:
    pictures = [[person(0.2 + 0.03 * step), person(0.8 - 0.03 * step)] for step in range(20)]
    play = Play()(pictures)
    assert len(play.tracker.trails) == 2
    assert play.gone == []
    xs = sorted((trail.id, round(trail.box.centre_x, 2)) for trail in play.tracker.trails)
    assert [x for _, x in xs] == [0.77, 0.23], "each went on its way"


@pytest.mark.parametrize("fps", [1, 2, 5, 10])
def test_a_walker_is_one_trail_at_every_pace(fps: int) -> None:
    play = Play(fps)(walk(0.1, 0.9, 8 * fps + 1))
    assert len(play.new) == 1
    assert len(play.tracker.trails) == 1


def test_a_walker_behind_a_tree_is_the_same_one() -> None:
    path = walk(0.1, 0.7, 31)
    path[12:19] = [[]] * 7
    play = Play()(path)
    assert len(play.new) == 1
    assert len(play.tracker.trails) == 1
    assert play.gone == []


@pytest.mark.parametrize(
    ("start", "stop", "edge"), [(0.03, 0.5, "left"), (0.97, 0.5, "right"), (0.12, 0.5, "left"), (0.5, 0.8, "")]
)
def test_over_which_edge_it_came(start: float, stop: float, edge: str) -> None:
    assert Play()(walk(start, stop, 20)).new == [("person", edge)]


def test_what_the_detector_had_overlooked_did_not_come_in() -> None:
    assert Play(stirs=NOWHERE)([[person(0.05)]] * 5).new == [("person", "")]


@pytest.mark.parametrize(("stop", "edge"), [(0.97, "right"), (0.03, "left")])
def test_over_which_edge_it_left(stop: float, edge: str) -> None:
    play = Play()([*walk(0.5, stop, 15), *[[]] * 3])
    assert play.gone == [("person", edge)]
    assert play.labels == []


def test_from_below_and_out_at_the_top() -> None:
    path = [[Detection("cat", 0.7, box(0.5, 0.95 - 0.06 * step, 0.1, 0.2))] for step in range(16)]
    play = Play()([*path, *[[]] * 4])
    assert play.new == [("cat", "bottom")]
    assert play.gone == [("cat", "top")]


def test_one_lost_in_mid_picture_leaves_the_scene_soon_and_is_gone_later() -> None:
    play = Play()([*[[person(0.5)]] * 10, *[[]] * 6])
    assert (play.labels, play.gone) == ([], [])
    assert play([[]] * 20).gone == [("person", "")]


def test_a_thing_that_the_detector_misses_where_nothing_changed_is_still_there() -> None:
    play = Play()([[thing("bench", 0.6)]] * 5)
    play.stirs = NOWHERE
    assert play([[]] * 100).labels == ["bench"]
    assert play.gone == []


def test_a_single_false_find_is_never_shown() -> None:
    play = Play()([[person(0.5, 0.9)], [], [], [], [person(0.2, 0.9)], [], [], []])
    assert (play.new, play.gone) == ([], [])


def test_a_reset_forgets_without_a_word_and_ids_go_on() -> None:
    play = Play()([[person(0.5)]] * 5)
    first = play.tracker.trails[0].id
    play.tracker.reset()
    assert play([[]] * 10).gone == []
    assert play([[person(0.5)]] * 5).tracker.trails[0].id > first


def test_a_turning_camera_does_not_break_a_trail() -> None:
    play = Play()([[person(0.3, 0.8, width=0.05, height=0.1)]] * 5)
    for step in range(1, 5):
        play.tracker.shift(0.15, 0.0)
        play([[person(0.3 + 0.15 * step, 0.8, width=0.05, height=0.1)]])
    assert len(play.new) == 1
    assert len(play.tracker.trails) == 1
