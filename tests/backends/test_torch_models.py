"""Checkpoints and pictures that cannot be used, forms that take less memory, and memory that is given back."""

import json
import shutil
import struct

import psutil
import pytest
from fakes.torch_talk import data_uri, picture

from narrator.engines.failures import FAILURES, failure


def configure(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def replace_weights(folder, other):
    shutil.copy(other / "model.safetensors", folder / "model.safetensors")


def truncate(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def empty_weights(folder):
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")


def only_pickled(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


DAMAGES = {
    "a text model": ("cannot_see", lambda folder, _: configure(folder, model_type="llama")),
    "an unknown kind": ("model_unusable", lambda folder, _: configure(folder, model_type="vision9000")),
    "code of its own": (
        "own_code",
        lambda folder, _: configure(folder, model_type="vision9000", auto_map={"AutoModel": "model.Model"}),
    ),
    "another size": (
        "model_unusable",
        lambda folder, _: configure(folder, vision_config={"model_type": "clip_vision_model", "hidden_size": 48}),
    ),
    "half a configuration": ("model_unusable", lambda folder, _: (folder / "config.json").write_text('{"model_type"')),
    "a list for a configuration": ("model_unusable", lambda folder, _: (folder / "config.json").write_text("[]")),
    "no configuration": ("not_a_checkpoint", lambda folder, _: (folder / "config.json").unlink()),
    "no weights": ("not_a_checkpoint", lambda folder, _: (folder / "model.safetensors").unlink()),
    "pickled weights": ("not_a_checkpoint", lambda folder, _: only_pickled(folder)),
    "half the weights": ("model_unusable", lambda folder, _: truncate(folder)),
    "empty weights": ("model_unusable", lambda folder, _: empty_weights(folder)),
    "weights of another": ("model_unusable", lambda folder, root: replace_weights(folder, root / "gemma3")),
    "no tokenizer": (
        "model_unusable",
        lambda folder, _: [(folder / name).unlink() for name in ("tokenizer.json", "tokenizer_config.json")],
    ),
    "half a tokenizer": ("model_unusable", lambda folder, _: (folder / "tokenizer.json").write_text('{"version": "1')),
    "no processor": ("model_unusable", lambda folder, _: (folder / "processor_config.json").unlink()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_model_that_cannot_be_used_says_why(torch_child, tiny_vlms, tmp_path, damage):
    cause, spoil = DAMAGES[damage]
    folder = tmp_path / "spoilt"
    shutil.copytree(tiny_vlms / "llava", folder)
    spoil(folder, tiny_vlms)
    answer = torch_child.load(folder)
    assert answer["kind"] == "failed", answer
    assert answer["cause"] == cause, answer["detail"]
    assert "spoilt" in failure(cause, model="spoilt", **answer["facts"]).sentence


def test_after_a_model_that_cannot_be_used_another_can(torch_child, tiny_vlms, tmp_path):
    assert torch_child.load(tmp_path)["cause"] == "not_a_checkpoint"
    assert torch_child.load(tiny_vlms / "llava")["kind"] == "ready"


def test_a_device_that_is_not_there_is_told(torch_child, tiny_vlms):
    answer = torch_child.load(tiny_vlms / "llava", device="cuda")
    assert failure(answer["cause"], **answer["facts"]).sentence == "Torch finds no graphics card on this computer."


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:9/picture.jpg",
        "file:///etc/hostname",
        "/etc/hostname",
        "data:text/html;base64,aGVsbG8=",
        "data:image/jpeg;base64,aGVsbG8=",
        "data:image/jpeg;base64,!!!",
        "data:image/jpeg;base64,",
        data_uri(picture().picture.jpeg[:400]),
    ],
    ids=["an address", "a file", "a path", "no picture", "no JPEG", "no base64", "nothing", "half a picture"],
)
def test_only_pictures_within_the_request_are_seen(torch_child, tiny_vlms, uri):
    torch_child.load(tiny_vlms / "llava")
    assert torch_child.ask_about(uri)[-1]["cause"] == "bad_request"
    assert list(torch_child.ask(picture()))[-1]["kind"] == "done"


@pytest.mark.parametrize("form", ["fp32", "bf16", "fp16", "int8", "4bit"])
@pytest.mark.parametrize("family", ["paligemma2", "llava", "qwen2_5_vl"])
def test_describes_in_every_form(torch_child, tiny_vlms, family, form):
    ready = torch_child.load(tiny_vlms / family, precision=form)
    assert (ready["kind"], ready["form"]) == ("ready", form)
    last = list(torch_child.ask(picture()))[-1]
    assert last["kind"] == "done", last["detail"]


def test_several_pictures_for_a_model_that_sees_one_become_a_contact_sheet(torch_child, tiny_vlms):
    ready = torch_child.load(tiny_vlms / "paligemma", pictures=4)
    assert (ready["max_images"], ready["is_sheet"]) == (4, True)
    one, four = ([*torch_child.ask(*[picture()] * count)][-2]["tokens_in"] for count in (1, 4))
    assert one == four


def test_ten_models_in_a_row_leave_no_more_memory_than_two(torch_child, tiny_vlms):
    def load_and_describe():
        for family in ("llava", "gemma3"):
            assert torch_child.load(tiny_vlms / family)["kind"] == "ready"
            assert list(torch_child.ask(picture()))[-1]["kind"] == "done"
        return psutil.Process(torch_child.pid).memory_info().rss

    taken = [load_and_describe() for _ in range(6)]
    assert taken[-1] < 1.05 * taken[0]


def test_every_cause_of_this_engine_has_a_sentence():
    ours = ("not_a_checkpoint", "own_code", "torchvision_missing", "torchvision_unfit", "device_missing")
    assert all(FAILURES[cause].sentence.endswith(".") and FAILURES[cause].remedy for cause in ours)
