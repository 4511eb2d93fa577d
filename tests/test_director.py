"""When a describer is asked, and for what: tables with a hand-moved clock."""

from itertools import count

from narrator.director import Director, Wish
from narrator.messages import (
    Ask,
    Audio,
    AudioEvent,
    Box,
    News,
    NewsKind,
    Priority,
    Reason,
    Run,
    Scene,
    Trouble,
    Utterance,
)
from narrator.messages import Track as Thing
from narrator.pace import Pace, Wait
from narrator.seams import Capabilities

PERSON = Thing(1, "person", 0.8, Box(0.1, 0.1, 0.3, 0.9))
_ids = count(1)


def scene(revision=0, *, news=0, settled=True, trouble=None, at=0.0):
    """A scene with `news` pieces of news, numbered from 1."""
    found = tuple(News(number, 0.0, NewsKind.APPEARED, PERSON) for number in range(1, news + 1))
    return Scene(revision, at, at, 0, tracks=(PERSON,), news=found, settled=settled, trouble=trouble)


def alone(pace, capabilities=None):
    """A director with the program's own sight as its only lane."""
    director = Director(pace)
    director.enlist("local", 0)
    director.ready("local", capabilities or Capabilities())
    return director


def open_run(director, ask, now):
    run = Run(
        next(_ids), "local", "x", ask.reason, ask.priority, now, now + 9, 0.0, 0.0, 0, ask.scene, ask.scene.newest_news
    )
    director.opened(run)
    return run


def answer(director, ask, now, *clauses, ends=AudioEvent.END):
    """Let the run of `ask` say `clauses`, and let each sound end as `ends`."""
    run = open_run(director, ask, now)
    for clause in clauses:
        director.offered(run, clause, now)
    director.answered(run, now)
    for clause in clauses:
        director.tell(Audio(Utterance(next(_ids), run, clause, Priority.NORMAL, now), ends, now))
    return run


def test_nothing_is_asked_without_a_scene():
    assert isinstance(alone(Pace()).next("local", 0.0, None, 0.0), Wait)


def test_an_overview_comes_first_once_objects_were_looked_for():
    director = alone(Pace())
    assert isinstance(director.next("local", 0.0, scene(settled=False), 0.0), Wait)
    ask = director.next("local", 1.0, scene(), 0.0)
    assert (ask.reason, ask.priority) == (Reason.START, Priority.NORMAL)
    answer(director, ask, 1.0, "A person.")
    assert isinstance(director.next("local", 1.1, scene(), 0.0), Wait)


def test_news_is_told_once_and_at_a_distance():
    director = alone(Pace(min_gap=4.0))
    answer(director, director.next("local", 0.0, scene(), 0.0), 0.0, "A person.")
    waiting = director.next("local", 1.0, scene(news=1), 0.0)
    assert isinstance(waiting, Wait)
    assert waiting.until == 4.0
    ask = director.next("local", 4.0, scene(news=1), 0.0)
    assert isinstance(ask, Ask)
    assert (ask.reason, [n.number for n in ask.news]) == (Reason.CHANGE, [1])
    answer(director, ask, 4.0, "A person comes in.")
    assert isinstance(director.next("local", 20.0, scene(news=1, at=20.0), 0.0), Wait)
    assert [n.number for n in director.next("local", 21.0, scene(news=2, at=21.0), 0.0).news] == [2]


def test_news_waits_until_the_voice_is_nearly_free():
    director = alone(Pace(min_gap=0.0, lead=0.3))
    answer(director, director.next("local", 0.0, scene(), 0.0), 0.0, "A person.")
    waiting = director.next("local", 1.0, scene(news=1), 2.0)
    assert isinstance(waiting, Wait)
    assert abs(waiting.until - 2.7) < 1e-9
    assert isinstance(director.next("local", 2.7, scene(news=1), 0.3), Ask)


