"""A torch model through the backend: opened, asked, cancelled, refused, lost and opened again."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from fakes.processes import is_alive
from fakes.tiny_vlms import BOXES, CONTEXT, with_bridge
from fakes.torch_talk import TorchTalk, picture, prompt, run
from fakes.waiting import eventually

from narrator import installing
from narrator.backends import torch_vlm
from narrator.engines.failures import ContextTooLong, EngineLost, OutOfMemory
from narrator.errors import AnswerCut, BackendRefused, PartMissing
from narrator.mailbox import Closed
from narrator.models import store
from narrator.seams import Context

MB = 1_000_000


@pytest.fixture(scope="module")
def opened(tiny_vlms, torchvision_imports):
    """A PaliGemma that finds two cups and a dog whatever it is shown, open for all tests of this module."""
    talk = TorchTalk()
    talk.able = talk.open(tiny_vlms / "paligemma_boxes")
    yield talk
    talk.close()


@pytest.fixture
def talk(opened):
    """The open one, with settings as they were."""
    before, opened.notices = dict(opened.options), []
    yield opened
    opened.options.clear()
    opened.options.update(before)


def test_tells_what_it_can_do_and_that_it_loads(tiny_vlms, opened):
    able = opened.able
    assert (able.max_images, able.full_side, able.cancels, able.heartbeat) == (1, 28, "token", 30.0)
    assert able.system_prompt
    assert not able.pictures_leave_device
    assert not able.needs_network
    assert opened.backend.token_cost(1280, 720, "") == opened.backend.token_cost(64, 64, "") == 6


class TestTasks:
    @pytest.mark.parametrize("task", ["auto", "cap", "caption", "describe", "answer", "question"])
    def test_words_become_a_sentence_without_marks(self, talk, task):
        assert talk.set(task=task).text(prompt(max_tokens=40)) == "Cup ;  cup ; dog."

    def test_boxes_are_counted_and_placed(self, talk):
        assert talk.set(task="detect").text(prompt(max_tokens=40)) == "2 cups: left, right. 1 dog: centre."

    def test_boxes_before_the_most_tokens_count(self, talk):
        parts = []
        with pytest.raises(AnswerCut, match="cut at the most words") as caught:
            parts.extend(talk.set(task="detect").ask(prompt(max_tokens=9)))
        assert caught.value.at_length
        assert talk.set(task="detect").text(prompt(max_tokens=40))

    def test_letters_are_told_as_text(self, talk):
        assert talk.set(task="ocr").text(prompt(max_tokens=40)) == "Text reads: cup ; cup ; dog"

    def test_a_prompt_of_ones_own_counts_before(self, talk):
        assert talk.set(prompt="detect cup").text(prompt(max_tokens=40)).startswith("2 cups")

    def test_without_a_picture_there_is_nothing_to_say(self, talk):
        assert list(talk.ask(prompt("What is new?"))) == []

    def test_costs_are_told_without_asking_the_model(self, talk):
        answer = talk.ask(prompt(max_tokens=40))
        next(answer)
        began = time.monotonic()
        assert talk.backend.token_cost(640, 361, "") == 6
        assert time.monotonic() - began < 0.1
        answer.close()

    def test_usage_is_told(self, talk):
        usage = talk.usage(prompt(max_tokens=40))
        assert (usage.tokens_in > 4, usage.tokens_out, usage.cached) == (True, len(BOXES) + 1, 0)


class TestCancel:
    def test_ends_the_answer_at_once_and_the_model_goes_on_living(self, many_words):
        delays = []
        for _ in range(5):
            run_, ends = run(), []
            thread = threading.Thread(target=lambda r=run_, e=ends: e.append(read(many_words, r)))
            thread.start()
            assert eventually(lambda: many_words.heard)
            thrown = time.monotonic()
            run_.cancel()
            thread.join(5)
            delays.append(ends[0] - thrown)
        assert sorted(delays)[2] < 0.05
        assert many_words.text()
        assert [notice.text for notice in many_words.notices] == []

    def test_before_it_begins_asks_nothing(self, talk):
        run_ = run()
        run_.cancel()
        assert list(talk.ask(run_=run_)) == []

    def test_an_answer_may_be_given_up(self, talk):
        answer = talk.ask(prompt(max_tokens=40))
        next(answer)
        answer.close()
        assert talk.text(prompt(max_tokens=40))


def read(talk, run_):
    """Listen to an answer that has no end: when it ended."""
    talk.heard = 0
    for _ in talk.ask(prompt(max_tokens=3000), run_):
        talk.heard += 1
    return time.monotonic()


@pytest.fixture
def many_words(talk, tiny_vlms):
    """A model that talks on and on."""
    other = TorchTalk()
    other.open(tiny_vlms / "llava")
    other.notices.clear()
    other.heard = 0
    yield other
    other.close()


class TestOpening:
    def test_is_told_once_aloud(self, tiny_vlms, torch_talk):
        torch_talk.open(tiny_vlms / "paligemma_boxes")
        assert [notice.text for notice in torch_talk.notices] == [
            "paligemma_boxes is loading.",
            "paligemma_boxes describes, on the processor.",
        ]
        pid = torch_talk.pid
        os.kill(pid, signal.SIGABRT)
        assert eventually(lambda: not is_alive(pid))
        with pytest.raises(EngineLost):
            torch_talk.text()
        torch_talk.backend.open()
        assert torch_talk.text(prompt(max_tokens=40))
        assert [notice.quiet for notice in torch_talk.notices] == [False, False, True, True]

    def test_a_language_that_the_model_did_not_learn_is_told(self, tiny_vlms, torch_talk):
        torch_talk.options["speech.language"] = "tlh"
        torch_talk.open(tiny_vlms / "paligemma_boxes")
        assert torch_talk.notices[-1].text == ("paligemma_boxes does not speak this language: it describes in English.")
        torch_talk.close()
        torch_talk.close()
        torch_talk.backend.open()
        assert torch_talk.text(prompt(max_tokens=40))

    def test_closed_meanwhile_leaves_no_process(self, tiny_vlms, torch_talk):
        torch_talk.backend = torch_vlm.create(str(tiny_vlms / "llava"), torch_talk.context)
        ends = []

        def open_it():
            try:
                ends.append(torch_talk.backend.open())
            except Closed as closed:
                ends.append(closed)

        thread = threading.Thread(target=open_it)
        thread.start()
        assert eventually(lambda: torch_talk.pid)
        pid = torch_talk.pid
        torch_talk.backend.close()
        thread.join(5)
        assert isinstance(ends[0], Closed)
        assert eventually(lambda: not is_alive(pid))

    def test_closed_while_it_tells_of_loading_starts_no_process(self, tiny_vlms, torch_talk):
        def notify(notice):
            torch_talk.notices.append(notice)
            torch_talk.backend.close()

        torch_talk.backend = torch_vlm.create(str(tiny_vlms / "llava"), Context(torch_talk.options, notify))
        with pytest.raises(Closed):
            torch_talk.backend.open()
        assert [notice.text for notice in torch_talk.notices] == ["llava is loading."]
        assert torch_talk.pid == 0

    def test_one_that_cannot_be_loaded_is_told_to_load_once_however_often_it_is_tried(self, tiny_vlms, torch_talk):
        torch_talk.set(memory=300).backend = torch_vlm.create(str(tiny_vlms / "llava"), torch_talk.context)
        for _ in range(2):
            with pytest.raises(BackendRefused):
                torch_talk.backend.open()
        torch_talk.set(memory=0).backend.open()
        assert [notice.text for notice in torch_talk.notices if not notice.quiet] == [
            "llava is loading.",
            "llava describes, on the processor.",
        ]


class TestMissing:
    @pytest.mark.parametrize(
        ("hidden", "model", "sentence", "remedy"),
        [
            (
                "torch",
                "llava",
                "The engine for this model is not installed.",
                f'{sys.executable} -m pip install "scene-narrator[torch]"',
            ),
            ("transformers", "llava", "The engine for this model is not installed.", "scene-narrator[torch]"),
            ("torchvision", "smolvlm", "The model smolvlm needs torchvision, which is not installed.", "[torch]"),
            ("num2words", "smolvlm", "The engine for this model is not installed.", "scene-narrator[torch]"),
        ],
    )
    def test_parts_have_a_sentence_and_a_command(
        self, torch_talk, tiny_vlms, monkeypatch, hidden, model, sentence, remedy
    ):
        for name, value in with_bridge(HIDDEN_PACKAGES=hidden).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(PartMissing) as caught:
            torch_talk.open(tiny_vlms / model)
        assert caught.value.sentence == sentence
        assert remedy in caught.value.remedy

    def test_a_torchvision_of_another_torch_is_told(self, torch_talk, tiny_vlms, monkeypatch):
        monkeypatch.delenv("PYTHONPATH")
        with pytest.raises(PartMissing) as caught:
            torch_talk.open(tiny_vlms / "smolvlm")
        assert caught.value.sentence == "The installed torchvision does not fit the installed torch."
        assert "pip install" in caught.value.remedy

    def test_no_quantiser_is_told(self, torch_talk, tiny_vlms, monkeypatch):
        for name, value in with_bridge(HIDDEN_PACKAGES="bitsandbytes,torchao").items():
            monkeypatch.setenv(name, value)
        with pytest.raises(PartMissing) as caught:
            torch_talk.set(precision="int8").open(tiny_vlms / "llava")
        assert caught.value.remedy == installing.command("torch-quant")

    def test_no_model_and_no_such_model_are_told(self, torch_talk, tmp_path):
        with pytest.raises(BackendRefused, match="No model was chosen for Torch"):
            torch_talk.open()
        with pytest.raises(BackendRefused, match="The model no-such is not on this computer"):
            torch_talk.open("no-such")
        with pytest.raises(BackendRefused, match="is not a model's folder"):
            torch_talk.open(tmp_path)
        with pytest.raises(BackendRefused, match="is not a model's folder"):
            torch_talk.open(__file__)


class TestChoice:
    def test_a_model_that_was_fetched_is_ready_by_its_name(self, torch_talk, tiny_vlms):
        assert torch_vlm.ready(torch_talk.options) == ""
        assert torch_vlm.offers("torch.model") == [("", "Recommended")]
        folder = store.folder_of("tiny")
        shutil.copytree(tiny_vlms / "llava", folder)
        kept = tuple(store.KeptFile(path.name, path.stat().st_size, "") for path in folder.iterdir())
        store.keep(store.Record("tiny", "torch", "Tiny LLaVA", kept))
        assert torch_vlm.ready(torch_talk.options) == "Tiny LLaVA"
        assert torch_vlm.ready(torch_talk.set(model="tiny").options) == "Tiny LLaVA"
        assert torch_vlm.ready(torch_talk.set(model="other").options) == ""
        assert torch_vlm.offers("torch.model") == [("", "Recommended"), ("tiny", "Tiny LLaVA")]

    def test_without_torch_or_transformers_none_is_ready(self, tiny_vlms):
        asks = (
            "from narrator.backends import torch_vlm; import sys;"
            "print('ready:', torch_vlm.ready({'torch.model': sys.argv[1]}))"
        )
        for hidden, title in (("", "gemma3"), ("torch", ""), ("transformers", "")):
            command = [sys.executable, "-c", asks, str(tiny_vlms / "gemma3")]
            told = subprocess.run(command, env=with_bridge(HIDDEN_PACKAGES=hidden), capture_output=True, check=True)
            assert told.stdout.decode().strip() == f"ready: {title}".strip()

    @pytest.mark.parametrize("name", ["~nosuchuser/x", "x" * 5000, "x\0y", f"{'x/' * 3000}y"])
    def test_what_can_be_no_folder_is_not_ready_and_told_in_a_sentence(self, torch_talk, name):
        assert torch_vlm.ready(torch_talk.set(model=name).options) == ""
        with pytest.raises(BackendRefused, match="is not on this computer") as caught:
            torch_talk.open()
        assert len(caught.value.sentence) < 200

    def test_a_folder_that_may_not_be_entered_is_told_in_a_sentence(self, tmp_path):
        locked = tmp_path / "locked"
        locked.mkdir()
        (locked / "config.json").write_text("{}")
        locked.chmod(0)
        asks = """
