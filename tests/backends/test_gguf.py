"""One suite over both engines for GGUF models: it sees, counts, streams, is cancelled, and comes back when it dies."""

import http.client
import os
import shutil
import signal
import threading
import time
from dataclasses import replace
from itertools import pairwise

import psutil
import pytest
from fakes import tiny_gguf
from fakes.gguf_talk import ENGINES, Talk, picture, prompt, run
from fakes.processes import is_alive
from fakes.waiting import eventually

from narrator.backends._gguf_tokens import SAMPLES
from narrator.engines.failures import ContextTooLong, EngineFailed, EngineLost, OutOfMemory, TooSlow
from narrator.errors import AnswerCut, BackendRefused
from narrator.language.answer import Answer
from narrator.messages import Delta, Turn, Usage

WORDS = "word " * 500
"""About 2500 tokens: the tiny model reads letter by letter."""


class TestSeeing:
    @pytest.mark.parametrize("colour", tiny_gguf.COLOURS)
    def test_names_the_colour(self, gguf_talk, colour):
        assert gguf_talk.text(picture(colour)) == f"The scene is mostly {colour}."

    def test_the_newest_picture_counts(self, gguf_talk):
        shown = [part for colour in ("red", "green", "blue") for part in ("At 0:01:", picture(colour))]
        assert gguf_talk.text(*shown, "What now?") == "The scene is mostly blue."

    def test_earlier_turns_are_read(self, gguf_talk):
        turns = (Turn("user", (picture("green"), "And?")), Turn("model", ("Green.",)))
        asked = prompt("And now?", turns=turns)
        assert "green" in "".join(part.text for part in gguf_talk.ask(asked) if isinstance(part, Delta))

    @pytest.mark.parametrize("projector", tiny_gguf.PROJECTORS)
    def test_through_every_kind_of_projector(self, gguf_talk, tmp_path, projector):
        files = tiny_gguf.write_model(tmp_path, projector)
        gguf_talk.set(model=str(files.text), projector=str(files.projector))
        assert gguf_talk.text(picture("blue", (128, 128))) == "The scene is mostly blue."

    def test_an_answer_has_at_most_so_many_tokens(self, gguf_talk, endless):
        gguf_talk.set(model=str(endless.text))
        parts = []
        with pytest.raises(AnswerCut, match="cut at the most words") as caught:
            parts.extend(gguf_talk.ask(prompt(max_tokens=20)))  # what came before is kept
        assert caught.value.at_length
        assert "another model" in caught.value.remedy
        *deltas, usage = parts
        assert 19 <= len(deltas) <= 20
        assert 19 <= usage.tokens_out <= 20

    def test_a_sentence_that_was_cut_is_not_spoken(self, gguf_talk, endless):
        gguf_talk.set(model=str(endless.text)).open()
        asked, run_ = prompt(max_tokens=20), run()
        answer = Answer(run_, asked, by_model=True)
        spoken = [piece for piece in answer.read(gguf_talk.ask(asked, run_)) if isinstance(piece, str)]
        assert spoken == []  # it makes no space between its sentences, so none was certain before the cut
        assert not answer.is_whole
        assert answer.usage(0).tokens_out >= 19

    def test_an_answer_of_just_so_many_tokens_is_whole(self, gguf_talk):
        gguf_talk.open()
        needed = gguf_talk.usage().tokens_out
        assert "".join(part.text for part in gguf_talk.ask(prompt(max_tokens=needed + 1)) if isinstance(part, Delta))

    def test_what_it_only_thinks_is_not_said(self, gguf_talk, tmp_path):
        files = tiny_gguf.write_model(tmp_path, thinks=True)
        gguf_talk.set(model=str(files.text), projector=str(files.projector))
        assert gguf_talk.text(picture("cyan")) == "The scene is mostly cyan."


