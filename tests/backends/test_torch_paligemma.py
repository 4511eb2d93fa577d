"""PaliGemma: what it is asked in which language, and what its answers are in words."""

import pytest

from narrator.backends import _paligemma as paligemma
from narrator.backends._torch_speech import Parsed, Sentence, Words


def box(left, right, label, top=0, bottom=1023):
    return f"<loc{top:04}><loc{left:04}><loc{bottom:04}><loc{right:04}> {label}"


@pytest.mark.parametrize(
    ("task", "code", "words", "asked"),
    [
        ("cap", "en", "", "cap en"),
        ("caption", "de-DE", "", "caption de"),
        ("describe", "pt_BR", "", "describe pt"),
        ("caption", "he", "", "caption iw"),
        ("caption", "nb-NO", "", "caption no"),
        ("caption", "tlh", "", "caption en"),
        ("caption", "", "", "caption en"),
        ("ocr", "fr", "", "ocr"),
        ("answer", "es", "what is on the table?", "answer es what is on the table?"),
        ("question", "en", "a red cup", "question en a red cup"),
        ("detect", "en", "cat;dog ; ", "detect cat ; dog"),
    ],
)
def test_each_task_is_asked_in_its_own_words(task, code, words, asked):
    assert paligemma.asked(task, code, words) == asked


def test_every_task_has_words():
    assert all(paligemma.asked(task, "en", "cup") for task in paligemma.TASKS)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            " ; ".join([box(800, 1023, "cup"), box(0, 200, "cup"), box(450, 550, "cup")]),
            "3 cups: left, centre, right.",
        ),
        (box(0, 100, "dog"), "1 dog: left."),
        (" ; ".join([box(0, 90, "person"), box(0, 300, "person")]), "2 people: left, left."),
        (" ; ".join([box(700, 1000, "cat"), box(400, 600, "wine glass")]), "1 cat: right. 1 wine glass: centre."),
        (" ; ".join(box(place, place + 90, "bus") for place in (0, 50, 100, 900)), "4 buses: 3 left, 1 right."),
        (" ; ".join([box(0, 90, "traffic light"), box(0, 90, "traffic light")]), "2 traffic lights: left, left."),
        (" ; ".join([box(0, 90, "berry"), box(0, 90, "berry")]), "2 berries: left, left."),
        ("<loc0000><loc0000><loc1023><loc1024> whole", "1 whole: centre."),
        (f"{box(0, 100, 'cup')} <seg001><seg102> ; <loc0001><loc00", "1 cup: left."),
    ],
)
def test_boxes_become_counts_and_places(answer, said):
    assert paligemma.told("detect", answer, "en") == said


@pytest.mark.parametrize("answer", ["", "<loc0001>", box(5, 5, "cup"), box(9, 3, "cup"), box(0, 99, " "), "no cup"])
def test_what_is_no_box_is_not_there(answer):
    assert paligemma.told("detect", answer, "en", "cup ; dog") == "No cup or dog."
    assert paligemma.told("detect", answer, "en") == ""


def test_places_are_told_in_the_users_language():
    assert paligemma.told("detect", box(0, 100, "Tasse"), "de") == "1 Tasse: links."
    assert paligemma.told("ocr", "AUSFAHRT\nFREI", "de-AT") == "Text lautet: AUSFAHRT FREI"


@pytest.mark.parametrize(
    ("code", "said"),
    [("de", "2 Hund: links, rechts."), ("fr", "2 Hund: left, right."), ("tlh", "2 Hunds: left, right.")],
)
def test_only_english_nouns_get_an_english_plural(code, said):
    answer = f"{box(0, 100, 'Hund')} ; {box(900, 1000, 'Hund')}"
    assert paligemma.told("detect", answer, code) == said


def test_letters_that_were_read_are_told_as_text():
    assert paligemma.told("ocr", "exit\n", "en") == "Text reads: exit"
    assert paligemma.told("ocr", " ", "en") == ""


def test_marks_of_the_model_are_never_said():
    assert paligemma.told("answer", "a <loc0001>cup <seg012>", "en") == "a cup"


def test_a_caption_becomes_a_sentence():
    speech = Sentence()
    assert [speech.feed(piece) for piece in (" ", "a man", " walks")] == ["", "A man", " walks"]
    assert speech.rest(is_whole=True) == "."
    assert speech.rest(is_whole=False) == ""
    assert Sentence().rest(is_whole=True) == ""


def test_boxes_before_a_cut_are_told_and_that_there_are_none_is_not():
    speech = Parsed("detect", "en", "cup")
    assert speech.feed(box(0, 100, "cup")) == ""
    assert speech.rest(is_whole=False) == "1 cup: left."
    assert Parsed("detect", "en", "cup").rest(is_whole=False) == ""
    assert Parsed("detect", "en", "cup").rest(is_whole=True) == "No cup."


def test_what_a_chatting_model_thinks_is_not_said():
    speech = Words()
    said = [speech.feed(piece) for piece in ("<thi", "nk>hm</think>", "A cup.")]
    assert "".join(said) + speech.rest(is_whole=True) == "A cup."
