"""A model server from open to close: cancelling, tokens, models, and what is never spoken."""

import json
import logging
import threading
import time

import pytest
from fakes.openai_service import MODEL, OpenAIService
from fakes.server_talk import PICTURE, ServerTalk, picture, prompt, run
from fakes.waiting import eventually

from narrator.backends import _server_errors as errors
from narrator.backends import openai_server
from narrator.backends._chat import data_uri
from narrator.backends._gemini_models import catalogue
from narrator.errors import BackendError
from narrator.messages import Delta, Level, Usage

ANSWER = "A red ball rolls over the green grass."


def ask_in_thread(talk, run_, parts):
    over = []

    def ask():
        parts.extend(talk.ask(run_=run_))
        over.append(time.monotonic())

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, over


class TestAsking:
    def test_a_picture_and_the_words_go_as_the_protocol_has_them(self, server_talk, openai_service):
        server_talk.set(temperature=0.2, extra='{"top_k": 20, "model": "another"}').key = "sk-1"
        assert server_talk.text(prompt("Now:", picture(), "What is new?")) == ANSWER + " "
        call = openai_service.last
        assert call.path == "/v1/chat/completions"
        assert call.headers["authorization"] == "Bearer sk-1"
        assert call.body["model"] == MODEL
        assert call.body["stream"] is True
        assert call.body["max_tokens"] == 60
        assert (call.body["temperature"], call.body["top_k"]) == (0.2, 20)
        assert [message["role"] for message in call.body["messages"]] == ["system", "user"]
        assert call.texts == ["Say what you see.", "Now:", "What is new?"]
        assert call.pictures == [data_uri(PICTURE.jpeg)]

    def test_after_a_key_was_refused_the_next_opening_takes_the_one_that_is_there_then(
        self, server_talk, openai_service
    ):
        server_talk.key = openai_service.key = "sk-1"
        assert server_talk.text()
        openai_service.key = "sk-2"
        for ask in (server_talk.text, server_talk.again):
            with pytest.raises(errors.AuthFailed) as caught:
                ask()
            assert caught.value.reopens
        server_talk.key = "sk-2"
        server_talk.again()
        assert server_talk.text()
        assert openai_service.last.headers["authorization"] == "Bearer sk-2"

    def test_without_a_key_no_header_tells_of_one(self, server_talk, openai_service):
        server_talk.text()
        assert "authorization" not in openai_service.last.headers

    def test_words_come_as_they_are_made(self, server_talk, openai_service):
        openai_service.rate = 5.0
        answer = server_talk.ask()
        began = time.monotonic()
        next(answer)
        assert time.monotonic() - began < 1
        answer.close()

    def test_one_request_is_in_flight(self, server_talk, openai_service):
        for _ in range(5):
            server_talk.text()
        assert [call.in_flight for call in openai_service.asked] == [0] * 5

    def test_a_server_that_does_not_stream_is_read_all_the_same(self, server_talk, openai_service):
        openai_service.streams = False
        assert server_talk.text().strip() == ANSWER

    def test_a_stream_without_its_last_mark_is_whole_when_it_says_so(self, server_talk, openai_service):
        openai_service.ends = False
        assert server_talk.text().strip() == ANSWER

    def test_an_empty_answer_means_nothing_new(self, server_talk, openai_service):
        openai_service.answer = ""
        assert server_talk.text() == ""


class TestCancel:
    @pytest.mark.parametrize("words", [0, 3], ids=["before the first word", "in the middle"])
    def test_ends_the_answer_at_once_and_the_server_knows(self, server_talk, openai_service, words):
        server_talk.open()
        server_talk.text()
        openai_service.answer = "word " * 100
        openai_service.first_token, openai_service.rate = (0.0, 5.0) if words else (30.0, 1000.0)
        delays, noticed = [], []
        for _ in range(5):
            run_, parts, before = run(), [], len(openai_service.asked)
            thread, over = ask_in_thread(server_talk, run_, parts)
            assert openai_service.wait_for(lambda asked, n=before: len(asked) > n)
            assert eventually(lambda p=parts: len(p) >= words)
            thrown = time.monotonic()
            run_.cancel()
            thread.join(5)
            delays.append(over[0] - thrown)
            assert all(isinstance(part, Delta) for part in parts)
            assert eventually(lambda: openai_service.last.aborted_at is not None, within=2)
            noticed.append(openai_service.last.aborted_at - thrown)
        assert sorted(delays)[2] < 0.005  # the median: the machine has other work
        assert sorted(noticed)[2] < 0.1
        openai_service.first_token, openai_service.rate, openai_service.answer = 0.0, 1000.0, ANSWER
        assert server_talk.text()

    def test_before_it_begins_sends_nothing(self, server_talk, openai_service):
        server_talk.open()
        run_ = run()
        run_.cancel()
        assert list(server_talk.ask(run_=run_)) == []
        assert openai_service.asked == []


