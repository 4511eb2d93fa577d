"""Every way in which a model server fails: which error of ours, what is said, and when it may be asked again."""

import json
import time

import pytest
from fakes.openai_faults import ENVELOPES, FAULTS, REFUSALS, words_of
from fakes.openai_service import OpenAIService
from fakes.server_talk import ServerTalk, picture, prompt, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from narrator.backends import _server_errors as errors
from narrator.backends._server_address import Address
from narrator.backends._server_stream import Reading
from narrator.backends._server_told import Asked, Refused, told
from narrator.errors import AnswerCut, BackendBusy, BackendError, BackendRefused
from narrator.messages import Delta, Usage

REFUSED, BUSY, NEXT, CUT = BackendRefused, BackendBusy, BackendError, AnswerCut
NAMES = st.sampled_from(
    ["choices", "delta", "message", "content", "text", "usage", "prompt_tokens", "finish_reason", "timings", "cache_n"]
)
HEADERS = ("content-type", "retry-after", "location")
KEY = "sk-a-key-that-nobody-may-see"
ROWS = [
    # fault, our error, what it means, told from, what the sentence says
    ("400", errors.BadRequest, NEXT, 1, "The server refused the request."),
    ("400-key", errors.AuthFailed, REFUSED, 1, "does not accept the key."),
    ("401", errors.AuthFailed, REFUSED, 1, "does not accept the key."),
    ("401-plain", errors.AuthFailed, REFUSED, 1, "does not accept the key."),
    ("403", errors.AuthFailed, REFUSED, 1, "does not accept the key."),
    ("402", errors.NoCredit, REFUSED, 1, "has no credit left."),
    ("404-model", errors.ModelNotFound, REFUSED, 1, "The server has no model tiny-vl."),
    ("404-model-ollama", errors.ModelNotFound, REFUSED, 1, "The server has no model tiny-vl."),
    ("400-model", errors.ModelNotFound, REFUSED, 1, "The server has no model tiny-vl."),
    ("404-path", errors.WrongPath, REFUSED, 1, "answers, but not under the path /v1."),
    ("404-path-llama", errors.WrongPath, REFUSED, 1, "answers, but not under the path /v1."),
    ("404-plain", errors.WrongPath, REFUSED, 1, "answers, but not under the path /v1."),
    ("200-path", errors.WrongPath, REFUSED, 1, "answers, but not under the path /v1."),
    ("400-text-only", errors.CannotSee, REFUSED, 1, "The model tiny-vl reads text only and cannot see."),
    ("500-text-only", errors.CannotSee, REFUSED, 1, "The model tiny-vl reads text only and cannot see."),
    ("400-no-images", errors.CannotSee, REFUSED, 1, "The model tiny-vl reads text only and cannot see."),
    ("400-context", errors.ContextTooLong, NEXT, 3, "The pictures did not fit into the model's context"),
    ("400-context-llama", errors.ContextTooLong, NEXT, 3, "The pictures did not fit into the model's context"),
    ("422-context-tgi", errors.ContextTooLong, NEXT, 3, "The pictures did not fit into the model's context"),
    ("413", errors.TooLarge, NEXT, 1, "The request was too large for the server"),
    ("413-html", errors.TooLarge, NEXT, 1, "The request was too large for the server"),
    ("429", errors.TooMany, BUSY, 1, "Too many requests to the server, waiting a little."),
    ("429-credit", errors.NoCredit, REFUSED, 1, "has no credit left."),
    ("500", errors.Overloaded, BUSY, 3, "is overloaded or failed."),
    ("500-oom", errors.OutOfMemory, NEXT, 1, "The server ran out of memory."),
    ("html", errors.NotAServer, REFUSED, 1, "is not a model server."),
    ("array", errors.BadAnswer, NEXT, 3, "The server's answer could not be read."),
    ("no-json", errors.BadAnswer, NEXT, 3, "The server's answer could not be read."),
    ("redirect", errors.Redirected, REFUSED, 1, "points to another address, and nothing was sent there."),
    ("redirect-far", errors.Redirected, REFUSED, 1, "points to another address, and nothing was sent there."),
    ("drop", errors.Truncated, CUT, 3, "The server's answer broke off."),
    ("cut", errors.Truncated, CUT, 3, "The server's answer broke off."),
    ("empty", errors.Truncated, CUT, 3, "The server's answer broke off."),
    ("garbage", errors.BadAnswer, NEXT, 3, "The server's answer could not be read."),
    ("error-in-stream", errors.Overloaded, BUSY, 3, "is overloaded or failed."),
    ("length", errors.OutOfTokens, CUT, 3, "was cut at the most tokens that it may have."),
    ("filter", errors.Blocked, NEXT, 1, "The server declined to describe this picture."),
    ("endless", errors.Endless, CUT, 3, "The server does not end its answers."),
    ("flood", errors.Endless, CUT, 3, "The server does not end its answers."),
    ("stall", errors.Endless, CUT, 3, "The server does not end its answers."),
    ("endless-line", errors.BadAnswer, NEXT, 3, "The server's answer could not be read."),
]
ELSEWHERE = {
    "reset-before",
    "400-stream-options",
    "400-max-tokens",
    "400-system",
    "500-system",
    "422-thinking",
    "400-images",
    "hang",
}
ASLEEP = {"502-html", "503", "503-loading", "504"}


