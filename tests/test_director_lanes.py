"""Who narrates, who cues and who stands in, when a model describes beside the program's own sight."""

from dataclasses import replace
from itertools import count
from math import inf

import pytest

from narrator.director import Director, Wish
from narrator.messages import (
    Audio,
    AudioEvent,
    Box,
    Change,
    News,
    NewsKind,
    Notice,
    Priority,
    Reason,
    Run,
    Scene,
    Track,
    Trouble,
    Utterance,
)
from narrator.pace import Pace, Wait
from narrator.seams import Capabilities, Prices

PERSON = Track(1, "person", 0.8, Box(0.1, 0.1, 0.3, 0.9))
MODEL = Capabilities(max_images=10, min_gap=6.0, heartbeat=180.0, prices=Prices(0.3, 2.5, 0.03), system_prompt=True)
_ids = count(1)


class Purse:
    """What may be spent, as the test sets it."""

    def __init__(self, free_at=-inf, gap=0.0):
        self.at, self.apart = free_at, gap

    def free_at(self, now, *, is_paid=True):
        return max(now, self.at if is_paid else self.at / 2)

    def gap(self, *, is_paid=True):
        return self.apart if is_paid else self.apart / 2


def scene(revision=0, *, news=(), settled=True, trouble=None, changed_at=0.0, at=0.0, change=Change.STATIC):
    """A scene with news of these kinds, numbered from 1."""
    found = tuple(News(number, 0.0, kind, PERSON) for number, kind in enumerate(news, 1))
    return Scene(
        revision, at, at, 0, change, (PERSON,), news=found, settled=settled, trouble=trouble, changed_at=changed_at
    )


def two_lanes(purse=None, pace=None, *, is_open=True):
    director = Director(pace or Pace(), purse)
    director.enlist("local", 0)
    director.ready("local", Capabilities())
    director.enlist("model", 1)
    if is_open:
        director.ready("model", MODEL)
    return director


def open_run(director, lane, ask, now):
    run = Run(
        next(_ids), lane, lane, ask.reason, ask.priority, now, now + 9, now, now, 0, ask.scene, ask.scene.newest_news
    )
    director.opened(run)
    return run


def answer(director, lane, ask, now, *clauses, ends=AudioEvent.END):
    run = open_run(director, lane, ask, now)
    for clause in clauses:
        director.offered(run, clause, now)
    director.answered(run, now)
    for clause in clauses:
        director.tell(Audio(Utterance(next(_ids), run, clause, Priority.NORMAL, now), ends, now))
    return run


def test_the_model_narrates_and_need_not_wait_until_things_are_recognised():
    director = two_lanes()
    assert isinstance(director.next("local", 0.0, scene(settled=False), 0.0), Wait)
    assert director.next("model", 0.0, scene(settled=False), 0.0).reason is Reason.START


def test_until_the_model_is_ready_the_own_sight_narrates():
    director = two_lanes(is_open=False)
    assert director.next("local", 0.0, scene(), 0.0).until == 3.0, (
        "the first words are left to the better one for a while"
    )
    answer(director, "local", director.next("local", 3.0, scene(), 0.0), 3.0, "A person.")
    director.ready("model", MODEL)
    ask = director.next("model", 6.0, scene(), 0.0)
    assert (ask.reason, ask.said) == (Reason.CHANGE, ("A person.",)), "it adds to what was said"


def test_the_first_words_wait_for_no_model_that_cannot_open_and_not_for_the_end():
    for hinder in (lambda d: d.rest("model", 9.0), lambda d: d.dismiss("model"), lambda d: d.tell(Wish.FINISH)):
        director = two_lanes(is_open=False)
        assert isinstance(director.next("local", 0.0, scene(), 0.0), Wait)
        hinder(director)
        assert director.next("local", 0.1, scene(), 0.0).reason is Reason.START


def test_a_cut_is_asked_for_at_once_and_no_sooner_than_the_floor():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(0), 0.0), 0.0, "A room.")
    assert director.next("model", 1.0, scene(1, settled=False), 0.0).until == 2.0
    ask = director.next("model", 2.0, scene(1, settled=False), 5.0)
    assert ask.reason is Reason.CUT, "a cut waits for no voice"