class TestUsage:
    def test_is_asked_for_in_the_stream(self, server_talk, openai_service):
        openai_service.cached = 30
        (usage,) = server_talk.usage(prompt("four", picture(), picture()))
        assert openai_service.last.body["stream_options"] == {"include_usage": True}
        assert (usage.tokens_in, usage.tokens_out, usage.cached) == (205, 8, 30)
        assert not usage.estimated

    def test_is_read_from_the_timings_of_llama_server(self, server_talk, openai_service):
        openai_service.usage, openai_service.cached = "timings", 30
        (usage,) = server_talk.usage(prompt("four", picture(), picture()))
        assert (usage.tokens_in, usage.tokens_out, usage.cached) == (205, 8, 30)

    def test_a_server_that_tells_none_leaves_it_to_the_estimate(self, server_talk, openai_service):
        openai_service.usage = "never"
        assert server_talk.usage() == []

    @pytest.mark.parametrize("counts", ['{"prompt_tokens": "many"}', '{"prompt_tokens": -5}', "3", '"x"', "null"])
    def test_numbers_that_are_none_do_no_harm(self, server_talk, openai_service, counts):
        openai_service.streams = False
        openai_service.models = [{"id": MODEL}]
        usage = json.loads(counts)
        openai_service.answer = ANSWER
        server_talk.open()
        reply = {"choices": [{"message": {"content": ANSWER}, "finish_reason": "stop"}], "usage": usage}
        openai_service.reply = reply
        parts = list(server_talk.ask())
        assert [part.tokens_in for part in parts if isinstance(part, Usage)] in ([], [0])

    def test_teaches_what_a_picture_costs(self, server_talk, openai_service):
        server_talk.open()
        before = server_talk.backend.token_cost(PICTURE.width, PICTURE.height, "")
        openai_service.tokens_a_picture = 2 * before
        server_talk.text()
        assert abs(server_talk.backend.token_cost(PICTURE.width, PICTURE.height, "") / (2 * before) - 1) < 0.05