class TestOpening:
    def test_tells_what_it_can_do(self, gguf_talk):
        able = gguf_talk.open()
        assert (able.max_images, able.full_side, able.context_tokens) == (16, 768, 4096)
        assert able.prefix_cache == (gguf_talk.options["gguf.engine"] == "xllamacpp")
        assert not able.pictures_leave_device
        assert able.prices is None
        assert able.heartbeat == 30.0

    def test_tells_the_user_that_it_loads_and_where_it_runs(self, gguf_talk):
        gguf_talk.open()
        assert gguf_talk.told == ["tiny is loading.", "tiny describes, on the processor."]

    def test_of_a_model_that_does_not_load_it_tells_so_once(self, gguf_talk, tiny, tmp_path):
        files = tiny_gguf.TinyModel(tmp_path / "cut.gguf", tiny.projector)
        tiny_gguf.write_truncated(files.text, tiny.text)
        gguf_talk.set(model=str(files.text))
        with pytest.raises(BackendRefused):
            gguf_talk.open()
        for _ in range(2):
            with pytest.raises(BackendRefused):
                gguf_talk.backend.open()
        assert gguf_talk.told == ["cut is loading."]
        shutil.copy(tiny.text, files.text)
        gguf_talk.backend.open()
        assert gguf_talk.told == ["cut is loading.", "cut describes, on the processor."]

    def test_the_argument_counts_before_the_setting(self, gguf_talk, tiny):
        gguf_talk.set(model="nothing.gguf").open(str(tiny.text))
        assert gguf_talk.text()

    def test_the_context_follows_the_budget(self, gguf_talk):
        gguf_talk.options["history.tokens"] = 4000
        assert gguf_talk.open().context_tokens == 6144

    def test_ten_times_leaves_one_process(self, gguf_talk):
        pids = []
        for _ in range(10):
            gguf_talk.open()
            pids.append(gguf_talk.pid)
        assert eventually(lambda: [pid for pid in pids if is_alive(pid)] == pids[-1:])
        gguf_talk.close()
        assert eventually(lambda: not is_alive(pids[-1]))


class TestCost:
    SIZES = (*SAMPLES, (640, 360), (300, 400))

    @pytest.mark.parametrize("projector", tiny_gguf.PROJECTORS)
    @pytest.mark.parametrize("side", [80, 160])
    def test_of_a_picture_is_what_the_engine_counts(self, gguf_talk, tmp_path, projector, side):
        files = tiny_gguf.write_model(tmp_path, projector, image_side=side)
        gguf_talk.options["history.tokens"] = 4000
        gguf_talk.set(model=str(files.text), projector=str(files.projector)).open()
        bare = gguf_talk.usage("?").tokens_in
        for size in self.SIZES:
            counted = gguf_talk.usage(picture("red", size), "?").tokens_in - bare
            assert gguf_talk.cost(size) == pytest.approx(counted, rel=0.06, abs=2)

    def test_a_budget_caps_a_picture_where_the_engine_can(self, tiny, tmp_path):
        files = tiny_gguf.write_model(tmp_path, "idefics3")
        costs = []
        for tokens in (1000, 4000):
            talk = Talk("xllamacpp", files)
            talk.options["history.tokens"] = tokens
            talk.open()
            costs.append(talk.cost((768, 432)))
            talk.close()
        assert costs[0] < costs[1]


