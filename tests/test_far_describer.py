"""A describer far away, beside the program's own sight, in whole sessions: the real SDK, a service of our own."""

import threading
import time

import pytest
from fakes.gemini_service import GeminiService
from fakes.scenery import DATA
from fakes.waiting import eventually

from narrator.errors import NarratorError, UsageError
from narrator.messages import Audio, AudioEvent, Caption, Level, Notice, Reason, Request, State, Usage
from narrator.privacy.consent import Consents
from narrator.session import Session
from narrator.settings import Settings

KEY, ANOTHER = "test-key-of-nobody", "another-key-of-nobody"
LONG = 30


class Listener:
    """Collects what a session publishes, with the time at which it was read."""

    def __init__(self, session):
        self._events = session.subscribe()
        self.seen = []

    def of(self, kind):
        now = time.monotonic()
        self.seen += [(now, event) for event in self._events.drain()]
        return [event for _, event in self.seen if isinstance(event, kind)]

    def captions(self, lane):
        return [caption for caption in self.of(Caption) if caption.run.lane == lane]

    def texts(self):
        return [notice.text for notice in self.of(Notice)]


@pytest.fixture
def service():
    with GeminiService() as running:
        yield running


@pytest.fixture
def narrating(tmp_path, monkeypatch, service):
    """Start a session on the demo; threads must be gone at the end."""
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    monkeypatch.setenv("SCENE_NARRATOR_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("SCENE_NARRATOR_LOG", str(tmp_path / "log"))
    made = []

    def start(*, agreed=True, source="demo", backend="gemini", **settings):
        own = {
            "loop": True,
            "sight.text": False,
            "narration.min_gap": 1.0,
            "gemini.min_gap": 1.0,
            "spending.pace": 1000.0,
            "gemini.base_url": service.url,
        }
        values = Settings.defaults().with_values({**own, **{k.replace("__", "."): v for k, v in settings.items()}})
        consents = Consents(tmp_path / "consents.toml", always=agreed)
        made.append(Session(values, source=source, backend=backend, voice="silent", consents=consents))
        listener = Listener(made[-1])
        made[-1].start()
        return made[-1], listener

    before = set(threading.enumerate())
    yield start
    for session in made:
        session.close()
    assert eventually(lambda: not set(threading.enumerate()) - before), set(threading.enumerate()) - before


def test_the_model_is_shown_a_memory_and_its_words_are_heard(narrating, service):
    _, listener = narrating()
    assert eventually(lambda: len(service.asked) >= 4, LONG)
    assert eventually(lambda: [a for a in listener.of(Audio) if a.event is AudioEvent.END and a.utterance.run], LONG)
    assert listener.captions("gemini")
    assert len(service.last.pictures) > 1
    usage = listener.of(Usage)[0]
    assert usage.cost > 0
    assert not usage.estimated
    assert eventually(lambda: any(state.meter.requests for state in listener.of(State)))


def test_what_is_estimated_is_what_the_service_counts(narrating, service):
    _, listener = narrating()
    assert eventually(lambda: len(listener.of(Usage)) >= 4, LONG)
    asked = {request.run.id: request.tokens_estimated for request in listener.of(Request)}
    for usage in listener.of(Usage):
        assert asked[usage.run.id] == pytest.approx(usage.tokens_in, rel=0.05)


def test_nothing_is_sent_before_the_user_agreed(narrating, service):
    session, listener = narrating(agreed=False)
    assert eventually(lambda: listener.captions("local"), LONG)
    assert session.consent_page is not None
    assert service.calls == []
    session.answer_consent(yes=True)
    assert session.consent_page is None
    assert eventually(lambda: listener.captions("gemini"), LONG)
    assert len(service.asked[0].pictures) > 1, "what was seen before is not lost"


def test_who_does_not_agree_is_narrated_to_all_the_same(narrating, service):
    session, listener = narrating(agreed=False)
    session.answer_consent(yes=False)
    assert eventually(lambda: len(listener.captions("local")) >= 2, LONG)
    assert (session.backend, service.calls) == ("embedded", [])


def test_without_the_network_nothing_is_sent(narrating, service):
    service.stop()
    session, listener = narrating(network__offline=True, gemini__base_url="https://gemini.example")
    assert eventually(lambda: listener.captions("local"), LONG)
    assert session.backend == "embedded"
    assert "Gemini needs the network, which is switched off. The built-in describer narrates." in listener.texts()


def test_a_stream_is_refused_without_the_network(narrating):
    with pytest.raises(UsageError, match="network is switched off"):
        narrating(source="rtsp://192.0.2.1/door", network__offline=True)


def test_a_service_that_was_killed_is_told_of_once_and_comes_back_by_itself(narrating, service):
    _, listener = narrating()
    assert eventually(lambda: listener.captions("gemini"), LONG)
    service.stop()
    assert eventually(lambda: any("No connection to Gemini" in text for text in listener.texts()), LONG)
    told = len(listener.captions("local"))
    assert eventually(lambda: len(listener.captions("local")) > told, LONG), "the own sight narrates"
    asked = len(service.asked)
    service.start()
    assert eventually(lambda: len(service.asked) > asked, LONG)
    assert eventually(lambda: "Gemini is back." in listener.texts(), LONG)
    service.stop()
    assert sum("No connection" in text for text in listener.texts()) == 1


def test_too_many_requests_wait_as_long_as_they_are_told_and_go_on_with_a_new_picture(narrating, service):
    _, listener = narrating()
    assert eventually(lambda: len(service.asked) >= 2, LONG)
    service.fail("429", retry=2.0)
    assert service.wait_for(lambda asked: any(call.status == 429 for call in asked), LONG)
    refused = next(call for call in service.asked if call.status == 429)
    assert service.wait_for(lambda asked: asked[-1].arrived_at > refused.arrived_at, LONG)
    again = next(call for call in service.asked if call.arrived_at > refused.arrived_at)
    assert 2.0 <= again.arrived_at - refused.arrived_at <= 3.5
    assert again.pictures[-1].data != refused.pictures[-1].data
    assert sum("Too many requests" in text for text in listener.texts()) == 1


def test_a_key_that_is_not_accepted_leaves_the_narration_to_the_own_sight(narrating, service):
    service.fail("400-key", times=-1, on="all")
    _, listener = narrating()
    assert eventually(lambda: any("does not accept the key" in text for text in listener.texts()), LONG)
    assert eventually(lambda: listener.captions("local"), LONG)
    assert [n.level for n in listener.of(Notice) if "does not accept the key" in n.text] == [Level.ERROR]
    assert all(KEY not in str(event) for _, event in listener.seen)


def test_an_answer_that_does_not_come_is_told_by_the_own_sight_meanwhile(narrating, service):
    service.set(first_token=LONG)
    _, listener = narrating(gemini__first_word_within=20.0)
    assert eventually(lambda: service.asked, LONG)
    asked_at = time.monotonic()
    assert eventually(lambda: listener.captions("local"), LONG)
    assert time.monotonic() - asked_at < 8


def test_nothing_new_is_never_spoken(narrating, service):
    service.set(answer="NOTHING_NEW")
    _, listener = narrating(narration__cues=False)
    assert eventually(lambda: len(service.asked) >= 3, LONG)
    assert not listener.captions("gemini")
    assert not any("NOTHING" in str(event) for _, event in listener.seen)


def test_who_asks_hears_an_answer_even_if_there_is_nothing_new(narrating, service):
    service.set(answer="NOTHING_NEW")
    session, listener = narrating()
    assert eventually(lambda: service.asked, LONG)
    session.describe()
    assert eventually(lambda: "Gemini has nothing to add." in listener.texts(), LONG)


def test_the_describer_is_changed_while_it_runs_and_the_memory_is_kept(narrating, service):
    session, listener = narrating(backend="embedded")
    assert eventually(lambda: listener.captions("local"), LONG)
    session.apply({"backend": "gemini"})
    assert eventually(lambda: service.asked, LONG)
    assert len(service.asked[0].pictures) > 1
    session.apply({"backend": "embedded"})
    asked = len(service.asked)
    told = len(listener.captions("local"))
    assert eventually(lambda: len(listener.captions("local")) > told, LONG)
    assert len(service.asked) == asked


def test_hush_ends_the_answer_and_narration_goes_on(narrating, service):
    service.set(rate=4.0, tokens=40)
    session, listener = narrating()
    assert eventually(lambda: service.asked, LONG)
    asked = len(service.asked)
    session.hush()
    assert service.wait_for(lambda calls: len(calls) > asked, LONG)
    estimated = [usage for usage in listener.of(Usage) if usage.estimated]
    assert all(usage.cost > 0 for usage in estimated), "what was cancelled counts as billed"


def test_the_user_s_key_is_always_first(narrating, service):
    service.set(first_token=6.0)
    session, listener = narrating()
    assert eventually(lambda: service.asked, LONG)
    pressed = time.monotonic()
    session.describe()
    assert eventually(lambda: [r for r in listener.of(Request) if r.run.reason is Reason.USER], LONG)
    assert time.monotonic() - pressed < 1.0
    assert eventually(lambda: [c for c in listener.captions("local") if c.run.reason is Reason.USER], LONG)
    assert time.monotonic() - pressed < 5.0, "the own sight stands in"


def test_a_key_that_was_mended_is_used_at_once(narrating, service):
    service.fail("400-key", times=-1, on="all")
    session, listener = narrating()
    assert eventually(lambda: any("does not accept the key" in text for text in listener.texts()), LONG)
    service.mend()
    assert "accepts the key" in session.check_key("gemini")
    assert service.wait_for(lambda asked: any(call.status == 200 for call in asked), LONG)


def keys_of(calls):
    return [call.headers["x-goog-api-key"] for call in calls]


def test_a_key_that_takes_the_place_of_one_in_use_is_in_the_next_request(narrating, service, monkeypatch):
    session, _ = narrating()
    assert eventually(lambda: len(service.asked) >= 2, LONG)
    monkeypatch.setenv("GEMINI_API_KEY", ANOTHER)
    session.renew_key("gemini")
    changed = len(service.asked)
    assert eventually(lambda: len(service.asked) >= changed + 3, LONG)
    assert keys_of(service.asked[:changed]) == [KEY] * changed
    assert keys_of(service.asked[changed + 1 :]) == [ANOTHER] * len(service.asked[changed + 1 :])


def test_a_key_that_was_refused_meanwhile_is_replaced_by_the_one_that_is_tested(narrating, service, monkeypatch):
    service.set(key=KEY)
    session, listener = narrating()
    assert eventually(lambda: len(service.asked) >= 2, LONG)
    service.set(key=ANOTHER)
    assert eventually(lambda: any("does not accept the key" in text for text in listener.texts()), LONG)
    with pytest.raises(NarratorError, match="does not accept"):
        session.check_key("gemini")
    monkeypatch.setenv("GEMINI_API_KEY", ANOTHER)
    session.check_key("gemini")
    assert service.wait_for(lambda asked: asked[-1].status == 200 and keys_of(asked[-1:]) == [ANOTHER], LONG)
    assert eventually(lambda: "Gemini is back." in listener.texts(), LONG)


def test_with_its_key_deleted_nothing_more_is_sent(narrating, service, monkeypatch):
    session, listener = narrating()
    assert eventually(lambda: len(service.asked) >= 2, LONG)
    monkeypatch.delenv("GEMINI_API_KEY")
    session.renew_key("gemini")
    assert eventually(lambda: any("No key for Gemini was found." in text for text in listener.texts()), LONG)
    asked, told = len(service.asked), len(listener.captions("local"))
    assert eventually(lambda: len(listener.captions("local")) > told + 1, LONG), "the own sight narrates"
    assert len(service.asked) == asked


def test_a_told_wait_is_kept_also_after_a_key_was_tested(narrating, service):
    session, _ = narrating()
    assert eventually(lambda: len(service.asked) >= 2, LONG)
    session.check_key("gemini")
    asked = len(service.asked)
    assert eventually(lambda: len(service.asked) >= asked + 2, LONG)
    service.fail("429", retry=3.0)
    assert service.wait_for(lambda asked: any(call.status == 429 for call in asked), LONG)
    refused = next(call for call in service.asked if call.status == 429)
    assert service.wait_for(lambda asked: asked[-1].arrived_at > refused.arrived_at, LONG)
    again = next(call for call in service.asked if call.arrived_at > refused.arrived_at)
    assert again.arrived_at - refused.arrived_at >= 3.0


@pytest.mark.parametrize("fault", ["prompt-block", "400"])
def test_a_picture_that_stays_and_is_declined_is_asked_about_once(narrating, service, fault):
    service.fail(fault, times=-1)
    session, listener = narrating(source=str(DATA / "coffee.jpg"))
    assert eventually(lambda: listener.captions("local"), LONG), "the own sight tells what is there"
    session.describe()
    assert eventually(lambda: [c for c in listener.captions("local") if c.run.reason is Reason.USER], LONG)
    assert len(service.asked) == 2, "for the picture and for the user's wish"
    billed = [usage.tokens_in > 0 for usage in listener.of(Usage)]
    assert billed == [fault == "prompt-block"] * 2


@pytest.mark.parametrize("fault", ["stall", "error-in-stream", "safety", "garbage"])
def test_an_answer_that_does_not_come_to_its_end_has_no_whole_caption(narrating, service, fault):
    service.set(rate=20.0, answer="A woman opens the door. Two children run along the river and a dog sleeps.")
    service.fail(fault, after=8)
    _, listener = narrating(gemini__answer_within=2.0)
    assert eventually(lambda: listener.captions("gemini"), LONG)
    broken = listener.captions("gemini")[0]
    assert (broken.text, broken.complete) == ("A woman opens the door.", False)


def test_who_always_says_too_much_is_heard_and_never_rests(narrating, service):
    service.set(answer=lambda asked: f"Line {asked.number} is told. And then there is so much more to say of it.")
    service.fail("max-tokens", times=-1, after=8)
    _, listener = narrating()
    assert eventually(lambda: len(listener.captions("gemini")) >= 6, LONG)
    assert {caption.complete for caption in listener.captions("gemini")} == {False}
    assert not [notice for notice in listener.of(Notice) if notice.level is not Level.INFO]


def test_words_that_were_spoken_before_a_failure_have_a_caption(narrating, service):
    service.set(rate=20.0, answer="A woman opens the door. Two children run along the river and a dog sleeps.")
    _, listener = narrating()
    service.fail("reset", times=1, after=8)
    assert eventually(lambda: any(not caption.complete for caption in listener.captions("gemini")), LONG)
    broken = next(caption for caption in listener.captions("gemini") if not caption.complete)
    assert broken.text == "A woman opens the door."


def test_a_request_that_was_refused_costs_nothing(narrating, service):
    service.fail("503", times=-1)
    session, listener = narrating()
    assert eventually(lambda: len([call for call in service.asked if call.status == 503]) >= 2, LONG)
    assert session.state().meter.cost == 0.0
    assert all(usage.cost == 0.0 for usage in listener.of(Usage))


def test_changing_the_describer_does_not_hold_up_the_front_end(narrating, service):
    service.set(first_token=6.0)
    session, _ = narrating()
    assert eventually(lambda: service.asked, LONG)
    began = time.monotonic()
    session.apply({"backend": "embedded"})
    assert time.monotonic() - began < 0.3


def test_the_models_that_the_service_has_are_offered(narrating, service):
    service.set(models=["gemini-3.5-flash-lite", "gemini-9-new"])
    session, _ = narrating()
    assert eventually(lambda: service.asked, LONG)
    assert [value for value, _ in session.offers("gemini", "gemini.model")] == [
        "",
        "gemini-3.5-flash-lite",
        "gemini-9-new",
    ]