class TestNeverSpoken:
    def test_thoughts_in_a_field_of_their_own(self, server_talk, openai_service):
        openai_service.thought = "The user wants a description. I must look."
        assert server_talk.text().strip() == ANSWER

    def test_thoughts_between_marks(self, server_talk, openai_service):
        openai_service.answer = f"<think>The user wants words.</think>{ANSWER}"
        assert server_talk.text().strip() == ANSWER

    def test_thoughts_whose_beginning_stands_in_the_template(self, server_talk, openai_service):
        """Nothing marks their beginning, so the first answer of a model that may think is kept until it ends."""
        openai_service.models = [{"id": "Qwen3-VL-8B-Thinking"}]
        openai_service.answer = f"The user wants words. </think> {ANSWER}"
        assert server_talk.text().strip() == ANSWER
        openai_service.rate = 20.0
        answer = server_talk.ask()
        assert next(answer).text.split()[0] == "A"  # the second one comes as it is made
        assert len(list(answer)) > 4

    def test_what_is_kept_has_begun(self, server_talk, openai_service):
        """A slow answer that is kept until its end is not taken for one whose first word does not come."""
        openai_service.models, openai_service.rate = [{"id": "qwen3-vl"}], 10.0
        server_talk.set(first_word_within=0.4, answer_within=5.0)
        assert server_talk.text().strip() == ANSWER

    def test_thoughts_and_nothing_else_is_told(self, server_talk, openai_service):
        openai_service.thought, openai_service.answer = "Hmm.", ""
        with pytest.raises(errors.OnlyThoughts) as caught:
            server_talk.text()
        assert caught.value.sentence == "The model spent its whole answer on thinking."

    @pytest.mark.parametrize("preset", ["vllm", "sglang", "llamacpp"])
    def test_thinking_is_switched_off_where_that_is_known(self, server_talk, openai_service, preset):
        openai_service.models = [{"id": MODEL, "owned_by": preset}]
        server_talk.text()
        assert openai_service.last.body["chat_template_kwargs"] == {"enable_thinking": False}

    SYSTEM = "You tell a blind person what a camera sees. Never guess, and never tell what was told before."

    @pytest.mark.parametrize(
        "echo",
        [
            lambda call: f"{' '.join(call.texts)} {ANSWER}",
            lambda call: f"{' '.join(call.texts)} ASSISTANT: {ANSWER}",
            lambda call: f"{call.texts[0]}\n{' '.join(call.texts[1:])}\n{ANSWER}",
        ],
        ids=["before the answer", "with a role", "in lines"],
    )
    def test_a_prompt_that_is_repeated(self, server_talk, openai_service, echo):
        openai_service.answer = echo
        question = prompt("Now:", picture(), "Say in one sentence of 20 words what is new here.", system=self.SYSTEM)
        assert server_talk.text(question).strip() == ANSWER

    def test_a_prompt_and_nothing_else_is_told(self, server_talk, openai_service):
        openai_service.answer = lambda call: " ".join(call.texts)
        with pytest.raises(errors.Echoed) as caught:
            server_talk.text(prompt(picture(), "What is new?", system=self.SYSTEM))
        assert caught.value.sentence == "The model repeats the question in place of an answer."

    def test_what_was_said_before_may_be_said_again(self, server_talk, openai_service):
        openai_service.answer = ANSWER
        question = prompt(picture(), f'You said:\n- "{ANSWER}"', said=(ANSWER,), system=self.SYSTEM)
        assert server_talk.text(question).strip() == ANSWER


class TestModels:
    MANY = ({"id": "llama3:8b"}, {"id": "llava:7b"}, {"id": "qwen2.5vl:3b"})

    def test_the_first_that_sees_is_taken_and_told(self, server_talk, openai_service):
        openai_service.models = self.MANY
        server_talk.text()
        assert openai_service.last.body["model"] == "llava:7b"
        (notice,) = server_talk.notices
        assert notice.text == f"llava:7b on 127.0.0.1:{openai_service.port} describes."
        assert notice.quiet

    @pytest.mark.parametrize(
        ("wanted", "listed", "asked"),
        [
            ("llava", "llava:latest", "llava:latest"),
            ("gemini-3", "models/gemini-3", "models/gemini-3"),
            ("tiny", "org/tiny", "org/tiny"),
        ],
    )
    def test_a_model_is_known_by_any_of_its_names(self, server_talk, openai_service, wanted, listed, asked):
        openai_service.models = [{"id": listed}]
        server_talk.set(model=wanted)
        server_talk.text()
        assert openai_service.last.body["model"] == asked

    def test_a_model_that_the_list_does_not_hold_is_told_with_those_that_it_holds(self, server_talk, openai_service):
        """llama-server, among others, takes any name and answers with what it has."""
        openai_service.models = self.MANY
        with pytest.raises(errors.ModelNotFound) as caught:
            server_talk.set(model="llava:70b").open()
        assert caught.value.sentence == "The server has no model llava:70b."
        assert caught.value.remedy == "It has llava:7b, llama3:8b, qwen2.5vl:3b. Choose one in server.model."
        assert openai_service.asked == []

    def test_the_only_model_answers_for_one_that_is_not_there_and_that_is_told(self, server_talk, openai_service):
        openai_service.models = [{"id": "tiny"}]
        server_talk.set(model="other").text()
        assert openai_service.last.body["model"] == "tiny"
        assert server_talk.told.startswith("The server has no model other; its only one, tiny, describes.")
        assert not server_talk.notices[0].quiet

    def test_a_named_model_that_is_there_is_told_as_any_other(self, server_talk, openai_service):
        openai_service.models = [{"id": "org/tiny"}]
        server_talk.set(model="tiny").text()
        assert server_talk.told.startswith("org/tiny on ")

    def test_they_are_offered(self, server_talk, openai_service):
        openai_service.models = self.MANY
        server_talk.open()
        listed = server_talk.offered["server"]
        assert [value for value, _ in openai_server.offers("server.model", listed)] == ["", *listed]

    SEES, READS = ({"architecture": {"input_modalities": kinds}} for kinds in (["text", "image"], ["text"]))

    def test_a_list_that_tells_who_sees_is_believed(self, server_talk, openai_service):
        openai_service.models = [{"id": "llava"}, {"id": "words", **self.READS}, {"id": "eyes", **self.SEES}]
        server_talk.text()
        assert openai_service.last.body["model"] == "eyes"

    def test_a_model_that_reads_text_only_is_refused_before_a_picture_goes(self, server_talk, openai_service):
        openai_service.models = [{"id": "words", **self.READS}]
        with pytest.raises(errors.CannotSee) as caught:
            server_talk.open()
        assert caught.value.sentence == "The model words reads text only and cannot see."
        assert openai_service.asked == []

    def test_a_server_without_any_is_refused(self, server_talk, openai_service):
        openai_service.models = []
        with pytest.raises(errors.NoModel):
            server_talk.open()