def test_a_still_scene_is_not_asked_about_again_before_the_heartbeat():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(at=0.0), 0.0), 0.0, "A room.")
    assert isinstance(director.next("model", 60.0, scene(at=60.0), 0.0), Wait)
    assert director.next("model", 181.0, scene(at=181.0), 0.0).reason is Reason.HEARTBEAT


def test_that_a_new_scene_was_recognised_is_no_news_to_a_model():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    assert isinstance(director.next("model", 60.0, scene(news=[NewsKind.CUT], at=60.0), 0.0), Wait)


def test_whatever_moved_is_news_to_a_model_at_its_own_distance():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    assert director.next("model", 5.0, scene(changed_at=4.0, at=5.0), 0.0).until == 6.0
    assert director.next("model", 6.0, scene(changed_at=5.9, at=6.0), 0.0).reason is Reason.CHANGE


def test_money_keeps_requests_further_apart():
    director = two_lanes(Purse(gap=9.0))
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    assert director.next("model", 7.0, scene(changed_at=6.0, at=7.0), 0.0).until == 9.0


def test_the_next_answer_is_asked_for_so_that_it_comes_as_speech_ends():
    director = two_lanes()
    run = open_run(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0)
    director.offered(run, "A room.", 1.0)
    director.answered(run, 1.5)
    waiting = director.next("model", 7.0, scene(changed_at=6.0, at=7.0), 4.0)
    assert waiting.until == pytest.approx(10.0), "the voice is free at 11, the first word took 1 s"


@pytest.mark.parametrize("kind", [NewsKind.APPEARED, NewsKind.LEFT])
def test_while_the_model_thinks_the_own_sight_gives_a_cue(kind):
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    now = scene(news=[NewsKind.DARKER, kind, NewsKind.MOVES_LEFT], at=8.0, changed_at=8.0)
    open_run(director, "model", director.next("model", 8.0, now, 0.0), 8.0)
    ask = director.next("local", 8.1, now, 0.0)
    assert ask.reason is Reason.CUE
    assert [news.kind for news in ask.news] == [kind]


def test_a_cue_comes_once():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    now = scene(news=[NewsKind.APPEARED], at=8.0)
    answer(director, "local", director.next("local", 8.0, now, 0.0), 8.0, "A person comes in.")
    assert isinstance(director.next("local", 8.2, now, 0.0), Wait)


@pytest.mark.parametrize(
    ("now", "free_in", "cues", "why"),
    [(9.5, 0.0, True, "late"), (8.1, 1.0, True, "the voice is busy"), (8.1, 0.0, False, "switched off")],
)
def test_no_cue_comes_when_it_is_late_or_talks_over_another(now, free_in, cues, why):
    director = two_lanes(pace=Pace(cues=cues))
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    seen = scene(news=[NewsKind.APPEARED], at=8.0)
    director.next("model", 8.0, seen, 0.0)
    assert isinstance(director.next("local", now, seen, free_in), Wait), why


def test_the_model_hears_of_the_cue_and_speaks_all_the_same():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    now = scene(news=[NewsKind.APPEARED], at=8.0)
    answer(director, "local", director.next("local", 8.0, now, 0.0), 8.0, "A person comes in.")
    ask = director.next("model", 8.1, now, 0.0)
    assert (ask.reason, ask.said[-1]) == (Reason.CHANGE, "A person comes in.")


def test_what_the_model_leaves_unanswered_for_three_seconds_the_own_sight_tells():
    director = two_lanes()
    open_run(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0)
    assert director.next("local", 0.1, scene(), 0.0).until == 3.0
    assert director.next("local", 3.0, scene(), 0.0).reason is Reason.START
    assert isinstance(director.next("local", 3.1, scene(), 0.0), Wait), "once"


def test_who_asked_and_got_no_answer_in_time_hears_the_own_sight():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    director.tell(Wish.DESCRIBE)
    ask = director.next("model", 4.0, scene(), 3.0)
    assert (ask.reason, ask.priority) == (Reason.USER, Priority.NOW)
    open_run(director, "model", ask, 4.0)
    stand_in = director.next("local", 7.0, scene(), 0.0)
    assert (stand_in.reason, stand_in.priority) == (Reason.USER, Priority.NOW)