def failed(talk, asked=None):
    """What a request raised, and what came before."""
    parts = []
    with pytest.raises(BackendError) as caught:
        parts.extend(talk.ask(asked))
    return caught.value, parts


def text_of(parts):
    return "".join(part.text for part in parts if isinstance(part, Delta))


@pytest.fixture
def quick(server_talk):
    """With a key and short deadlines, open, and it has answered once."""
    server_talk.key = KEY
    server_talk.set(first_word_within=0.5, answer_within=0.8).open()
    assert server_talk.text()
    return server_talk


def test_no_fault_was_forgotten():
    assert {row[0] for row in ROWS} | ELSEWHERE | ASLEEP == set(FAULTS)


@pytest.mark.parametrize(("fault", "kind", "meaning", "told_from", "sentence"), ROWS, ids=[row[0] for row in ROWS])
def test_each_failure_has_its_own_error(quick, openai_service, fault, kind, meaning, told_from, sentence):
    before = len(openai_service.asked)
    openai_service.fail(fault)
    began = time.monotonic()
    error, _ = failed(quick, None if fault != "400-no-images" else prompt("Now:", picture()))
    assert type(error) is kind
    assert isinstance(error, meaning)
    assert error.retryable == (meaning is BUSY)
    assert sentence in error.sentence
    assert error.told_from == told_from
    assert error.remedy or kind in (errors.Blocked, errors.Truncated)
    assert KEY not in f"{error.sentence} {error.remedy} {error.detail}"
    assert time.monotonic() - began < 3
    assert len(openai_service.asked) == before + 1  # never sent a second time
    quick.again()
    assert quick.text()  # the client is as good as before


ASKED = Asked(Address.of(ServerTalk("https://api.example.com").options), "tiny-vl", ("tiny-vl",), KEY)


def meaning(code, body):
    return type(told(Refused(code, {"content-type": "application/json"}, json.dumps(body).encode()), ASKED))


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("fault", [name for name in REFUSALS if words_of(name)])
def test_the_same_words_mean_the_same_in_every_envelope(fault, envelope):
    refusal = REFUSALS[fault]
    assert meaning(refusal.code, ENVELOPES[envelope](refusal.code, *words_of(fault))) is meaning(
        refusal.code, refusal.body
    )


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize(
    ("code", "words", "own_code", "kind"),
    [
        (400, "This model's maximum context length is 8192 tokens.", "context_length_exceeded", errors.ContextTooLong),
        (400, "this model is missing data required for image input", None, errors.CannotSee),
        (400, "Model does not support image input", None, errors.CannotSee),
        (400, "image_url is only supported by certain models.", None, errors.CannotSee),
        (400, "'max_tokens' is not supported with this model.", "unsupported_parameter", errors.BadRequest),
        (400, "'temperature' does not support 0.2 with this model.", "unsupported_value", errors.BadRequest),
        (400, "model 'x' does not support thinking", None, errors.BadRequest),
        (400, "The model was loaded again. invalid image data", None, errors.BadRequest),
        (400, "acme/x is not a valid model ID", None, errors.ModelNotFound),
        (404, "The model `x` does not exist or you do not have access to it.", "model_not_found", errors.ModelNotFound),
        (429, "Rate limit reached for model x", "rate_limit_exceeded", errors.TooMany),
        (429, "Model is busy: load balancer has no room", None, errors.TooMany),
        (403, "Your balance is too low", None, errors.NoCredit),
    ],
)
def test_what_servers_say_of_a_model_is_not_taken_for_its_absence(envelope, code, words, own_code, kind):
    assert meaning(code, ENVELOPES[envelope](code, words, own_code)) is kind


@pytest.mark.parametrize("fault", ["drop", "cut", "garbage", "error-in-stream", "stall", "length"])
def test_what_came_before_is_kept(quick, openai_service, fault):
    openai_service.fail(fault, seconds=5)
    _, parts = failed(quick)
    assert text_of(parts).split() == ["one", "two", "three"]


def test_a_connection_that_was_closed_meanwhile_is_opened_again(quick, openai_service):
    openai_service.fail("reset-before")
    assert quick.text()