class TestAble:
    def test_what_the_server_told_and_what_is_known_of_its_kind(self, server_talk):
        able = server_talk.open()
        assert (able.max_images, able.context_tokens, able.prefix_cache) == (16, 8192, True)
        assert (able.cancels, able.heartbeat, able.prices) == ("socket", 30.0, None)
        assert not able.pictures_leave_device
        assert not able.needs_network

    @pytest.mark.parametrize(
        ("entry", "images", "cache"),
        [
            ({"owned_by": "llamacpp", "meta": {"n_ctx_train": 4096}}, 8, True),
            ({"owned_by": "library"}, 4, False),
            ({"owned_by": "somebody"}, 8, False),
        ],
    )
    def test_the_kind_is_found_out(self, server_talk, openai_service, entry, images, cache):
        openai_service.models = [{"id": MODEL, **entry}]
        able = server_talk.open()
        assert (able.max_images, able.prefix_cache) == (images, cache)
        assert able.context_tokens == entry.get("meta", {}).get("n_ctx_train", 0)

    def test_the_user_has_the_last_word(self, server_talk):
        able = server_talk.set(preset="ollama", max_images=20, side=384, price_in=1.0, price_out=2.0).open()
        assert (able.max_images, able.full_side) == (20, 384)
        assert able.prices.cost(1_000_000, 1_000_000) == 3.0

    def test_gemini_s_own_prices_and_costs_hold_at_its_address(self, server_talk, openai_service):
        openai_service.models = [{"id": "models/gemini-3.5-flash-lite"}]
        able = server_talk.set(preset="gemini").open()
        known = catalogue().model("gemini-3.5-flash-lite")
        assert able.prices.tokens_out == known.prices[0].prices.tokens_out
        assert able.min_gap == 6.0
        assert server_talk.backend.token_cost(768, 432, "") == known.generation.cost(768, 432, "")


def test_nothing_secret_and_no_picture_reaches_the_log(openai_service, caplog):
    caplog.set_level(logging.DEBUG)
    talk = ServerTalk(openai_service.url, key="sk-very-secret")
    talk.text()
    openai_service.fail("500")
    with pytest.raises(BackendError):
        talk.text()
    talk.close()
    assert "sk-very-secret" not in caplog.text
    assert data_uri(PICTURE.jpeg)[:60] not in caplog.text


def test_a_notice_of_who_describes_comes_once(server_talk):
    for _ in range(3):
        server_talk.text()
        server_talk.again()
    assert [notice.level for notice in server_talk.notices] == [Level.INFO]


def test_fifty_answers_leave_no_connection_behind():
    import psutil

    with OpenAIService() as service:
        talk = ServerTalk(service.url)
        for _ in range(50):
            assert talk.text()
        ports = [c.raddr.port for c in psutil.Process().net_connections("tcp") if c.raddr and c.status == "ESTABLISHED"]
        assert ports.count(service.port) <= 1
        talk.close()
