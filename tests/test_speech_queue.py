"""What is spoken next and what is not worth it any more: tables with a hand-moved clock."""

import pytest
from fakes.words import run, utterance

from narrator.messages import AudioEvent, Priority
from narrator.speech_queue import SpeakingPace, SpeechQueue

NORMAL, NEXT, NOW = Priority.NORMAL, Priority.NEXT, Priority.NOW


@pytest.fixture
def untrue():
    """The runs that no longer hold."""
    return []


@pytest.fixture
def queue(untrue):
    return SpeechQueue(lambda utterance: utterance.run not in untrue, max_wait=2.5, max_frame_age=8.0)


def give(queue, *utterances):
    """Offer them in order; the texts of what was displaced."""
    return [fate.utterance.text for one in utterances for fate in queue.offer(one)[1]]


def spoken(queue, now=0.0):
    """The texts of all that would be spoken, in order, if each took no time."""
    texts = []
    while (one := queue.next(now)[0]) is not None:
        texts.append(one.text)
        queue.finish()
    return texts


def test_clauses_of_one_run_are_spoken_in_order(queue):
    one = run()
    assert give(queue, *(utterance(text, one) for text in "abc")) == []
    assert spoken(queue) == ["a", "b", "c"]
    assert queue.is_idle


def test_a_newer_run_replaces_the_unspoken_rest_of_an_older_one(queue):
    older, newer = run(), run()
    give(queue, utterance("old 1", older), utterance("old 2", older), utterance("old 3", older))
    assert queue.next(0.0)[0].text == "old 1"
    assert give(queue, utterance("new 1", newer)) == ["old 2", "old 3"]
    assert queue.sounding.text == "old 1"
    queue.finish()
    assert give(queue, utterance("old 4", older, is_first=False)) == ["old 4"]
    give(queue, utterance("new 2", newer, is_first=False))
    assert spoken(queue) == ["new 1", "new 2"]


def test_the_order_is_now_then_next_then_normal_and_within_each_as_offered(queue):
    answer = run(NOW)
    give(queue, utterance("alert 1", None, NEXT))
    give(
        queue, utterance("answer 1", answer, NOW), utterance("alert 2", None, NEXT), utterance("answer 2", answer, NOW)
    )
    give(queue, utterance("narration", run()))
    assert spoken(queue) == ["answer 1", "answer 2", "alert 1", "alert 2", "narration"]


def test_next_cuts_and_displaces_nothing(queue):
    narration = run()
    give(queue, utterance("a", narration), utterance("b", narration))
    queue.next(0.0)
    interrupted, displaced = queue.offer(utterance("alert", None, NEXT))
    assert (interrupted, displaced) == (None, [])
    queue.finish()
    assert spoken(queue) == ["alert", "b"]


def test_now_ends_what_sounds_and_empties_normal(queue):
    narration = run()
    give(queue, utterance("a", narration), utterance("b", narration))
    sounding = queue.next(0.0)[0]
    give(queue, utterance("alert", None, NEXT))
    interrupted, displaced = queue.offer(utterance("answer", run(NOW), NOW))
    assert interrupted is sounding
    assert [fate.utterance.text for fate in displaced] == ["b"]
    queue.finish()
    assert give(queue, utterance("c", narration, is_first=False)) == ["c"]
    assert spoken(queue) == ["answer", "alert"]


def test_the_next_clause_of_an_answer_does_not_cut_its_first(queue):
    answer = run(NOW)
    give(queue, utterance("first", answer, NOW))
    queue.next(0.0)
    assert queue.offer(utterance("second", answer, NOW)) == (None, [])


def test_a_newer_answer_replaces_an_older_one(queue):
    older, newer = run(NOW), run(NOW)
    give(queue, utterance("old 1", older, NOW), utterance("old 2", older, NOW))
    sounding = queue.next(0.0)[0]
    interrupted, displaced = queue.offer(utterance("new", newer, NOW))
    assert interrupted is sounding
    assert [fate.utterance.text for fate in displaced] == ["old 2"]
    queue.finish()
    assert give(queue, utterance("old 3", older, NOW)) == ["old 3"]
    assert spoken(queue) == ["new"]


