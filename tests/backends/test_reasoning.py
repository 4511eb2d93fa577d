"""What a model only thinks is not said, however its answer is cut into pieces."""

import pytest

from narrator.backends._reasoning import Reasoning


def said(pieces, *, is_begun=False):
    reasoning = Reasoning(is_begun=is_begun)
    return "".join([*map(reasoning.feed, pieces), reasoning.flush()])


ANSWERS = [
    ("A red cup.", "A red cup."),
    ("<think>Is it red?</think>\n\nA red cup.", "A red cup."),
    ("<THINK>Is it red?</Think> A red cup.", "A red cup."),
    ("<thinking>a < b</thinking>A red cup.", "A red cup."),
    ("[THINK]hm[/THINK]A red cup.", "A red cup."),
    ("<|channel>thought\nhm<channel|>A red cup.", "A red cup."),
    ("<|channel|>analysis<|message|>hm<|channel|>final<|message|>A red cup.", "A red cup."),
    ("A cup. <think>Red?</think> It is red.", "A cup. It is red."),
    ("<think></think>A red cup.", "A red cup."),
    ("<think>one</think><think>two</think>A red cup.", "A red cup."),
    ("<think>it goes on and on", ""),
    ("A red cup.</think>", "A red cup."),
    ("3 < 5 and <b>bold</b>", "3 < 5 and <b>bold</b>"),
    ("A cup <thi", "A cup <thi"),
    ("", ""),
]


@pytest.mark.parametrize(("answer", "words"), ANSWERS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_thoughts_are_left_out(answer, words, size):
    assert said([answer[place : place + size] for place in range(0, len(answer), size)]) == words


def test_a_thought_that_the_prompt_began_ends_with_its_mark():
    assert said(["Is it", " red?</th", "ink>\n\nA red cup."], is_begun=True) == "A red cup."


def test_words_come_as_soon_as_they_cannot_be_a_mark():
    reasoning = Reasoning()
    assert reasoning.feed("A red") == "A red"
    assert reasoning.feed(" cup <") == " cup "
    assert reasoning.feed("b") == "<b"
