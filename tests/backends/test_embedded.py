"""The built-in describer answers from the scene and its news alone."""

import threading
from itertools import count

import pytest

from narrator import registry
from narrator.language import prompts
from narrator.messages import Ask, Box, News, NewsKind, Priority, Prompt, Reason, Run, Scene, Track
from narrator.seams import Context

_ids = count(1)
PERSON = Track(1, "person", 0.8, Box(0.1, 0.3, 0.2, 0.7), entered_from="left")
HERE = Scene(1, 0.0, 0.0, 0, tracks=(PERSON,), news=(News(1, 0.0, NewsKind.APPEARED, PERSON),))
EMPTY = Scene(1, 0.0, 0.0, 0)


@pytest.fixture
def embedded():
    backend = registry.create_backend("embedded", Context({"speech.language": "en"}))
    backend.open()
    yield backend
    backend.close()


def prompt(reason: Reason, scene: Scene = HERE, said: tuple[str, ...] = ()) -> Prompt:
    return prompts.build(Ask(reason, scene, said=said), (), prompts.Manner())


def run(asked: Prompt) -> Run:
    return Run(next(_ids), "local", "embedded", asked.reason, Priority.NORMAL, 0.0, 9.0, 0.0, 0.0, 0, asked.scene, 0)


def answer(backend, asked: Prompt) -> str:
    return "".join(delta.text for delta in backend.describe(asked, run(asked)))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.START, "A person on the left. "),
        (Reason.CUT, "Now a person on the left. "),
        (Reason.CHANGE, "A person comes in from the left. "),
        (Reason.USER, "A person on the left. "),
    ],
)
def test_answers_what_it_is_asked_for(embedded, reason, words):
    assert answer(embedded, prompt(reason)) == words


def test_is_silent_when_nothing_is_new(embedded):
    assert answer(embedded, prompt(Reason.CHANGE, EMPTY)) == ""
    assert answer(embedded, prompt(Reason.HEARTBEAT, EMPTY)) == ""


def test_always_answers_the_user(embedded):
    assert answer(embedded, prompt(Reason.USER, EMPTY)) == "Nothing is recognised. "
    said = ("A person on the left.",)
    assert answer(embedded, prompt(Reason.USER, HERE, said)) == "Nothing changed. A person on the left. "


def test_gives_each_sentence_as_soon_as_it_is_made(embedded):
    far = Track(2, "dog", 0.8, Box(0.7, 0.3, 0.9, 0.7))
    dark = Scene(1, 0.0, 0.0, 0, tracks=(PERSON, far), brightness=0.05)
    asked = prompt(Reason.START, dark)
    deltas = [delta.text for delta in embedded.describe(asked, run(asked))]
    assert deltas == ["A person on the left, a dog on the right. ", "It is dark. "]


def test_tells_what_happens_again_however_long_the_same_was_not_heard(embedded):
    said: tuple[str, ...] = ()
    for _ in range(9):
        words = answer(embedded, prompt(Reason.CHANGE, HERE, said)).strip()
        assert words
        assert words not in said[-3:]
        said = (*said, words)


def test_keeps_nothing_between_calls(embedded):
    asked = prompt(Reason.CHANGE)
    assert {answer(embedded, asked) for _ in range(3)} == {"A person comes in from the left. "}


def test_many_threads_may_ask_at_once(embedded):
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(answer(embedded, prompt(Reason.START)))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == ["A person on the left. "] * 8


def test_sends_no_picture_anywhere_and_costs_nothing(embedded):
    capabilities = embedded.open()
    assert capabilities.max_images == 0
    assert not capabilities.needs_network
    assert not capabilities.pictures_leave_device
    assert embedded.token_cost(1280, 720, "high") == 0


def test_speaks_english_where_it_lacks_the_language():
    backend = registry.create_backend("embedded", Context({"speech.language": "tlh"}))
    backend.open()
    assert answer(backend, prompt(Reason.START)) == "A person on the left. "
