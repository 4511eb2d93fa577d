"""Gemini from open to close: cancelling, models that come and go, tokens that differ, Vertex AI, and nothing left."""

import json
import logging
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import date

import pytest
from fakes.gemini_service import GeminiService
from fakes.gemini_talk import KEY, Talk, picture, prompt, run
from fakes.waiting import eventually

from narrator.backends import gemini
from narrator.backends._gemini_models import catalogue
from narrator.errors import BackendError, BackendRefused
from narrator.mailbox import Closed
from narrator.messages import Delta, Turn, Usage
from narrator.seams import BackendSpec
from narrator.settings import Settings


def ask_in_thread(talk, run_, parts):
    """The thread that asks and collects the parts, and where it notes when the answer ended."""
    over = []

    def ask():
        parts.extend(talk.ask(run_=run_))
        over.append(time.monotonic())

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, over


class TestCancel:
    @pytest.mark.parametrize("words", [0, 3], ids=["before the first word", "in the middle"])
    def test_ends_the_answer_at_once_and_the_service_knows(self, talk, gemini_service, words):
        talk.open()
        talk.text()
        waits = {"first_token": 30.0} if not words else {"first_token": 0.0, "rate": 5.0, "tokens": 100}
        gemini_service.set(**waits)
        delays = []
        for _ in range(5):
            run_, parts, before = run(), [], len(gemini_service.asked)
            thread, over = ask_in_thread(talk, run_, parts)
            assert gemini_service.wait_for(lambda asked, n=before: len(asked) > n)
            assert eventually(lambda p=parts: len(p) >= words)
            thrown = time.monotonic()
            run_.cancel()
            thread.join(5)
            delays.append(over[0] - thrown)
            assert all(isinstance(part, Delta) for part in parts[:-1])
            assert [part.estimated for part in parts if isinstance(part, Usage)] == [True] * bool(words)
            assert gemini_service.wait_for(lambda asked: asked[-1].aborted_at is not None, 2)
            assert gemini_service.last.aborted_at - thrown < 0.1
        assert sorted(delays)[2] < 0.005  # the median: the machine has other work
        gemini_service.set(first_token=0.0, rate=1000.0, tokens=12)
        assert talk.text()

    def test_leaves_the_tokens_that_were_told_until_then(self, talk, gemini_service):
        gemini_service.set(thoughts=300, rate=50.0, tokens=1000)
        talk.open()
        run_ = run()
        answer = talk.ask(run_=run_)
        next(answer)
        next(answer)
        run_.cancel()
        *_, usage = answer
        assert usage.estimated
        assert usage.tokens_in == gemini_service.last.usage["promptTokenCount"]
        assert 300 < usage.tokens_out < 1300

    def test_before_it_begins_sends_nothing(self, talk, gemini_service):
        talk.open()
        run_ = run()
        run_.cancel()
        assert list(talk.ask(run_=run_)) == []
        assert gemini_service.asked == []

    def test_an_answer_that_is_given_up_is_ended_with_the_service(self, talk, gemini_service):
        gemini_service.set(rate=5.0, tokens=100)
        talk.open()
        answer = talk.ask()
        next(answer)
        answer.close()
        assert gemini_service.wait_for(lambda asked: asked[-1].aborted_at is not None, 2)


def test_words_come_as_they_are_made(talk, gemini_service):
    gemini_service.set(rate=10.0, tokens=20)
    talk.open()
    answer = talk.ask()
    began = time.monotonic()
    next(answer)
    assert time.monotonic() - began < 1
    answer.close()


class TestOpening:
    def test_tells_what_it_can_do(self, talk):
        able = talk.open()
        assert (able.max_images, able.full_side, able.heartbeat, able.min_gap) == (3000, 768, 180.0, 6.0)
        assert able.details == ("low", "medium", "high")
        assert able.per_image_detail
        assert able.prices == catalogue().model("gemini-3.5-flash-lite").prices_on(date.today())
        assert able.pictures_leave_device
        assert able.needs_network
        assert not able.prefix_cache
        assert talk.backend.token_cost(1920, 1080, "low") == 280

    def test_of_an_old_model_wants_larger_pictures_of_one_detail(self, talk):
        able = talk.open("gemini-2.0-flash")
        assert (able.full_side, able.details, able.per_image_detail) == (1920, ("",), False)
        assert talk.backend.token_cost(400, 225, "") == 516

    @pytest.mark.parametrize(
        ("finest", "model", "details"),
        [
            ("low", "", ("low",)),
            ("ultra_high", "", ("low", "medium", "high", "ultra_high")),
            ("ultra_high", "gemini-2.5-flash-lite", ("low", "medium", "high")),
            ("medium", "gemini-2.5-flash-lite", ("low", "medium")),
        ],
    )
    def test_offers_no_finer_detail_than_wished(self, talk, finest, model, details):
        assert talk.set(media_resolution=finest).open(model).details == details

    def test_warms_up_and_sends_no_picture(self, talk, gemini_service):
        talk.open()
        assert {call.method for call in gemini_service.calls} == {"countTokens", "models"}
        assert not any(part.kind == "image" for call in gemini_service.calls for part in call.parts)

    def test_again_without_closing_asks_nothing(self, talk, gemini_service):
        talk.open()
        calls = len(gemini_service.calls)
        talk.backend.open()
        assert len(gemini_service.calls) == calls

    @pytest.mark.parametrize("fault", ["500", "429", "garbage", "reset-before"])
    def test_bears_a_service_that_fails(self, talk, gemini_service, fault):
        gemini_service.fail(fault, times=2, on="count")
        gemini_service.fail(fault, times=2, on="models")
        assert talk.open().max_images
        gemini_service.mend()
        assert talk.text()

    def test_waits_no_longer_than_three_seconds(self, talk, gemini_service):
        gemini_service.fail("hang", times=-1, on="all", seconds=20)
        began = time.monotonic()
        talk.open()
        assert time.monotonic() - began < 4.5