def test_a_cut_asks_for_an_overview_after_the_short_gap():
    director = alone(Pace(min_gap=4.0, cut_gap=2.0))
    answer(director, director.next("local", 0.0, scene(0), 0.0), 0.0, "A person.")
    assert isinstance(director.next("local", 1.0, scene(1), 0.0), Wait)
    assert director.next("local", 2.0, scene(1), 0.0).reason is Reason.CUT


def test_the_user_is_first_and_needs_no_news():
    director = alone(Pace())
    answer(director, director.next("local", 0.0, scene(), 0.0), 0.0, "A person.")
    director.tell(Wish.DESCRIBE)
    ask = director.next("local", 0.1, scene(), 5.0)
    assert (ask.reason, ask.priority) == (Reason.USER, Priority.NOW)
    answer(director, ask, 0.1, "A person.")
    assert isinstance(director.next("local", 0.2, scene(), 0.0), Wait)


def test_said_means_heard():
    director = alone(Pace(min_gap=0.0))
    answer(director, director.next("local", 0.0, scene(), 0.0), 0.0, "A person.", "On the left.")
    answer(director, director.next("local", 5.0, scene(news=1), 0.0), 5.0, "A person leaves.", ends=AudioEvent.CUT)
    assert director.next("local", 10.0, scene(news=2), 0.0).said == ("A person. On the left.",)


def test_what_was_dropped_is_told_once_more_and_not_a_third_time():
    director = alone(Pace(min_gap=0.0))
    answer(director, director.next("local", 0.0, scene(), 0.0), 0.0, "A person.")
    ask = director.next("local", 5.0, scene(news=1), 0.0)
    answer(director, ask, 5.0, "Somebody comes in.", ends=AudioEvent.DROPPED)
    again = director.next("local", 6.0, scene(news=1), 0.0)
    assert [n.number for n in again.news] == [1]
    answer(director, again, 6.0, "Somebody comes in.", ends=AudioEvent.DROPPED)
    assert isinstance(director.next("local", 7.0, scene(news=1), 0.0), Wait)


def test_what_was_hushed_is_not_said_again():
    director = alone(Pace(min_gap=0.0))
    answer(director, director.next("local", 0.0, scene(), 0.0), 0.0, "A person.", ends=AudioEvent.CUT)
    assert isinstance(director.next("local", 9.0, scene(), 0.0), Wait)


def test_what_was_hushed_while_it_was_made_is_not_made_again():
    director = alone(Pace(min_gap=0.0))
    run = open_run(director, director.next("local", 0.0, scene(), 0.0), 0.0)
    director.tell(Wish.HUSH)
    run.cancel()
    director.answered(run, 0.5)
    assert isinstance(director.next("local", 9.0, scene(), 0.0), Wait)
    assert director.next("local", 9.1, scene(news=1), 0.0).reason is Reason.CHANGE


def test_the_wish_to_hear_all_waits_for_a_new_scene_to_be_looked_at_but_not_for_long():
    director = alone(Pace())
    director.tell(Wish.DESCRIBE)
    assert isinstance(director.next("local", 0.0, scene(settled=False), 0.0), Wait)
    ask = director.next("local", 1.6, scene(settled=False), 0.0)
    assert ask.reason is Reason.USER
    answer(director, ask, 1.6, "Nothing is recognised.")
    assert director.next("local", 4.0, scene(settled=True), 0.0).reason is Reason.START


def test_a_describer_that_failed_is_asked_again_for_the_same():
    director = alone(Pace(min_gap=0.0))
    for now in (0.0, 1.0, 2.0):
        ask = director.next("local", now, scene(), 0.0)
        assert ask.reason in (Reason.START, Reason.CUT)
        director.failed(open_run(director, ask, now), now)
    answer(director, director.next("local", 3.0, scene(), 0.0), 3.0, "A person.")
    for now in (5.0, 6.0, 7.0):
        ask = director.next("local", now, scene(news=1), 0.0)
        assert [n.number for n in ask.news] == [1]
        director.failed(open_run(director, ask, now), now)


