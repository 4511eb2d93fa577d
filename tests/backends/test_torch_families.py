"""Every family of vision models is loaded, described with, streamed, counted and cancelled by the same code.

The models are tiny and say nothing sensible: what matters is that words of theirs come, and no others.
"""

import shutil
import threading

import pytest
from fakes.tiny_vlms import CONTEXT, FAMILIES
from fakes.torch_talk import picture

from narrator.backends._torch_costs import Costs
from narrator.backends._torch_speech import Words

ONE_PICTURE = ("paligemma", "paligemma2", "llava", "llava_next")
WATCHES_VIDEOS = ("smolvlm", "qwen2_5_vl", "qwen3_vl")
GROWS = ("qwen2_5_vl", "qwen3_vl")
"""Idefics 3 and SmolVLM enlarge what is small, so their tokens are always as many; LLaVA-NeXT goes by the shape."""


def words(answer):
    return "".join(message["text"] for message in answer if message["kind"] == "text")


def usage(answer):
    return next(message for message in answer if message["kind"] == "usage")


@pytest.fixture(scope="module", params=FAMILIES)
def family(request, torch_child, tiny_vlms):
    """A loaded model and what it told of itself."""
    ready = torch_child.load(tiny_vlms / request.param)
    assert ready["kind"] == "ready", ready
    return request.param, ready


def test_tells_what_it_can_do(family):
    name, ready = family
    assert ready["family"].startswith(name.rstrip("2"))
    assert ready["has_chat"] == (not name.startswith("paligemma"))
    assert ready["has_system"] == ready["has_chat"]
    assert ready["has_video"] == (name in WATCHES_VIDEOS)
    assert ready["max_images"] == (1 if name in ONE_PICTURE else 16)
    assert (ready["device"], ready["form"], ready["context"]) == ("cpu", "fp32", CONTEXT)


def test_describes_a_picture_in_pieces(family, torch_child):
    answer = list(torch_child.ask(picture()))
    assert answer[-1]["kind"] == "done", answer[-1]
    assert len([message for message in answer if message["kind"] == "text"]) > 1
    assert usage(answer)["tokens_out"] == 12


def test_says_none_of_the_prompt(family, torch_child):
    said = words(torch_child.ask(picture()))
    assert said
    assert not any(piece in said for piece in ("What is new?", "Say what you see", "caption en", "<image>", "<end>"))


def test_says_the_same_of_the_same_picture(family, torch_child):
    assert words(torch_child.ask(picture())) == words(torch_child.ask(picture()))


def test_several_pictures_cost_what_was_counted(family, torch_child):
    _, ready = family
    one, three = (usage(torch_child.ask(*[picture()] * number))["tokens_in"] for number in (1, 3))
    if ready["max_images"] == 1:
        assert three < 2 * one  # they became tiles of one
    else:
        assert three - one == pytest.approx(2 * Costs(ready["costs"]).of(320, 180), rel=0.2)


def test_larger_pictures_cost_more_where_they_do(family):
    name, ready = family
    costs = Costs(ready["costs"])
    assert (costs.of(1280, 720) > costs.of(80, 45)) == (name in GROWS)


@pytest.mark.parametrize("size", [(192, 108), (384, 216), (768, 432), (432, 768), (384, 384)])
def test_usual_pictures_cost_what_was_counted_when_it_was_loaded(family, torch_child, size):
    _, ready = family
    if ready["max_images"] > 1:
        one, two = (usage(torch_child.ask(*[picture(*size)] * number))["tokens_in"] for number in (1, 2))
        assert two - one == Costs(ready["costs"]).of(*size)


def test_a_cancel_ends_it_after_a_few_tokens(family, torch_child):
    answer = torch_child.ask(picture(), most=2000)
    for message in answer:
        if message["kind"] == "text":
            break
    torch_child.cancel()
    rest = list(answer)
    assert rest[-1]["kind"] == "done"
    assert usage(rest)["tokens_out"] < 1900


def test_the_end_of_its_context_is_told(family, torch_child):
    answer = list(torch_child.ask(picture(), most=CONTEXT))
    assert (answer[-1]["cause"], answer[-1]["facts"]) == ("context_too_long", {"limit": CONTEXT})
    assert list(torch_child.ask(picture()))[-1]["kind"] == "done"


def test_pictures_may_be_frames_of_a_video(family, torch_child):
    _, ready = family
    pictures = [picture(56, 56, colour) for colour in ("red", "green", "blue", "white")]
    answer = list(torch_child.ask(*pictures, video=True))
    assert answer[-1]["kind"] == "done", answer[-1]
    if ready["has_video"]:
        assert usage(answer)["tokens_in"] != usage(torch_child.ask(*pictures))["tokens_in"]


@pytest.mark.parametrize(
    ("opening", "begins"),
    [
        ("", False),
        ("<think>", True),
        ("{% if enable_thinking is not defined or enable_thinking %}{{ '<think>' }}{% endif %}", False),
        ("<think>a</think>\n", False),
    ],
    ids=["the model", "the prompt", "the prompt when asked to", "the prompt, and ends"],
)
def test_no_thought_is_said_whoever_begins_it(torch_child, tiny_vlms, tmp_path, opening, begins):
    folder = shutil.copytree(tiny_vlms / "thinker", tmp_path / "thinker")
    template = folder / "chat_template.jinja"
    end = "{% endif %}"
    template.write_text(template.read_text().strip().removesuffix(end) + opening + end)
    ready = torch_child.load(folder)
    assert (ready["kind"], ready["thinks_first"]) == ("ready", begins), ready
    speech = Words(thinks_first=ready["thinks_first"])
    answer = list(torch_child.ask(picture()))
    assert answer[-1]["kind"] == "done", answer[-1]
    assert usage(answer)["tokens_out"] == 6 - begins
    said = [speech.feed(message["text"]) for message in answer if message["kind"] == "text"]
    assert ("".join(said) + speech.rest(is_whole=True)).strip() == "A cup."


def test_a_cancel_at_any_moment_ends_it(torch_child, tiny_vlms):
    torch_child.load(tiny_vlms / "gemma3")
    for delay in (0.0, 0.01, 0.05, 0.2):
        answer = torch_child.ask(*[picture()] * 16, most=2000)
        timer = threading.Timer(delay, torch_child.cancel)
        timer.start()
        rest = list(answer)
        timer.join()
        assert rest[-1]["kind"] == "done"
        assert sum(message.get("tokens_out", 0) for message in rest) < 1900