class SlowKey:
    """A key store that answers when it is told to."""

    def __init__(self):
        self.asked, self.answers = threading.Event(), threading.Event()

    def __call__(self, _):
        self.asked.set()
        assert self.answers.wait(10)
        return KEY


class TestWhileItOpens:
    @pytest.fixture
    def opening(self, talk):
        """A backend that waits for its key, and what becomes of it once the key comes."""
        key, ends = SlowKey(), []
        talk.backend = gemini.create("", replace(talk.context, key=key))

        def open_it():
            try:
                ends.append(talk.backend.open())
            except (Closed, BackendError) as error:
                ends.append(error)

        def finish():
            key.answers.set()
            thread.join(10)
            return ends[0]

        thread = threading.Thread(target=open_it)
        thread.start()
        assert key.asked.wait(10)
        yield finish
        finish()

    def test_closed_it_sends_nothing(self, talk, gemini_service, opening):
        talk.backend.close()
        assert isinstance(opening(), Closed)
        assert gemini_service.calls == []
        assert talk.backend.open().max_images
        assert talk.text()

    def test_and_the_network_is_closed_it_begins_no_thread(self, talk, gemini_service, opening):
        talk.network.close()
        assert isinstance(opening(), Closed)
        assert gemini_service.calls == []
        assert "network" not in [thread.name for thread in threading.enumerate()]

    @pytest.mark.parametrize("by", ["setting", "environment"])
    def test_another_address_gets_nothing(self, talk, gemini_service, opening, monkeypatch, by):
        with GeminiService() as other:
            if by == "setting":
                talk.set(base_url=other.url)
            else:
                monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", other.url)
                talk.set(base_url="")
            assert opening().max_images
            assert talk.text()
            assert other.calls == []
        assert gemini_service.asked

    def test_vertex_does_not_take_the_place(self, talk, gemini_service, opening):
        talk.set(vertex=True, project="mine", location="eu", api_version="v1")
        assert opening().max_images
        assert {call.path.split("/")[1] for call in gemini_service.calls} == {"v1beta"}


def test_it_opens_not_at_all_when_the_network_was_switched_off(talk):
    talk.set(base_url="https://gemini.invalid")
    talk.backend = gemini.create("", talk.context)
    talk.options["network.offline"] = True
    with pytest.raises(BackendRefused, match="switched off"):
        talk.backend.open()


def test_an_open_one_asks_nothing_when_the_network_was_switched_off(talk):
    talk.set(base_url="https://gemini.invalid").open()
    talk.options["network.offline"] = True
    with pytest.raises(BackendRefused, match="switched off"):
        talk.text()