def test_a_backend_may_want_a_slower_pace_whatever_the_user_sets():
    director = alone(Pace(min_gap=1.0), Capabilities(min_gap=6.0))
    answer(director, director.next("local", 0.0, scene(), 0.0), 0.0, "A person.")
    director.pace = Pace(min_gap=2.0)
    assert isinstance(director.next("local", 5.9, scene(news=1), 0.0), Wait)
    assert isinstance(director.next("local", 6.0, scene(news=1), 0.0), Ask)


def test_an_overview_that_was_dropped_is_given_again():
    director = alone(Pace())
    answer(director, director.next("local", 0.0, scene(), 0.0), 0.0, "A person.", ends=AudioEvent.DROPPED)
    again = director.next("local", 3.0, scene(), 0.0)
    assert again.reason in (Reason.START, Reason.CUT)
    answer(director, again, 3.0, "A person.")
    assert isinstance(director.next("local", 9.0, scene(), 0.0), Wait)


def test_words_under_way_count_as_told():
    director = alone(Pace(min_gap=0.0))
    answer(director, director.next("local", 0.0, scene(), 0.0), 0.0, "A person.")
    run = open_run(director, director.next("local", 1.0, scene(news=1), 0.0), 1.0)
    director.offered(run, "A person leaves.", 1.0)
    director.answered(run, 1.0)
    assert isinstance(director.next("local", 2.0, scene(news=1), 0.0), Wait)
    assert director.next("local", 2.0, scene(news=2), 0.0).said[-1] == "A person leaves."


def test_an_empty_answer_uses_its_news_up_but_keeps_no_distance():
    director = alone(Pace(min_gap=4.0))
    answer(director, director.next("local", 0.0, scene(), 0.0), 0.0)
    answer(director, director.next("local", 0.5, scene(news=1), 0.0), 0.5)
    assert isinstance(director.next("local", 0.6, scene(news=1), 0.0), Wait)
    assert isinstance(director.next("local", 0.7, scene(news=2), 0.0), Ask)


def test_a_cancelled_run_was_not_heard():
    director = alone(Pace(min_gap=0.0))
    answer(director, director.next("local", 0.0, scene(), 0.0), 0.0, "A person.")
    run = open_run(director, director.next("local", 1.0, scene(news=1), 0.0), 1.0)
    run.cancel()
    director.answered(run, 1.0)
    assert [n.number for n in director.next("local", 2.0, scene(news=1), 0.0).news] == [1]


def test_held_asks_nothing_until_it_goes_on():
    director = alone(Pace())
    director.tell(Wish.HOLD)
    assert isinstance(director.next("local", 0.0, scene(), 0.0), Wait)
    director.tell(Wish.GO_ON)
    assert isinstance(director.next("local", 5.0, scene(at=0.0), 0.0), Wait), "what was seen before the pause is old"
    assert isinstance(director.next("local", 5.1, scene(at=5.05), 0.0), Ask)


def test_no_overview_of_a_picture_that_shows_nothing():
    assert isinstance(alone(Pace()).next("local", 0.0, scene(trouble=Trouble.BLACK), 0.0), Wait)


def test_a_heartbeat_asks_when_nothing_is_new():
    director = alone(Pace(overview=False), Capabilities(heartbeat=1.0))
    assert director.next("local", 0.0, scene(), 0.0).reason is Reason.HEARTBEAT
    assert isinstance(director.next("local", 0.5, scene(), 0.0), Wait)
    assert isinstance(director.next("local", 1.0, scene(), 0.0), Ask)


def test_the_last_news_needs_no_distance_when_the_source_is_over():
    director = alone(Pace(min_gap=4.0))
    answer(director, director.next("local", 0.0, scene(), 0.0), 0.0, "A person.")
    director.tell(Wish.FINISH)
    assert isinstance(director.next("local", 1.0, scene(news=1), 0.0), Ask)


def test_a_source_that_is_over_before_its_scene_was_looked_at_is_told_of_all_the_same():
    director = alone(Pace())
    director.tell(Wish.FINISH)
    answer(director, director.next("local", 1.0, scene(settled=False), 0.0), 1.0, "A person.")
    assert isinstance(director.next("local", 2.0, scene(settled=False), 0.0), Wait)
