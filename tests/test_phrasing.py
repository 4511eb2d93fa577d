"""Deltas to clauses: one row a trap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrator.language.phrasing import Clauses, speakable

WHOLE = [
    ("A car passes. A dog runs.", ["A car passes.", "A dog runs."]),
    ("It is 3.5 m high. Yes.", ["It is 3.5 m high.", "Yes."]),
    ("It costs $3.50 today.", ["It costs $3.50 today."]),
    ("Dr. Smith waves.", ["Dr. Smith waves."]),
    ("No. 5 is red. No. He left.", ["No. 5 is red.", "No.", "He left."]),
    ("St. Mary St. is empty.", ["St. Mary St. is empty."]),
    ("At 10 a.m. today it rains.", ["At 10 a.m. today it rains."]),
    ("It is 10 a.m. People come.", ["It is 10 a.m.", "People come."]),
    ("Fruit, e.g. apples, lies there.", ["Fruit, e.g. apples, lies there."]),
    ("He waits... then goes.", ["He waits... then goes."]),
    ('A sign says "Stop." A man stops.', ['A sign says "Stop."', "A man stops."]),
    ("What is that? A cat!", ["What is that?", "A cat!"]),
    ("猫がいる。犬もいる。", ["猫がいる。", "犬もいる。"]),
    ("J. Doe walks.", ["J. Doe walks."]),
    ("**Two** people. `x` _y_", ["Two people.", "x y"]),
    ("- A dog\n- A cat", ["A dog A cat"]),
    ("See [the page](http://a.b/c) now. http://x.y", ["See the page now."]),
    ("A smile \U0001f600 here.", ["A smile here."]),
    ("It is 20 °C. Warm.", ["It is 20 °C.", "Warm."]),
    ("", []),
    ("  \n ", []),
]


@pytest.mark.parametrize(("text", "clauses"), WHOLE)
def test_a_whole_answer(text, clauses):
    spoken = Clauses()
    assert spoken.feed(text) + spoken.flush() == clauses


@pytest.mark.parametrize(("text", "clauses"), [row for row in WHOLE if "," not in row[0]])
def test_letter_by_letter_gives_the_same(text, clauses):
    spoken = Clauses()
    pieces = [clause for letter in text for clause in spoken.feed(letter)]
    assert pieces + spoken.flush() == clauses


def test_a_clause_goes_out_before_the_answer_ends():
    spoken = Clauses()
    assert spoken.feed("A car passes. And") == ["A car passes."]


def test_the_first_clause_may_end_at_a_comma_after_four_words():
    spoken = Clauses()
    assert spoken.feed("Well, on the left side, two people") == ["Well, on the left side,"]
    assert spoken.feed(" are standing there, talking") == []
    assert spoken.flush() == ["two people are standing there, talking"]


@pytest.mark.parametrize("step", [1, 2, 1000])
@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("A cat.END A dog.", ["A cat."]),
        ("A cat. A dog.\n\nA horse.", ["A cat.", "A dog."]),
        ("A cat END", ["A cat"]),
        ("A cat. EN route.", ["A cat.", "EN route."]),
        ("A cat. EN", ["A cat.", "EN"]),
        ("END", []),
        ("A dog. ENEND A cat.", ["A dog.", "EN"]),
    ],
)
def test_at_a_stop_sequence_the_answer_ends(text, clauses, step):
    spoken = Clauses(["END", "\n\n", ""])
    pieces = [clause for at in range(0, len(text), step) for clause in spoken.feed(text[at : at + step])]
    assert pieces + spoken.flush() == clauses
    assert spoken.stopped == ("END" in text or "\n\n" in text)


@given(st.text(alphabet="EN D.,ab\n", max_size=40), st.integers(1, 5))
def test_a_stop_sequence_is_never_spoken(text, step):
    spoken = Clauses(["END"])
    pieces = [clause for at in range(0, len(text), step) for clause in spoken.feed(text[at : at + step])]
    assert not any("END" in clause for clause in pieces + spoken.flush())


def test_a_start_that_may_be_a_repeat_waits_for_its_sentence():
    spoken = Clauses(waits=lambda start: start.startswith("On the left"))
    assert spoken.feed("On the left side, two people") == []
    assert spoken.feed(" stand. A") == ["On the left side, two people stand."]


@given(st.text(alphabet="ab ,.!?\n", max_size=60))
def test_what_is_given_out_before_the_end_is_whole(text):
    spoken = Clauses()
    for place, clause in enumerate(spoken.feed(text)):
        assert clause[-1] in ".!?" or (place == 0 and clause[-1] == ",")


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ('"A cat sits. A dog runs."', ["A cat sits.", "A dog runs."]),
        ("“A cat sits. A dog runs.”", ["A cat sits.", "A dog runs."]),
        ('"A cat sits."', ["A cat sits."]),
        ('"Stop" and "Go" are written there.', ['"Stop" and "Go" are written there.']),
        ('A sign says "Stop".', ['A sign says "Stop".']),
        ("Da steht „Halt“.", ["Da steht „Halt“."]),
        ('A pipe of 12" lies there.', ['A pipe of 12" lies there.']),
    ],
)
def test_quotation_marks_around_an_answer_are_not_spoken(text, clauses):
    spoken = Clauses()
    assert spoken.feed(text) + spoken.flush() == clauses


@given(st.text())
def test_what_is_spoken_has_no_control_signs_or_double_space(text):
    spoken = speakable(text)
    assert spoken == " ".join(spoken.split())
    assert not any(ord(letter) < 32 for letter in spoken)


@given(st.lists(st.text(alphabet="ab .,!?\n", max_size=8)))
def test_nothing_is_lost_or_made_up(deltas):
    spoken = Clauses()
    clauses = [clause for delta in deltas for clause in spoken.feed(delta)] + spoken.flush()
    letters = [letter for letter in "".join(deltas) if letter in "ab"]
    assert [letter for letter in "".join(clauses) if letter in "ab"] == letters