class TestModel:
    def test_of_the_argument_counts_before_the_setting(self, talk, gemini_service):
        talk.set(model="gemini-3.5-flash").open("gemini-3.8-flash")
        talk.text()
        assert gemini_service.last.model == "gemini-3.8-flash"

    def test_may_be_named_as_the_service_names_it(self, talk, gemini_service):
        talk.set(model="models/gemini-3.5-flash").open()
        talk.text()
        assert gemini_service.last.model == "gemini-3.5-flash"
        assert talk.notices == []

    def test_that_is_gone_is_replaced_by_the_one_that_the_catalogue_names(self, talk, gemini_service):
        talk.open("gemini-2.5-pro")
        talk.text()
        assert gemini_service.last.model == "gemini-3.8-flash"
        assert "gemini-2.5-pro does not exist any more; Gemini 3.8 Flash answers" in talk.told

    def test_that_is_mistyped_is_replaced_by_one_that_works(self, talk, gemini_service):
        talk.open("gemini-three")
        talk.text()
        assert gemini_service.last.model == "gemini-3.5-flash-lite"
        assert "gemini-three" in talk.told

    def test_that_the_service_will_not_count_for_is_replaced_without_a_list(self, talk, gemini_service):
        gemini_service.fail("500", on="models")
        talk.open("gemini-3.3-secret")
        assert "gemini-3.3-secret" in talk.told
        talk.text()
        assert gemini_service.last.model == "gemini-3.5-flash-lite"

    def test_that_is_new_is_used_with_a_warning(self, talk, gemini_service):
        gemini_service.set(models=["gemini-7-flash", "gemini-3.5-flash-lite"])
        able = talk.open("gemini-7-flash")
        assert "gemini-7-flash is not known to this version" in talk.told
        assert able.prices.tokens_out == 20  # the dearest
        assert talk.text()
        assert gemini_service.last.model == "gemini-7-flash"

    def test_that_only_talks_live_is_no_narrator(self, talk, gemini_service):
        gemini_service.set(models=["gemini-3.8-live", "gemini-3.8-flash"])
        talk.open("gemini-3.8-live")
        talk.text()
        assert gemini_service.last.model == "gemini-3.8-flash"

    def test_another_that_answered_is_told_once(self, talk, gemini_service):
        gemini_service.set(model_version="gemini-3.8-flash")
        talk.open()
        for _ in range(3):
            talk.text()
        assert [notice.text for notice in talk.notices] == ["Not gemini-3.5-flash-lite but gemini-3.8-flash answered."]

    def test_a_numbered_version_is_no_other(self, talk, gemini_service):
        gemini_service.set(model_version="gemini-3.5-flash-lite-002")
        talk.open()
        talk.text()
        assert talk.notices == []


class TestTokens:
    QUESTION = prompt("Before:", picture("low"), "Now:", picture("medium"))

    def reckoned(self, talk):
        return sum(talk.backend.token_cost(600, 400, level) for level in ("low", "medium"))

    @pytest.mark.parametrize("scale", [0.25, 0.9, 1.3, 2.0])
    def test_the_estimate_puts_itself_right(self, talk, gemini_service, caplog, scale):
        gemini_service.set(token_scale=scale)
        talk.open()
        assert self.reckoned(talk) == 840
        talk.text(self.QUESTION)
        assert self.reckoned(talk) == pytest.approx(gemini_service.last.tokens("image"), abs=1)
        talk.text(self.QUESTION)
        told = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(told) == 1
        assert "840" in told[0].getMessage()

    @pytest.mark.parametrize("model", ["gemini-3.5-flash-lite", "gemini-2.5-flash-lite", "gemini-2.0-flash"])
    @pytest.mark.parametrize("scale", [0.97, 1.0, 1.04])
    def test_small_differences_are_let_be(self, talk, gemini_service, caplog, model, scale):
        gemini_service.set(token_scale=scale)
        talk.open(model)
        before = talk.backend.token_cost(600, 400, "medium")
        talk.text(prompt(picture("medium"), picture("medium")))
        assert talk.backend.token_cost(600, 400, "medium") == before
        assert caplog.text == ""

    def test_pictures_of_earlier_turns_count(self, talk, gemini_service, caplog):
        talk.open()
        talk.text(prompt("And?", turns=(Turn("user", (picture("low"), "?")), Turn("model", ("A cup.",)))))
        assert caplog.text == ""