def test_a_server_that_always_hangs_up_is_none(quick, openai_service):
    openai_service.fail("reset-before", times=2)
    before = len(openai_service.asked)
    error, _ = failed(quick)
    assert type(error) is errors.Unreachable
    assert "No server answers at 127.0.0.1:" in error.sentence
    assert len(openai_service.asked) == before + 2


def test_a_server_that_is_silent_is_slow(quick, openai_service):
    openai_service.fail("hang", seconds=5)
    error, _ = failed(quick)
    assert type(error) is errors.TimedOut
    assert error.told_from == 3
    assert "is slow" in error.sentence


def test_without_a_key_the_user_is_told_that_one_is_wanted(server_talk, openai_service):
    server_talk.open()
    openai_service.key = KEY
    error, _ = failed(server_talk)
    assert type(error) is errors.NoKey
    assert error.remedy == "scene-narrator key set server"


def test_a_model_that_went_away_names_those_that_there_are(server_talk, openai_service):
    openai_service.models = [{"id": "qwen2.5-vl-7b"}, {"id": "llava-1.6"}]
    openai_service.fail("404-model")
    server_talk.open("llava-1.6")
    error, _ = failed(server_talk)
    assert error.sentence == "The server has no model llava-1.6."
    assert error.remedy == "It has llava-1.6, qwen2.5-vl-7b. Choose one in server.model."


@pytest.mark.parametrize("fault", ["redirect", "redirect-far"])
def test_a_redirect_tells_where_to_without_what_is_secret(quick, openai_service, fault):
    openai_service.fail(fault)
    error, _ = failed(quick)
    host = "127.0.0.1" if fault == "redirect" else "elsewhere.example"
    assert f"https://{host}" in error.remedy
    assert "secret" not in error.remedy


class TestRetryAfter:
    @pytest.mark.parametrize(("said", "rest"), [("7", 7.0), ("0", 0.0), ("1e9", 0.0), ("999999", 3600.0), ("-3", 0.0)])
    def test_seconds(self, quick, openai_service, said, rest):
        openai_service.fail("429", retry=said)
        error, _ = failed(quick)
        assert error.rest == rest
        assert ("waiting 7 seconds" in error.sentence) == (rest == 7.0)

    def test_a_date(self, quick, openai_service):
        from email.utils import formatdate

        openai_service.fail("429", retry=formatdate(time.time() + 30, usegmt=True))
        assert 25 < failed(quick)[0].rest <= 30

    def test_of_a_server_without_room(self, quick, openai_service):
        openai_service.fail("503", retry="3")
        error, _ = failed(quick)
        assert type(error) is errors.Overloaded  # it answered a moment ago, so it is not asleep
        assert error.rest == 3.0


class TestTooMuch:
    """The next request is smaller, until it fits."""

    def pictures(self, count):
        return prompt(*[part for _ in range(count) for part in ("A second ago:", picture())])

    @pytest.mark.parametrize("fault", ["413", "400-context", "400-context-llama", "422-context-tgi"])
    def test_half_of_the_pictures_then_a_smaller_one_then_none(self, server_talk, openai_service, fault):
        assert server_talk.open().max_images == 16
        openai_service.fail(fault, times=-1)
        sides = []
        for pictures, most in ((8, 4), (4, 2), (2, 1)):
            error, _ = failed(server_talk, self.pictures(pictures))
            assert error.reopens
            assert server_talk.again().max_images == most
        for side in (384, 256):
            failed(server_talk, self.pictures(1))
            sides.append(server_talk.again().full_side)
            assert sides[-1] == side
        error, _ = failed(server_talk, self.pictures(1))
        assert type(error) is errors.ContextTooSmall

    def test_the_limit_that_a_server_tells(self, server_talk, openai_service):
        server_talk.open()
        openai_service.fail("400-images")
        error, _ = failed(server_talk, self.pictures(5))
        assert type(error) is errors.TooManyPictures
        assert "2 pictures at most" in error.sentence
        assert server_talk.again().max_images == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("At most 1 image(s) may be provided in one request.", "The server takes 1 picture at most; no more"),
        ("At most 3 image(s) may be provided in one request.", "The server takes 3 pictures at most; no more"),
        ("Too many images in one request.", "The server takes fewer pictures; no more"),
    ],
)
def test_a_limit_of_pictures_reads_well(words, sentence):
    refused = Refused(400, {"content-type": "application/json"}, json.dumps({"error": {"message": words}}).encode())
    assert told(refused, ASKED).sentence.startswith(sentence)