def test_words_that_come_in_time_need_nobody_to_stand_in():
    director = two_lanes()
    run = open_run(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0)
    director.offered(run, "A room.", 2.9)
    assert isinstance(director.next("local", 3.5, scene(), 0.0), Wait)


def test_a_model_that_rests_leaves_the_narration_to_the_own_sight_and_comes_back():
    director = two_lanes()
    ask = director.next("model", 0.0, scene(), 0.0)
    director.failed(open_run(director, "model", ask, 0.0), 0.5)
    director.rest("model", 10.0)
    assert director.leader(0.5, scene()) == "local"
    assert isinstance(director.next("model", 0.5, scene(), 0.0), Wait)
    answer(director, "local", director.next("local", 0.5, scene(), 0.0), 0.5, "A person.")
    answer(
        director, "local", director.next("local", 5.0, scene(news=[NewsKind.LEFT]), 0.0), 5.0, "The person has left."
    )
    assert director.leader(10.0, scene()) == "model"
    ask = director.next("model", 10.0, scene(news=[NewsKind.LEFT], at=10.0), 0.0)
    assert ask.reason is Reason.CHANGE
    assert ask.said == ("A person.", "The person has left.")


def test_a_wish_that_the_model_failed_is_answered_by_the_own_sight():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    director.tell(Wish.DESCRIBE)
    director.failed(open_run(director, "model", director.next("model", 4.0, scene(), 0.0), 4.0), 4.2)
    director.rest("model", inf)
    assert director.next("local", 4.3, scene(), 0.0).reason is Reason.USER


def test_with_the_money_spent_the_own_sight_narrates_until_there_is_more():
    purse = Purse(free_at=100.0)
    director = two_lanes(purse)
    assert director.leader(0.0, scene()) == "local"
    assert director.next("model", 0.0, scene(), 0.0).until == 100.0
    assert director.leader(100.0, scene()) == "model"


def test_a_free_model_far_away_keeps_to_what_its_tokens_allow_and_one_on_this_machine_to_nothing():
    far = Capabilities(max_images=10, system_prompt=True, pictures_leave_device=True)
    for capabilities, free_at in ((far, 50.0), (replace(far, pictures_leave_device=False), 0.0)):
        director = Director(Pace(), Purse(free_at=100.0))
        director.enlist("local", 0)
        director.ready("local", Capabilities())
        director.enlist("model", 1)
        director.ready("model", capabilities)
        assert director.leader(free_at, scene()) == "model"
        assert director.leader(free_at - 0.1, scene()) == ("local" if free_at else "model")


def test_a_picture_that_shows_nothing_is_not_sent():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    dark = scene(1, news=[NewsKind.TROUBLE], trouble=Trouble.BLACK, changed_at=9.0, at=9.0)
    assert isinstance(director.next("model", 9.0, dark, 0.0), Wait)
    assert director.next("local", 9.0, dark, 0.0).reason is Reason.CHANGE
    director.tell(Wish.DESCRIBE)
    assert isinstance(director.next("model", 20.0, dark, 0.0), Wait)
    assert director.next("local", 20.0, dark, 0.0).reason is Reason.USER


def test_a_model_that_is_gone_leaves_nothing_unanswered():
    director = two_lanes()
    open_run(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0)
    director.dismiss("model")
    assert director.next("local", 0.1, scene(), 0.0).reason is Reason.START


def words_wanted(detail, change):
    director = two_lanes(pace=Pace(detail=detail))
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    return director.next("model", 9.0, scene(changed_at=9.0, at=9.0, change=change), 0.0).words


def test_less_is_asked_for_while_the_scene_moves_and_at_a_lower_level_of_detail():
    moving = [words_wanted(detail, Change.CHANGING) for detail in (1, 2, 3, 4, 5)]
    still = [words_wanted(detail, Change.STATIC) for detail in (1, 2, 3, 4, 5)]
    assert sorted(set(moving)) == moving
    assert all(fewer < more for fewer, more in zip(moving, still, strict=True))


