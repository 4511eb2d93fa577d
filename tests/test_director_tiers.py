"""Three describers: the program's own sight, a fast model that goes ahead, and a strong one that adds to it."""

from itertools import count

import pytest

from narrator.director import Director, Wish
from narrator.messages import (
    Audio,
    AudioEvent,
    Change,
    Priority,
    Reason,
    Run,
    Scene,
    Utterance,
)
from narrator.pace import Pace, Wait
from narrator.seams import Capabilities

_ids = count(1)
SEEING = Capabilities(max_images=4, system_prompt=True, streams=True)


def scene(revision=0, *, at=0.0, changed_at=0.0):
    return Scene(revision, at, at, 0, Change.STATIC, (), news=(), settled=True, trouble=None, changed_at=changed_at)


def tiered():
    director = Director(Pace())
    for rank, name in enumerate(("local", "fast", "strong")):
        director.enlist(name, rank)
        director.ready(name, SEEING if rank else Capabilities())
    return director


def begun(director, lane, ask, now):
    run = Run(
        next(_ids), lane, lane, ask.reason, ask.priority, now, now + 9, now, now, 0, ask.scene, ask.scene.newest_news
    )
    director.opened(run)
    return run


def heard(director, run, text, now):
    director.offered(run, text, now)
    director.answered(run, now)
    director.tell(Audio(Utterance(next(_ids), run, text, Priority.NORMAL, now), AudioEvent.END, now))


def test_both_are_asked_of_a_new_scene_and_the_strong_one_hears_what_the_fast_one_said():
    director = tiered()
    slow = begun(director, "strong", director.next("strong", 0.0, scene(), 0.0), 0.0)
    quick = begun(director, "fast", director.next("fast", 0.0, scene(), 0.0), 0.0)
    assert (slow.reason, quick.reason) == (Reason.START, Reason.START)
    heard(director, quick, "A kitchen.", 1.0)
    assert isinstance(director.next("fast", 1.5, scene(), 0.0), Wait), "the scene is told"
    assert director.since(slow) == ("A kitchen.",)
    assert isinstance(director.next("local", 3.5, scene(), 0.0), Wait), "no third voice, as one of them answered"


def test_a_fast_one_that_comes_late_is_silent():
    director = tiered()
    run = begun(director, "strong", director.next("strong", 0.0, scene(), 0.0), 0.0)
    heard(director, run, "A kitchen with a cook.", 0.5)
    assert isinstance(director.next("fast", 0.6, scene(), 0.0), Wait)


def test_what_changes_is_told_by_the_fast_one_while_the_strong_one_is_paced():
    director = tiered()
    heard(director, begun(director, "strong", director.next("strong", 0.0, scene(), 0.0), 0.0), "A kitchen.", 0.2)
    slow = begun(director, "strong", director.next("strong", 6.0, scene(at=6.0, changed_at=5.9), 0.0), 6.0)
    changed = scene(at=8.0, changed_at=7.9)
    assert director.next("fast", 8.0, changed, 0.0).reason is Reason.CHANGE
    assert slow.reason is Reason.CHANGE


def test_the_wish_goes_to_both_and_the_second_answer_does_not_cut_the_first():
    director = tiered()
    heard(director, begun(director, "strong", director.next("strong", 0.0, scene(), 0.0), 0.0), "A kitchen.", 0.2)
    director.tell(Wish.DESCRIBE)
    slow = begun(director, "strong", director.next("strong", 5.0, scene(at=5.0), 0.0), 5.0)
    quick = begun(director, "fast", director.next("fast", 5.0, scene(at=5.0), 0.0), 5.0)
    assert (slow.reason, quick.reason) == (Reason.USER, Reason.USER)
    assert director.offered(quick, "A cook.", 5.5) is Priority.NOW
    assert director.offered(slow, "She fries fish.", 6.5) is Priority.NEXT


@pytest.mark.parametrize("loser", ["strong", "fast"])
def test_a_wish_that_one_of_them_fails_is_left_to_the_other(loser):
    director = tiered()
    director.next("strong", 0.0, scene(), 0.0)
    director.tell(Wish.DESCRIBE)
    runs = {
        lane: begun(director, lane, director.next(lane, 5.0, scene(at=5.0), 0.0), 5.0) for lane in ("strong", "fast")
    }
    director.failed(runs[loser], 5.2)
    assert isinstance(director.next("local", 5.3, scene(at=5.3), 0.0), Wait)


@pytest.mark.parametrize("lost", ["strong", "fast"])
def test_the_other_goes_on_alone(lost):
    director, left = tiered(), "fast" if lost == "strong" else "strong"
    director.rest(lost, 60.0)
    assert director.next(left, 0.0, scene(), 0.0).reason is Reason.START
    assert isinstance(director.next(lost, 0.0, scene(), 0.0), Wait)
    assert director.leader(0.0, scene()) == left


def test_one_that_is_opened_again_does_not_lead_meanwhile():
    director = tiered()
    director.reopening("strong")
    assert director.leader(0.0, scene()) == "fast"


@pytest.mark.parametrize("wish", [Wish.HUSH, Wish.HOLD])
def test_a_wish_that_was_taken_back_does_not_come_again(wish):
    director = tiered()
    director.rest("fast", 20.0)
    heard(director, begun(director, "strong", director.next("strong", 0.0, scene(), 0.0), 0.0), "A kitchen.", 0.2)
    director.tell(Wish.DESCRIBE)
    begun(director, "strong", director.next("strong", 5.0, scene(at=5.0), 0.0), 5.0)
    for told in (wish, Wish.GO_ON):
        director.tell(told)
    director.rest("fast", 5.5)
    late = director.next("fast", 5.8, scene(at=5.8), 0.0)
    assert isinstance(late, Wait) or late.reason is not Reason.USER


def test_an_old_wish_is_nothing_to_one_that_becomes_ready():
    director = tiered()
    heard(director, begun(director, "strong", director.next("strong", 0.0, scene(), 0.0), 0.0), "A kitchen.", 0.2)
    director.tell(Wish.DESCRIBE)
    begun(director, "strong", director.next("strong", 5.0, scene(at=5.0), 0.0), 5.0)
    director.ready("fast", SEEING)
    assert isinstance(director.next("fast", 5.5, scene(at=5.5), 0.0), Wait)
    assert isinstance(director.next("fast", 200.0, scene(at=200.0), 0.0), Wait)


def test_what_sounds_of_the_scene_before_does_not_keep_the_fast_one_from_the_next():
    director = tiered()
    before = begun(director, "strong", director.next("strong", 0.0, scene(), 0.0), 0.0)
    director.offered(before, "A kitchen, with a long and winding clause.", 0.5)
    director.answered(before, 0.6)
    begun(director, "strong", director.next("strong", 3.0, scene(1, at=3.0), 4.0), 3.0)
    assert director.next("fast", 3.0, scene(1, at=3.0), 4.0).reason in (Reason.START, Reason.CUT)


def test_what_the_strong_one_declines_is_left_to_the_fast_one_before_the_own_sight():
    director = tiered()
    run = begun(director, "strong", director.next("strong", 0.0, scene(), 0.0), 0.0)
    director.failed(run, 0.5, is_final=True)
    assert isinstance(director.next("local", 0.6, scene(), 0.0), Wait)
    quick = begun(director, "fast", director.next("fast", 0.6, scene(), 0.0), 0.6)
    assert quick.reason is Reason.START
    director.failed(quick, 1.0, is_final=True)
    assert director.next("local", 1.1, scene(), 0.0).reason is Reason.START
