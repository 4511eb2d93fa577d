"""What is shown and spoken of a model's answer, and what it took."""

import pytest

from narrator.errors import AnswerCut, BackendBusy
from narrator.language.answer import Answer
from narrator.messages import Citation, Delta, Priority, Prompt, Reason, Run, Scene, Usage

SCENE = Scene(0, 0.0, 0.0, 0)


def run():
    return Run(1, "model", "x", Reason.CHANGE, Priority.NORMAL, 0.0, 9.0, 0.0, 0.0, 0, SCENE, 0)


def answer_of(*parts, said=(), reason=Reason.CHANGE, by_model=True, cancel_after=None):
    """The answer, what was shown and what was spoken of it; an exception among the parts is raised."""
    own = run()
    answer = Answer(own, Prompt("Tell what is new.", (), 96, SCENE, said=said, reason=reason), by_model=by_model)

    def describe():
        for place, part in enumerate(parts):
            if place == cancel_after:
                own.cancel()
            if isinstance(part, Exception):
                raise part
            yield Delta(own, part) if isinstance(part, str) else part

    pieces = list(answer.read(describe()))
    shown = "".join(piece.text for piece in pieces if isinstance(piece, Delta))
    return answer, shown, [piece for piece in pieces if isinstance(piece, str)]


def test_clauses_are_spoken_as_they_become_whole():
    answer, shown, spoken = answer_of("A man in a red coat ", "comes in. He sits", " down.")
    assert " ".join(shown.split()) == "A man in a red coat comes in. He sits down."
    assert spoken == ["A man in a red coat comes in.", "He sits down."]
    assert (answer.text, answer.is_whole) == ("A man in a red coat comes in. He sits down.", True)


def test_nothing_new_is_neither_shown_nor_spoken():
    answer, shown, spoken = answer_of("NOTHING", "_NEW")
    assert (answer.text, shown, spoken) == ("", "", [])
    assert answer.is_whole


def test_what_was_just_said_is_not_spoken_again_unless_the_user_asks():
    said = ("A man in a red coat comes in.",)
    assert answer_of("A man in a red coat comes in.", said=said)[2] == []
    assert answer_of("A man in a red coat comes in.", said=said, reason=Reason.USER)[2] != []


def test_the_embedded_describer_is_taken_at_its_word():
    assert answer_of("A person comes in. ", said=("A person comes in.",), by_model=False)[2] == ["A person comes in."]


def test_of_an_answer_that_breaks_off_only_whole_clauses_are_spoken():
    answer, _, spoken = answer_of("A man comes in. He is about to", AnswerCut("It broke off."))
    assert spoken == ["A man comes in."]
    assert (answer.text, answer.is_whole) == ("A man comes in.", False)
    assert answer.broke_off is not None


def test_of_an_answer_that_is_cancelled_nothing_more_is_spoken():
    answer, _, spoken = answer_of("A man comes in. ", "He sits", " down. ", cancel_after=2)
    assert spoken == ["A man comes in."]
    assert not answer.is_whole


def test_another_failure_is_passed_on():
    with pytest.raises(BackendBusy):
        answer_of("A man", BackendBusy("Overloaded."))


class CutAtLength(AnswerCut):
    at_length = True


@pytest.mark.parametrize(
    ("text", "error", "is_enough"),
    [
        ("A man comes in. He is", CutAtLength("It is long."), True),
        ("A man comes", CutAtLength("It is long."), False),
        ("A man comes in. He is", AnswerCut("It broke off."), False),
    ],
)
def test_an_answer_that_was_cut_at_its_length_is_enough_with_one_whole_clause(text, error, is_enough):
    answer, *_ = answer_of(text, error)
    assert (answer.is_enough, answer.is_whole) == (is_enough, False)


@pytest.mark.parametrize("error", [BackendBusy("Overloaded."), ValueError("A fault of ours.")])
def test_an_answer_that_any_error_ended_is_not_whole(error):
    own = run()
    answer = Answer(own, Prompt("Tell what is new.", (), 96, SCENE), by_model=True)

    def describe():
        yield Delta(own, "A man comes in. He sits ")
        raise error

    with pytest.raises(type(error)):
        list(answer.read(describe()))
    assert (answer.text, answer.is_whole) == ("A man comes in.", False)


def test_the_last_report_of_tokens_counts():
    own = run()
    answer, _, _ = answer_of(
        "Hello.", Usage(own, 10, 1), Citation(own, "A page", "https://example.org"), Usage(own, 10, 7)
    )
    assert answer.usage(99).tokens_out == 7


def test_an_answer_without_a_report_is_estimated_as_billed():
    answer, _, _ = answer_of("A man comes in and sits down by the window.", cancel_after=1)
    usage = answer.usage(1500)
    assert (usage.tokens_in, usage.estimated) == (1500, True)
    assert 8 <= usage.tokens_out <= 12


def test_what_another_describer_told_meanwhile_is_not_said_again():
    own = run()
    told = []
    prompt = Prompt("Tell what is new.", (), 96, SCENE)
    answer = Answer(own, prompt, lambda _: told, by_model=True)

    def describe():
        yield Delta(own, "The room is bright. ")
        told.append("A horse comes in from the right.")
        yield Delta(own, "A horse comes in from the right. It is black.")

    spoken = [piece for piece in answer.read(describe()) if isinstance(piece, str)]
    assert spoken == ["The room is bright.", "It is black."]