def test_a_cue_counts_as_told_when_the_own_sight_must_narrate_after_it():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    seen = scene(news=[NewsKind.APPEARED], at=8.0)
    answer(director, "local", director.next("local", 8.0, seen, 0.0), 8.0, "A person comes in.")
    director.rest("model", inf)
    assert isinstance(director.next("local", 20.0, seen, 0.0), Wait)


def test_after_a_rest_the_model_is_asked_at_once_whoever_speaks():
    director = two_lanes(pace=Pace(min_gap=4.0))
    director.failed(open_run(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0), 0.1)
    director.rest("model", 2.1)
    answer(director, "local", director.next("local", 0.2, scene(), 0.0), 0.2, "A person.")
    assert director.next("model", 2.1, scene(at=2.1), 9.0).reason is Reason.CHANGE


def test_what_matters_and_finds_the_model_waiting_for_its_turn_is_told_within_seconds():
    director = two_lanes(Purse(gap=60.0))
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    seen = scene(news=[NewsKind.APPEARED], at=8.0)
    assert isinstance(director.next("local", 8.0, seen, 3.5), Wait), "the voice is busy while a cue would be fresh"
    assert isinstance(director.next("local", 9.5, seen, 2.0), Wait)
    ask = director.next("local", 11.5, seen, 0.0)
    assert (ask.reason, [news.kind for news in ask.news]) == (Reason.CHANGE, [NewsKind.APPEARED])


def test_more_news_during_a_late_answer_is_told_too():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    first = scene(news=[NewsKind.MOVES_LEFT], at=8.0)
    open_run(director, "model", director.next("model", 8.0, first, 0.0), 8.0)
    director.next("local", 8.0, first, 0.0)
    answer(director, "local", director.next("local", 11.0, first, 0.0), 11.0, "The person moves left.")
    second = scene(news=[NewsKind.MOVES_LEFT, NewsKind.DARKER], at=12.0)
    director.next("local", 12.0, second, 0.0)
    ask = director.next("local", 15.1, second, 0.0)
    assert [news.kind for news in ask.news] == [NewsKind.DARKER]


def test_a_wish_that_a_cut_cancels_is_not_lost():
    director = two_lanes(pace=Pace(overview=False))
    director.tell(Wish.DESCRIBE)
    run = open_run(director, "model", director.next("model", 0.0, scene(0), 0.0), 0.0)
    run.cancel()
    director.answered(run, 0.4)
    assert director.next("model", 0.5, scene(1, settled=False), 0.0).reason is Reason.USER


def test_a_wish_that_the_model_declines_goes_to_the_own_sight_and_not_to_the_model_again():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    director.tell(Wish.DESCRIBE)
    director.failed(open_run(director, "model", director.next("model", 4.0, scene(), 0.0), 4.0), 4.1)
    model = director.next("model", 4.1, scene(), 0.0)
    assert getattr(model, "reason", None) is not Reason.USER
    assert director.next("local", 4.1, scene(), 0.0).reason is Reason.USER


def test_a_wish_while_the_model_cannot_stop_is_answered_by_the_own_sight():
    director = two_lanes()
    open_run(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0)
    answer(director, "local", director.next("local", 3.0, scene(), 0.0), 3.0, "A person.")
    director.tell(Wish.DESCRIBE)
    assert isinstance(director.next("local", 4.0, scene(), 0.0), Wait)
    assert director.next("local", 7.1, scene(), 0.0).reason is Reason.USER


def test_an_answer_that_comes_late_does_not_cut_the_one_that_stood_in_for_it():
    director = two_lanes()
    director.tell(Wish.DESCRIBE)
    run = open_run(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0)
    assert director.next("local", 3.0, scene(), 0.0).priority is Priority.NOW
    assert director.offered(run, "A room.", 4.0) is Priority.NEXT


def test_what_is_held_is_not_sent():
    director = two_lanes()
    ask = director.next("model", 0.0, scene(), 0.0)
    director.tell(Wish.HOLD)
    run = Run(next(_ids), "model", "x", ask.reason, ask.priority, 0.0, 9.0, 0.0, 0.0, 0, ask.scene, 0)
    assert director.opened(run) is False


