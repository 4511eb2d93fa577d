"""One suite over every backend: it opens, describes, ends when it is cancelled, and closes."""

import threading
import time
from contextlib import suppress
from itertools import count

import pytest
from fakes.gemini_service import GeminiService
from fakes.openai_service import OpenAIService
from fakes.waiting import eventually

from narrator import registry
from narrator.errors import AnswerCut
from narrator.language import prompts
from narrator.messages import Ask, Box, Delta, Priority, Reason, Run, Scene, TextLine, Track, Usage
from narrator.seams import Context
from narrator.settings import Settings

_ids = count(1)
SCENE = Scene(
    revision=1,
    frame_at=0.0,
    media_t=0.0,
    epoch=0,
    tracks=(Track(1, "person", 0.8, Box(0.1, 0.3, 0.2, 0.7)), Track(2, "dog", 0.8, Box(0.7, 0.5, 0.9, 0.7))),
    text=(TextLine("NO PARKING", 0.9, Box(0.4, 0.1, 0.6, 0.2)),),
    brightness=0.05,
)


@pytest.fixture
def gemini_service():
    """As slow as a script with pauses: an answer can be cancelled in its middle."""
    with GeminiService(rate=20.0, tokens=10) as service:
        yield service


@pytest.fixture
def openai_service():
    with OpenAIService(rate=20.0, answer="one two three four five six seven eight nine ten") as service:
        yield service


@pytest.fixture
def arguments(tmp_path, endless, tiny_vlms, torchvision_imports):
    """What each backend is created with, beyond its id; one that is missing here needs an entry."""
    script = tmp_path / "script.toml"
    script.write_text('word_gap = 0.05\n[[line]]\ntext = "one two three four five six seven eight nine ten"\n')
    plain = {id_: id_ for id_ in ("embedded", "gemini", "server")}
    torch = f"torch:{tiny_vlms / 'llava'}"
    return plain | {"gguf": f"gguf:{endless.text}", "scripted": f"scripted:{script}", "torch": torch}


@pytest.fixture(params=sorted(registry.specs("backends")))
def backend(request, arguments, gemini_service, openai_service):
    addresses = {"gemini.base_url": gemini_service.url, "server.url": openai_service.url}
    options = dict(Settings.defaults().values) | addresses
    context = Context(options, key=lambda _: "a key")
    backend = registry.create_backend(arguments[request.param], context)
    yield backend
    backend.close()
    context.network.close()


@pytest.fixture
def asked():
    return prompts.build(Ask(Reason.START, SCENE), (), prompts.Manner())


@pytest.fixture
def run(asked):
    now = time.monotonic()
    return Run(next(_ids), "local", "any", asked.reason, Priority.NORMAL, now, now + 20, 0.0, 0.0, 0, SCENE, 0)


def test_describes_in_deltas_of_its_run(backend, asked, run):
    backend.open()
    parts = []
    with suppress(AnswerCut):  # one that never ends is cut at the most words that it may have
        for part in backend.describe(asked, run):
            parts.append(part)  # noqa: PERF402 - what came before the cut counts
    assert all(isinstance(part, Delta | Usage) and part.run is run for part in parts)
    assert "".join(part.text for part in parts if isinstance(part, Delta)).strip()


def test_says_what_it_can_do_before_it_is_asked(backend):
    capabilities = backend.open()
    assert capabilities.cancels in ("socket", "token", "process", "no")
    assert capabilities.max_images >= 0
    assert not (capabilities.pictures_leave_device and capabilities.max_images == 0)
    assert backend.token_cost(1280, 720, "") >= 0


def test_says_nothing_more_once_its_run_is_cancelled(backend, asked, run):
    backend.open()
    answer = backend.describe(asked, run)
    assert isinstance(next(answer), Delta)
    run.cancel()
    assert all(isinstance(part, Usage) and part.estimated for part in answer)


def test_a_run_that_was_cancelled_before_says_nothing(backend, asked, run):
    backend.open()
    run.cancel()
    assert list(backend.describe(asked, run)) == []


def test_wakes_when_another_thread_cancels(backend, asked, run):
    backend.open()
    begun = threading.Event()
    ended = threading.Event()

    def describe() -> None:
        for _ in backend.describe(asked, run):
            begun.set()
        ended.set()

    thread = threading.Thread(target=describe)
    thread.start()
    assert begun.wait(10)
    thrown = time.monotonic()
    run.cancel()
    assert eventually(ended.is_set, within=2)
    assert time.monotonic() - thrown < 0.5
    thread.join(2)


def test_an_answer_may_be_given_up(backend, asked, run):
    backend.open()
    answer = backend.describe(asked, run)
    next(answer)
    answer.close()
    assert threading.active_count() < 20


def test_closes_twice_and_opens_again(backend, asked, run):
    for _ in range(2):
        backend.open()
        assert next(iter(backend.describe(asked, run)))
        backend.close()
        backend.close()


def test_closes_though_it_never_opened(backend):
    began = time.monotonic()
    backend.close()
    assert time.monotonic() - began < 2
