"""Several describers in one session: a fast one speaks first, a strong one adds, each goes on without the other."""

import threading

import pytest
from fakes.gemini_service import GeminiService
from fakes.openai_service import OpenAIService
from fakes.waiting import eventually

from narrator.describers import Describers, tiers
from narrator.errors import UsageError
from narrator.messages import Audio, AudioEvent, Caption, Notice
from narrator.privacy.consent import Consents
from narrator.session import Session
from narrator.settings import Settings

FAST = "A grey dog runs over the lawn."
STRONG = "Behind it three people sit on a bench and laugh."
LONG = 30


@pytest.fixture
def gemini():
    with GeminiService(answer=STRONG, first_token=1.5) as running:
        yield running


@pytest.fixture
def server():
    with OpenAIService(answer=FAST, first_token=0.1) as running:
        yield running


@pytest.fixture
def consents(tmp_path):
    return Consents(tmp_path / "consents.toml", always=True)


@pytest.fixture
def narrating(tmp_path, monkeypatch, gemini, server, consents):
    monkeypatch.setenv("GEMINI_API_KEY", "test-key-of-nobody")
    monkeypatch.setenv("SCENE_NARRATOR_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("SCENE_NARRATOR_LOG", str(tmp_path / "log"))
    own = {
        "loop": True,
        "sight.text": False,
        "sight.objects": False,
        "spending.pace": 1000.0,
        "gemini.base_url": gemini.url,
        "server.url": server.url,
        "tiers": "server",
    }
    before = set(threading.enumerate())
    session = Session(
        Settings.defaults().with_values(own), source="demo", backend="gemini", voice="silent", consents=consents
    )
    events = session.subscribe()
    session.start()
    seen = []

    def captions(lane=""):
        seen.extend(events.drain())
        return [event.text for event in seen if isinstance(event, Caption) and lane in ("", event.run.lane)]

    captions.session, captions.seen = session, seen
    yield captions
    session.close()
    assert eventually(lambda: not set(threading.enumerate()) - before), set(threading.enumerate()) - before


def test_the_fast_one_speaks_first_and_the_strong_one_adds(narrating):
    assert eventually(lambda: {FAST, STRONG} <= set(narrating()), LONG)
    told = narrating()
    assert told.index(FAST) < told.index(STRONG)

    def heard():
        narrating()
        ended = (event for event in narrating.seen if isinstance(event, Audio) and event.event is AudioEvent.END)
        return " ".join(event.utterance.text for event in ended if event.utterance.run)

    assert eventually(lambda: FAST in heard() and STRONG in heard(), LONG), "both were heard to their end"
    assert narrating.session.state().narrating == "gemini"


def test_the_fast_one_goes_on_when_the_strong_one_fails(narrating, gemini):
    gemini.fail("503", times=1000)
    assert eventually(lambda: narrating("server"), LONG)
    assert eventually(lambda: narrating.session.state().narrating == "server", LONG)
    assert not narrating("gemini")


def test_another_describer_takes_over_with_all_that_was_seen(narrating, server, gemini):
    assert eventually(lambda: narrating("gemini"), LONG)
    count = len(server.asked)
    narrating.session.apply({"backend": "server", "tiers": ""})
    assert eventually(lambda: len(server.asked) > count, LONG)
    assert len(server.asked[-1].pictures) > 1, "the memory is still there"
    assert narrating.session.backend == "server"


@pytest.mark.parametrize(
    ("named", "flaw"),
    [("gemini,server,gguf", "tiers names 3 describers"), ("gemmini", "gemmini")],
)
def test_tiers_that_cannot_be_are_told_of(named, flaw):
    with pytest.raises(UsageError) as caught:
        tiers(named)
    assert flaw in caught.value.sentence
    assert caught.value.remedy


def test_one_without_consent_is_asked_for_and_left_out_meanwhile(tmp_path, server):
    consents = Consents(tmp_path / "none.toml")
    values = Settings.defaults().with_values({"tiers": "gemini", "server.url": server.url}).values
    choice = Describers(consents, lambda _: "key").choose("server", values)
    assert (choice.backend, choice.ahead) == ("server", ())
    assert choice.page
    assert choice.page.backend == "gemini"


def test_a_tier_narrates_when_the_chosen_one_may_not(tmp_path, server):
    consents = Consents(tmp_path / "none.toml")
    values = Settings.defaults().with_values({"tiers": "server", "server.url": server.url}).values
    choice = Describers(consents, lambda _: "key").choose("gemini", values)
    assert (choice.backend, choice.ahead, choice.wanted) == ("server", (), "gemini")


def test_whoever_chose_the_built_in_one_gets_no_other(tmp_path, server):
    values = Settings.defaults().with_values({"tiers": "gemini", "server.url": server.url}).values
    choice = Describers(Consents(tmp_path / "any.toml", always=True), lambda _: "key").choose("embedded", values)
    assert (choice.backend, choice.ahead, choice.page) == ("embedded", (), None)


def test_two_models_of_one_kind_are_two_tiers(narrating, server):
    server.models = [{"id": name, "object": "model", "owned_by": "vllm"} for name in ("a", "b")]
    server.answer = lambda call: {"a": FAST, "b": STRONG}[call.body["model"]]
    narrating.session.apply({"backend": "server:b", "tiers": "server:a"})
    count = len(server.asked)

    def asked():
        return {call.body["model"] for call in server.asked[count:]}

    assert eventually(lambda: asked() >= {"a", "b"}, LONG), asked()
    assert eventually(lambda: narrating("server") and narrating("server-2"), LONG)


def test_auto_takes_what_is_ready_and_tells(tmp_path, server):
    describers = Describers(Consents(tmp_path / "none.toml"), lambda _: "")
    defaults = Settings.defaults()
    assert describers.choose("auto", defaults.values).backend == "embedded"
    choice = describers.choose("auto", defaults.with_values({"server.url": server.url}).values)
    assert choice.backend == "server"
    assert isinstance(choice.notice, Notice)
    assert "describes" in choice.notice.text