import os, sys
from narrator.backends import torch_vlm
from narrator.errors import BackendRefused
from narrator.seams import Context
def ask(name):
    options = {"torch.model": name}
    assert torch_vlm.ready(options) == ""
    try:
        torch_vlm.create("", Context(options)).open()
    except BackendRefused as refused:
        return refused.sentence
assert ask("no-such")  # all that it takes is imported
if os.geteuid() == 0:
    os.seteuid(65534)  # root may enter everything
print(ask(sys.argv[1]))
"""
        asked = [sys.executable, "-c", asks, str(locked)]
        told = subprocess.run(asked, capture_output=True, text=True, check=False)
        locked.chmod(0o755)
        assert "locked" in told.stdout, told.stderr
        assert told.stdout.endswith("on this computer.\n") or told.stdout.endswith("folder.\n")

    def test_a_folder_of_the_users_own_is_ready(self, torch_talk, tiny_vlms):
        assert torch_vlm.ready(torch_talk.set(model=str(tiny_vlms / "gemma3")).options) == "gemma3"


class TestVideo:
    @pytest.mark.parametrize(
        ("family", "is_wished", "rate"), [("smolvlm", True, 1), ("smolvlm", False, 0), ("llava", True, 0)]
    )
    def test_frames_are_wished_for_a_model_that_watches_videos(self, torch_talk, tiny_vlms, family, is_wished, rate):
        able = torch_talk.set(video=is_wished).open(tiny_vlms / family)
        assert able.frames_a_second == rate
        assert torch_talk.text(prompt(*[picture(384, 216)] * min(16, able.max_images)))


class TestContext:
    def test_of_more_than_fits_the_newer_half_is_asked_about_and_costs_count_for_more(self, torch_talk, tiny_vlms):
        torch_talk.open(tiny_vlms / "qwen2_5_vl")
        before = torch_talk.backend.token_cost(768, 432, "")
        most = CONTEXT // before
        talk = [part for place in range(most + 2) for part in (f"{place}:", picture(768, 432))]
        answer = list(torch_talk.ask(prompt(*talk)))
        assert answer[-1].tokens_in < CONTEXT
        assert torch_talk.backend.token_cost(768, 432, "") > before
        with pytest.raises(ContextTooLong):
            torch_talk.text(prompt(max_tokens=CONTEXT))


class TestMemory:
    def test_what_cannot_fit_is_refused_with_the_numbers(self, torch_talk, tiny_vlms):
        with pytest.raises(BackendRefused) as caught:
            torch_talk.set(memory=300).open(tiny_vlms / "llava")
        assert caught.value.sentence == "The model llava needs 0.8 GB of memory, and 0.3 GB are free."
        assert "recommend" in caught.value.remedy

    def test_none_left_while_it_answers_is_told_and_the_rest_given_back(self, torch_talk, tiny_vlms):
        torch_talk.open(tiny_vlms / "gemma3")
        assert torch_talk.text()
        pid = torch_talk.pid
        taken = psutil.Process(pid).memory_info().vms
        resource.prlimit(pid, resource.RLIMIT_AS, (taken + 30 * MB, taken + 30 * MB))
        many = prompt(*[picture(1280, 720)] * 16, max_tokens=3000)
        with pytest.raises(OutOfMemory, match="not enough memory for the model gemma3"):
            torch_talk.text(many)
        assert eventually(lambda: not is_alive(pid))
        torch_talk.backend.open()
        assert torch_talk.text()