@pytest.mark.parametrize(
    ("priority", "frame_at", "offered_at", "now", "expected"),
    [
        (NORMAL, 10.0, 10.0, 12.4, ["x"]),
        (NORMAL, 10.0, 10.0, 12.6, []),  # waited too long
        (NORMAL, 3.0, 10.0, 10.9, ["x"]),
        (NORMAL, 2.0, 10.0, 10.1, []),  # an old picture
        (NEXT, 0.0, 0.0, 100.0, ["x"]),
        (NOW, 0.0, 0.0, 100.0, ["x"]),
    ],
)
def test_age(queue, priority, frame_at, offered_at, now, expected):
    give(queue, utterance("x", run(priority, frame_at=frame_at), priority, at=offered_at))
    assert spoken(queue, now) == expected


def test_of_a_slow_model_a_picture_lasts_longer(queue):
    give(queue, utterance("x", run(frame_at=0.0, frame_lasts=15.0), at=14.9))
    assert spoken(queue, 14.9) == ["x"]
    give(queue, utterance("y", run(frame_at=0.0, frame_lasts=15.0), at=15.1))
    assert spoken(queue, 15.1) == []


def test_age_is_judged_at_the_first_clause_only(queue):
    one = run(frame_at=0.0)
    give(queue, utterance("a", one, at=1.0), utterance("b", one, at=1.0, is_first=False))
    assert queue.next(1.0)[0].text == "a"
    queue.finish()
    assert spoken(queue, now=30.0) == ["b"]


def test_a_run_whose_first_clause_is_stale_is_dropped_whole(queue):
    one = run()
    give(queue, utterance("a", one), utterance("b", one, is_first=False))
    utterance_, fates = queue.next(3.0)
    assert utterance_ is None
    assert [(fate.utterance.text, fate.event) for fate in fates] == [
        ("a", AudioEvent.DROPPED),
        ("b", AudioEvent.DROPPED),
    ]
    assert give(queue, utterance("c", one, is_first=False)) == ["c"]


def test_what_is_no_longer_true_is_dropped_with_its_rest(queue, untrue):
    one = run()
    give(queue, utterance("a", one), utterance("b", one), utterance("c", one))
    assert queue.next(0.0)[0].text == "a"
    untrue.append(one)
    queue.finish()
    assert spoken(queue) == []


def test_a_cancelled_run_is_not_begun_whatever_its_priority(queue):
    answer = run(NOW)
    give(queue, utterance("x", answer, NOW))
    answer.cancel()
    assert spoken(queue) == []


def test_retract_leaves_what_sounds_and_drops_what_waits_or_comes(queue):
    one = run()
    give(queue, utterance("a", one), utterance("b", one))
    sounding = queue.next(0.0)[0]
    assert [fate.utterance.text for fate in queue.retract(one)] == ["b"]
    assert queue.sounding is sounding
    assert not sounding.cut
    assert give(queue, utterance("c", one, is_first=False)) == ["c"]


def test_after_a_hush_the_rest_of_the_run_stays_silent_and_the_next_run_is_spoken(queue):
    one, answer = run(), run(NOW)
    give(queue, utterance("answer", answer, NOW), utterance("a", one), utterance("alert", None, NEXT))
    fates = queue.clear(AudioEvent.CUT)
    assert [fate.event for fate in fates] == [AudioEvent.CUT] * 3
    assert queue.offer(utterance("b", one, is_first=False))[1][0].event is AudioEvent.CUT
    assert give(queue, utterance("answer 2", answer, NOW)) == ["answer 2"]
    give(queue, utterance("news", run()))
    assert spoken(queue) == ["news"]


def test_while_held_a_run_is_dropped_for_good_and_what_has_no_run_is_spoken(queue):
    narration, answer = run(), run(NOW)
    queue.is_held = True
    assert give(queue, utterance("a", narration), utterance("answer", answer, NOW)) == ["a", "answer"]
    give(queue, utterance("notice", None, NEXT), utterance("repeat", None, NOW))
    assert spoken(queue) == ["repeat", "notice"]
    queue.is_held = False
    assert give(queue, utterance("b", narration, is_first=False)) == ["b"]
    give(queue, utterance("news", run()))
    assert spoken(queue) == ["news"]


def test_the_pace_is_learned():
    pace = SpeakingPace()
    text = "three people and a white dog are in the middle"
    assert pace.seconds(text, 200) == pytest.approx(2.3, abs=0.2)
    for _ in range(20):
        pace.learn(text, 200, 4.0)
    assert pace.seconds(text, 200) == pytest.approx(4.0, abs=0.1)
    assert pace.seconds(text, 400) == pytest.approx(2.0, abs=0.1)
    pace.learn("no", 200, 900.0)
    assert pace.seconds(text, 200) == pytest.approx(4.0, abs=0.1)