class TestVertex:
    @pytest.fixture
    def credentials(self, gemini_service, tmp_path, monkeypatch):
        """A service account whose tokens come from the fake service."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        account = {
            "type": "service_account",
            "project_id": "theirs",
            "private_key": rsa.generate_private_key(65537, 2048).private_bytes(*form).decode(),
            "client_email": "narrator@example.org",
            "token_uri": f"{gemini_service.url}/token",
        }
        path = tmp_path / "account.json"
        path.write_text(json.dumps(account))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))

    def test_a_project_is_asked_with_the_machine_s_login(self, talk, gemini_service, credentials):
        talk.key = ""
        talk.set(vertex=True, project="mine", location="europe-west4")
        assert talk.text()
        path = "/v1beta1/projects/mine/locations/europe-west4/publishers/google/models/gemini-3.5-flash-lite"
        assert gemini_service.last.path.startswith(f"{path}:streamGenerateContent")
        assert gemini_service.last.headers["authorization"].startswith("Bearer ")
        assert "x-goog-api-key" not in gemini_service.last.headers

    def test_a_key_alone_is_express_mode(self, talk, gemini_service):
        assert talk.set(vertex=True).text()
        assert gemini_service.last.path.startswith("/v1beta1/publishers/google/models/gemini-3.5-flash-lite:")
        assert gemini_service.last.headers["x-goog-api-key"] == talk.key

    def test_the_login_needs_the_network_wherever_the_service_is(self, talk, gemini_service, credentials):
        talk.options["network.offline"] = True
        with pytest.raises(BackendRefused, match="switched off") as caught:
            talk.set(vertex=True, project="mine").open()
        assert "logs in with Google" in caught.value.remedy
        assert gemini_service.calls == []

    def test_a_region_cannot_name_another_host(self, talk):
        talk.set(vertex=True, location="other.example/?", base_url="")
        with pytest.raises(BackendRefused, match="The region in gemini"):
            talk.open()

    def test_a_key_does_not_go_along_with_a_project(self, talk, gemini_service, credentials):
        assert talk.set(vertex=True, project="mine").text()
        assert "x-goog-api-key" not in gemini_service.last.headers

    def test_neither_is_told(self, talk):
        talk.key = ""
        with pytest.raises(BackendError, match="project or a key") as caught:
            talk.set(vertex=True).open()
        assert "gemini.project" in caught.value.remedy

    def test_without_a_login_it_says_how_to_log_in(self, talk, tmp_path, monkeypatch):
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
        talk.key = ""
        with pytest.raises(BackendError, match="logged in") as caught:
            talk.set(vertex=True, project="mine").open()
        assert "gcloud auth" in caught.value.remedy


class TestCheck:
    def test_says_that_it_works(self, talk, gemini_service):
        assert gemini.check(talk.context) == "Gemini accepts the key, and Gemini 3.5 Flash-Lite answers."
        assert gemini_service.asked == []  # counting tokens costs nothing

    @pytest.mark.parametrize(
        ("fault", "sentence"), [("400-key", "does not accept"), ("404", "does not exist"), ("503", "overloaded")]
    )
    def test_says_why_not(self, talk, gemini_service, fault, sentence):
        gemini_service.fail(fault, on="count")
        with pytest.raises(BackendError, match=sentence):
            gemini.check(talk.context)

    def test_without_a_key(self, talk):
        talk.key = ""
        with pytest.raises(BackendError, match="No key"):
            gemini.check(talk.context)


class TestDestination:
    @pytest.mark.parametrize(
        ("settings", "host"),
        [
            ({}, "generativelanguage.googleapis.com"),
            ({"base_url": "https://user:secret@proxy.example:8443/gemini"}, "proxy.example"),
            ({"base_url": "http://127.0.0.1:8080"}, "127.0.0.1"),
            ({"base_url": "http://[::1]:8080"}, "::1"),
            ({"base_url": "http://localhost:1"}, "localhost"),
            ({"vertex": True}, "aiplatform.googleapis.com"),
            ({"vertex": True, "location": "europe-west4"}, "europe-west4-aiplatform.googleapis.com"),
            ({"vertex": True, "location": "eu"}, "aiplatform.eu.rep.googleapis.com"),
        ],
    )
    def test_is_the_host_that_pictures_go_to(self, settings, host, monkeypatch):
        for variable in ("GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL"):
            monkeypatch.delenv(variable, raising=False)
        options = dict(Settings.defaults().values) | {f"gemini.{name}": value for name, value in settings.items()}
        assert gemini.destination(options) == host

    def test_is_what_the_environment_says(self, monkeypatch, gemini_service):
        options = dict(Settings.defaults().values)
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "https://gateway.example/x")
        assert gemini.destination(options) == "gateway.example"

    def test_this_machine_is_never_reached_by_way_of_a_proxy(self, monkeypatch, talk):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        assert talk.text()

    def test_the_environment_s_address_is_the_one_that_is_asked(self, monkeypatch, gemini_service, talk):
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", gemini_service.url)
        assert talk.set(base_url="").text()


def test_an_error_in_the_stream_leaves_nothing_to_close(gemini_service, caplog):
    talk = Talk(gemini_service.url)
    talk.open()
    for _ in range(3):
        gemini_service.fail("error-in-stream")
        with pytest.raises(BackendError, match="overloaded"):
            talk.text()
    talk.close()
    assert "asynchronous generator" not in caplog.text


def test_closing_leaves_no_thread_and_no_connection(gemini_service):
    before = set(threading.enumerate())
    talk = Talk(gemini_service.url)
    talk.text()
    talk.close()
    talk.close()
    serving = {thread for thread in threading.enumerate() if thread.name.startswith(("Thread", "gemini"))}
    assert set(threading.enumerate()) - before - serving == set()


def test_it_opens_again_after_it_was_closed(talk, gemini_service):
    for _ in range(2):
        talk.open()
        assert talk.text()


def test_its_spec_is_read_without_the_library():
    assert isinstance(gemini.SPEC, BackendSpec)
    assert gemini.SPEC.is_remote
    code = (
        "import sys; from narrator import registry; registry.specs('backends'); "
        "print([n for n in ('google.genai', 'asyncio', 'httpx2', 'ssl') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