class TestAdapting:
    """What a server complains of is left out, and the same picture is sent again."""

    @pytest.mark.parametrize(
        ("fault", "field"),
        [
            ("400-stream-options", "stream_options"),
            ("400-max-tokens", "max_tokens"),
            ("422-thinking", "chat_template_kwargs"),
        ],
    )
    def test_a_field(self, server_talk, openai_service, fault, field):
        server_talk.open()
        openai_service.fail(fault)
        assert server_talk.text()
        first, second = openai_service.asked
        assert field in first.body
        assert field not in second.body
        assert first.pictures == second.pictures
        assert server_talk.text()
        assert field not in openai_service.last.body

    @pytest.mark.parametrize("fault", ["400-system", "500-system"])
    def test_the_system_message(self, server_talk, openai_service, fault):
        server_talk.open()
        openai_service.fail(fault)
        assert server_talk.text()
        assert [message["role"] for message in openai_service.last.body["messages"]] == ["user"]
        assert openai_service.last.texts[0] == "Say what you see."

    def test_not_for_ever(self, server_talk, openai_service):
        server_talk.open()
        openai_service.fail("400-system", times=-1)
        assert type(failed(server_talk)[0]) is errors.BadRequest
        assert len(openai_service.asked) == 2


class TestOpening:
    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            ("401", errors.NoKey),
            ("html", errors.NotAServer),
            ("no-json", errors.NotAServer),
            ("404-path", errors.WrongPath),
            ("redirect", errors.Redirected),
            ("array", errors.NoModel),
        ],
    )
    def test_a_server_that_is_none_is_refused_at_once(self, server_talk, openai_service, fault, kind):
        openai_service.fail(fault, times=-1, on="models")
        with pytest.raises(BackendRefused) as caught:
            server_talk.open()
        assert type(caught.value) is kind
        assert openai_service.asked == []

    def test_nobody_there(self):
        with OpenAIService() as service:
            url = service.url
        talk = ServerTalk(url)
        with pytest.raises(errors.Unreachable) as caught:
            talk.open()
        assert caught.value.sentence == f"No server answers at 127.0.0.1:{service.port}."
        assert "Start it" in caught.value.remedy
        assert caught.value.rest <= 5
        talk.close()

    def test_a_server_without_a_list_does_when_the_model_is_named(self, server_talk, openai_service):
        openai_service.fail("404-path", times=-1, on="models")
        server_talk.open("tiny-vl")
        assert server_talk.text()
        assert openai_service.last.body["model"] == "tiny-vl"

    def test_a_server_that_speaks_no_tls(self, openai_service):
        talk = ServerTalk(openai_service.url.replace("http:", "https:"))
        with pytest.raises(errors.NotSecure) as caught:
            talk.open()
        assert "No secure connection" in caught.value.sentence
        talk.close()

    @pytest.mark.parametrize("extra", ["{", "[1]", "3"])
    def test_extra_fields_that_are_none(self, server_talk, openai_service, extra):
        server_talk.set(extra=extra).open()
        assert type(failed(server_talk)[0]) is errors.BadExtra
        assert openai_service.asked == []


def test_nothing_is_sent_that_is_too_late_for_its_run(server_talk, openai_service):
    server_talk.open()
    with pytest.raises(errors.TimedOut):
        list(server_talk.ask(run_=run(within=-0.1)))
    assert openai_service.asked == []


Anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


SLOW_AT_FIRST = settings(suppress_health_check=[HealthCheck.too_slow])
"""The first draw of a text anywhere makes a table of all letters, which a fresh checkout does not have yet."""


@SLOW_AT_FIRST
@given(st.lists(st.dictionaries(NAMES, Anything, max_size=6), max_size=4))
def test_events_of_any_shape_do_no_harm(events):
    reading = Reading(run(), prompt(), 100)
    told = [delta for event in events for delta in reading.take(event)]
    told += reading.rest()
    assert all(isinstance(part, Delta | Usage) for part in told)
    "".join(part.text for part in told if isinstance(part, Delta)).encode()
    reading.failure()


@SLOW_AT_FIRST
@given(st.integers(100, 599), st.binary(max_size=200), st.dictionaries(st.sampled_from(HEADERS), st.text(max_size=20)))
def test_refusals_of_any_shape_have_words(code, body, headers):
    asked = Asked(Address.of(ServerTalk("http://127.0.0.1:1").options), "tiny", ("a", "b"), KEY)
    error = told(Refused(code, headers, body), asked)
    assert error.sentence
    assert "{" not in error.sentence + error.remedy.replace('{"top_k": 20}', "")


@pytest.mark.parametrize("data", [None, 3, "x", [], [1, None], [{"id": 3}], [{"id": "x" * 999}], [{"id": "a\nb"}], {}])
def test_lists_of_any_shape_hold_no_model(server_talk, openai_service, data):
    openai_service.listed = {"data": data}
    with pytest.raises(errors.NoModel):
        server_talk.open()


def test_usage_of_a_broken_answer_is_left_to_the_estimate(quick, openai_service):
    openai_service.fail("drop")
    _, parts = failed(quick)
    assert not [part for part in parts if isinstance(part, Usage)]