def test_a_run_learns_what_the_other_lane_told_since_it_began():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    seen = scene(news=[NewsKind.APPEARED], at=8.0)
    run = open_run(director, "model", director.next("model", 8.0, seen, 0.0), 8.0)
    assert director.since(run) == ()
    answer(director, "local", director.next("local", 8.1, seen, 0.0), 8.1, "A person comes in.")
    director.next("local", 8.2, seen, 0.0)
    assert director.since(run) == ("A person comes in.",)


def test_a_lane_that_is_gone_asks_nothing_and_nobody_leads_without_lanes():
    director = two_lanes()
    director.dismiss("model")
    assert isinstance(director.next("model", 0.0, scene(), 0.0), Wait)
    director.dismiss("local")
    assert director.leader(0.0, scene()) == ""


def test_an_old_picture_is_asked_about_by_nobody():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    old = scene(1, news=[NewsKind.APPEARED], at=170.0, changed_at=170.0)
    for lane in ("model", "local"):
        assert director.next(lane, 185.0, scene(at=170.0), 0.0), "still new enough"
        assert isinstance(director.next(lane, 186.0, old, 0.0), Wait)
        assert isinstance(director.next(lane, 400.0, old, 0.0), Wait), "not even for the heartbeat"
    assert director.next("model", 400.0, scene(1, at=399.0, changed_at=399.0), 0.0).reason is Reason.CUT


def test_who_asks_about_an_old_picture_is_told_at_once_how_old_it_is():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    director.tell(Wish.DESCRIBE)
    told = director.next("local", 40.0, scene(), 0.0)
    assert isinstance(told, Notice)
    assert told.text.startswith("The last picture is 40 seconds old.")
    for lane in ("model", "local"):
        assert isinstance(director.next(lane, 40.1, scene(), 0.0), Wait), "once"
        assert isinstance(director.next(lane, 60.0, scene(at=60.0), 0.0), Wait), "the wish was answered"
    director.tell(Wish.DESCRIBE)
    assert director.next("model", 61.0, scene(at=61.0), 0.0).reason is Reason.USER


def test_after_a_pause_the_first_new_picture_is_waited_for_and_its_absence_told():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    director.tell(Wish.HOLD)
    assert isinstance(director.next("model", 100.0, scene(), 0.0), Wait)
    director.tell(Wish.GO_ON)
    director.tell(Wish.DESCRIBE)
    waiting = director.next("model", 100.1, scene(), 0.0)
    assert isinstance(waiting, Wait)
    assert waiting.until == pytest.approx(115.1)
    assert "2 minutes old" in director.next("model", 115.2, scene(), 0.0).text


def declined_start():
    """The model will not describe the first scene."""
    director = two_lanes()
    run = open_run(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0)
    director.failed(run, 0.5, is_final=True)
    return director


def test_a_model_is_not_asked_again_about_a_scene_that_it_declined():
    director = declined_start()
    for now in (0.5, 3.0, 10.0, 60.0):
        assert isinstance(director.next("model", now, scene(at=now), 0.0), Wait)
    assert director.next("model", 61.0, scene(at=61.0, changed_at=60.5), 0.0).reason is Reason.CHANGE
    declined = declined_start()
    assert declined.next("model", 9.0, scene(1, at=9.0), 0.0).reason is Reason.START


def test_the_own_sight_describes_a_scene_that_the_model_declined_once():
    director = declined_start()
    ask = director.next("local", 0.6, scene(), 0.0)
    assert ask.reason is Reason.START
    answer(director, "local", ask, 0.6, "A person.")
    assert isinstance(director.next("local", 0.7, scene(), 0.0), Wait)
    assert isinstance(director.next("model", 10.0, scene(at=10.0), 0.0), Wait)


def test_a_wish_that_the_model_declines_for_good_goes_to_the_own_sight():
    director = two_lanes()
    answer(director, "model", director.next("model", 0.0, scene(), 0.0), 0.0, "A room.")
    director.tell(Wish.DESCRIBE)
    run = open_run(director, "model", director.next("model", 4.0, scene(), 0.0), 4.0)
    director.failed(run, 4.1, is_final=True)
    assert isinstance(director.next("model", 4.2, scene(), 0.0), Wait)
    assert director.next("local", 4.2, scene(), 0.0).reason is Reason.USER
    assert isinstance(director.next("model", 14.0, scene(at=14.0), 0.0), Wait)