class TestMemory:
    def test_a_growing_history_is_read_but_once(self, tiny):
        talk = Talk("xllamacpp", tiny)
        talk.open()
        shown, shares = [], []
        for colour in ["red", "green", "blue", "yellow", "cyan", "white", "black", "red", "green", "blue"]:
            shown += [f"At 0:{len(shown):02}:", picture(colour)]
            usage = talk.usage(*shown, "What is new?")
            shares.append(usage.cached / usage.tokens_in)
        talk.close()
        assert shares[0] == 0
        assert all(before < after for before, after in pairwise(shares))
        assert sum(shares[5:]) / len(shares[5:]) > 0.8

    def test_a_history_that_lost_its_oldest_is_read_again(self, tiny):
        talk = Talk("xllamacpp", tiny)
        talk.open()
        talk.usage(picture("red"), picture("green"), "?")
        usage = talk.usage(picture("green"), picture("blue"), "?")
        talk.close()
        assert usage.cached < 0.3 * usage.tokens_in

    def test_the_second_engine_reads_all_of_it(self, tiny):
        talk = Talk("llama-cpp-python", tiny)
        talk.open()
        talk.usage()
        usage = talk.usage()
        talk.close()
        assert (usage.cached, usage.tokens_in > 100) == (0, True)

    def test_what_does_not_fit_is_asked_again_with_the_newer_half(self, gguf_talk):
        able = gguf_talk.open()
        before = gguf_talk.cost((384, 216))
        colours = ["red"] * (able.context_tokens // before) + ["green", "blue"]
        assert gguf_talk.text(*map(picture, colours), "?") == "The scene is mostly blue."
        assert gguf_talk.cost((384, 216)) > before  # the next plan is smaller
        for _ in range(20):
            gguf_talk.text()
        assert gguf_talk.cost((384, 216)) == before

    def test_what_does_not_fit_without_pictures_is_told(self, gguf_talk):
        gguf_talk.open()
        with pytest.raises(Exception, match=r"did not fit into the model's memory of 4096 tokens\.$"):
            gguf_talk.text(WORDS * 2)
        assert gguf_talk.text() == "The scene is mostly red."

    def test_a_text_that_does_not_fit_makes_no_picture_dearer(self, gguf_talk):
        gguf_talk.open()
        before = gguf_talk.cost((384, 216))
        for parts in ((WORDS * 2,), (picture("red"), WORDS * 2)):
            with pytest.raises(ContextTooLong):
                gguf_talk.text(*parts)
        assert gguf_talk.cost((384, 216)) == before


def cancelled_after(talk, asked, words):
    """Ask in a thread, cancel after so many words: seconds until the answer ended, and until the next one began."""
    run_, parts, over = run(), [], []

    def ask():
        parts.extend(talk.ask(asked, run_))
        over.append(time.monotonic())

    thread = threading.Thread(target=ask)
    thread.start()
    if words:
        assert eventually(lambda: len(parts) >= words)
    else:
        time.sleep(0.05)  # into the middle of the reading, of which nothing is heard
    thrown = time.monotonic()
    run_.cancel()
    thread.join(5)
    assert not any(isinstance(part, Usage) for part in parts)
    next(talk.ask(prompt("?", max_tokens=1)))
    return over[0] - thrown, time.monotonic() - thrown


class TestCancelling:
    @pytest.fixture
    def slow(self, tmp_path, endless, gguf_talk):
        """A model of many layers, which takes some time to read `WORDS`."""
        text = tiny_gguf.write_text_model(tmp_path / "slow.gguf", endless=True, layers=24)
        gguf_talk.set(model=str(text), projector=str(endless.projector))
        gguf_talk.open()
        began = time.monotonic()
        next(gguf_talk.ask(prompt(WORDS, max_tokens=1)))
        assert time.monotonic() - began > 0.15
        return gguf_talk

    def test_while_it_reads_frees_it_within_a_tenth_of_a_second(self, slow):
        delays = [cancelled_after(slow, prompt(f"{number} {WORDS}"), 0) for number in range(5)]
        ends, frees = (sorted(column)[2] for column in zip(*delays, strict=True))
        assert ends < 0.1
        assert frees < 0.2  # which includes reading and answering the next

    def test_while_it_writes_frees_it_within_a_tenth_of_a_second(self, slow):
        delays = [cancelled_after(slow, prompt(max_tokens=1000), 3) for _ in range(5)]
        ends, frees = (sorted(column)[2] for column in zip(*delays, strict=True))
        assert ends < 0.1
        assert frees < 0.2

    def test_leaves_the_same_process(self, gguf_talk, endless):
        gguf_talk.set(model=str(endless.text)).open()
        pid = gguf_talk.pid
        cancelled_after(gguf_talk, prompt(max_tokens=1000), 3)
        assert gguf_talk.pid == pid

    def test_before_it_begins_says_nothing(self, gguf_talk):
        gguf_talk.open()
        run_ = run()
        run_.cancel()
        assert list(gguf_talk.ask(run_=run_)) == []


class TestWhenItDies:
    def test_it_says_so_and_is_opened_again(self, gguf_talk):
        gguf_talk.open()
        os.kill(gguf_talk.pid, signal.SIGSEGV)
        with pytest.raises(EngineLost, match="ended unexpectedly") as caught:
            gguf_talk.text()
        assert caught.value.reopens
        gguf_talk.backend.open()
        assert gguf_talk.text() == "The scene is mostly red."
        assert gguf_talk.told == ["tiny is loading.", "tiny describes, on the processor."]

    def test_for_want_of_memory_it_says_that(self, gguf_talk, endless):
        gguf_talk.set(model=str(endless.text)).open()
        answer = gguf_talk.ask(prompt(max_tokens=1000))
        next(answer)
        os.kill(gguf_talk.pid, signal.SIGKILL)
        with pytest.raises(OutOfMemory, match="not enough memory for the model tiny"):
            list(answer)

    def test_frozen_it_is_ended_and_opened_again(self, gguf_talk, endless):
        gguf_talk.set(model=str(endless.text)).open()
        run_, pid = run(), gguf_talk.pid
        answer = gguf_talk.ask(prompt(max_tokens=1000), run_)
        next(answer)
        os.kill(pid, signal.SIGSTOP)
        run_.cancel()
        thrown = time.monotonic()
        assert list(answer) == []
        with pytest.raises(EngineLost, match="did not stop"):
            gguf_talk.text()
        assert time.monotonic() - thrown < 3
        assert eventually(lambda: not is_alive(pid))
        gguf_talk.backend.open()
        assert next(gguf_talk.ask())

    def test_too_slow_it_says_so(self, gguf_talk):
        gguf_talk.set(first_word_within=0.01).open()
        with pytest.raises(TooSlow, match="too slow for live narration"):
            gguf_talk.text(WORDS)


class TestItsPort:
    @pytest.fixture
    def talk(self, tiny):
        talk = Talk("xllamacpp", tiny)
        talk.open()
        yield talk
        talk.close()

    @pytest.fixture
    def ports(self, talk):
        listening = [
            one for one in psutil.Process(talk.pid).net_connections("inet") if one.status == psutil.CONN_LISTEN
        ]
        assert {one.laddr.ip for one in listening} <= {"127.0.0.1"}
        assert listening, "without one this test proves nothing"
        return [one.laddr.port for one in listening]

    @pytest.mark.parametrize("key", ["", "none", "sk-no-key-required"])
    @pytest.mark.parametrize("path", ["/v1/chat/completions", "/completion", "/tokenize", "/slots", "/props"])
    def test_is_locked(self, ports, path, key):
        for port in ports:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            connection.request("POST", path, "{}", headers | {"Content-Type": "application/json"})
            assert connection.getresponse().status == 401
            connection.close()

    def test_serves_no_page(self, ports):
        for port in ports:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/", headers={"Accept-Encoding": "gzip"})
            assert connection.getresponse().status == 404
            connection.close()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/x.png", "file:///etc/passwd", "/etc/passwd", "data:text/html,x"]
)
def test_only_pictures_that_came_along_are_looked_at(engine, tiny, address):
    from narrator.backends._gguf_child import GgufModel
    from narrator.mailbox import Cancel

    model = GgufModel()
    options = {"engine": engine, "model": str(tiny.text), "projector": str(tiny.projector)}
    model.load(options | {"tokens": 1000, "gpu_layers": -1, "threads": 1}, print)
    parts = [{"type": "image_url", "image_url": {"url": address}}]
    request = {"messages": [{"role": "user", "content": parts}], "max_tokens": 5, "temperature": 0.0}
    with pytest.raises(EngineFailed, match="bad_request"):
        list(model.answer(request, Cancel()))


def test_a_picture_that_is_none_is_told_and_the_next_is_described(gguf_talk):
    broken = picture("red")
    broken = replace(broken, picture=replace(broken.picture, jpeg=b"this is no picture"))
    gguf_talk.open()
    with pytest.raises(Exception, match=r"^The model could not read the picture\.$"):
        gguf_talk.text(broken)
    assert gguf_talk.text() == "The scene is mostly red."
