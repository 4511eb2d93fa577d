"""How exactly a checkpoint is loaded: by what it has, what is free, and what was wished."""

import json
import struct

import pytest

from narrator.backends import _torch_fitting as fitting
from narrator.engines.failures import EngineFailed, failure

BILLION = 10**9
GB = 1e9


def write(path, tensors, data=None):
    """A safetensors file: `tensors` are data type and shape by name; `data` bytes follow, or as many as there must."""
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, (kind, shape) in tensors.items():
        start, end = end, end + 2 * shape[0] * shape[1]
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(end if data is None else data))


def write_index(folder, *names):
    table = {"weight_map": {str(place): name for place, name in enumerate(names)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(table))


def test_parameters_are_counted_over_the_files_of_the_index(tmp_path):
    write(tmp_path / "model-1.safetensors", {"a": ("BF16", (10, 20)), "b": ("F32", (1, 2))})
    write(tmp_path / "model-2.safetensors", {"c": ("BF16", (3, 4))})
    write(tmp_path / "consolidated.safetensors", {"a": ("F32", (100, 100))})
    write_index(tmp_path, "model-1.safetensors", "model-1.safetensors", "model-2.safetensors")
    assert fitting.weights(tmp_path) == fitting.Weights(214, "bf16")


def test_other_forms_of_the_same_weights_are_not_counted(tmp_path):
    write(tmp_path / "model.safetensors", {"a": ("BF16", (10, 20))})
    write(tmp_path / "model.fp32.safetensors", {"a": ("F32", (10, 20))})
    assert fitting.weights(tmp_path) == fitting.Weights(200, "bf16")
    write_index(tmp_path, "model.safetensors")
    assert fitting.weights(tmp_path) == fitting.Weights(200, "bf16")


@pytest.mark.parametrize("index", ["", "[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": "gone.safetensors"}}'])
def test_an_index_that_names_no_files_is_damage(tmp_path, index):
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(EngineFailed) as caught:
        fitting.weights(tmp_path)
    assert caught.value.cause == "model_unusable"


def test_only_files_that_would_be_loaded_make_a_model(tmp_path):
    write(tmp_path / "consolidated.safetensors", {"a": ("BF16", (10, 20))})
    with pytest.raises(EngineFailed) as caught:
        fitting.weights(tmp_path)
    assert caught.value.cause == "not_a_checkpoint"


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[:40]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"<!DOCTYPE html><title>404</title>"),
        lambda path: path.write_bytes(struct.pack("<Q", 2) + b"[]"),
        lambda path: path.write_bytes(struct.pack("<Q", 9) + b'{"a": {}}'),
    ],
    ids=["a byte short", "cut in its header", "empty", "a web page", "a list", "no tensor"],
)
def test_a_damaged_file_is_found_before_it_is_loaded(tmp_path, damage):
    path = tmp_path / "model.safetensors"
    write(path, {"a": ("F32", (10, 20))})
    damage(path)
    with pytest.raises(EngineFailed) as caught:
        fitting.weights(tmp_path)
    assert caught.value.cause == "model_unusable"


def test_a_folder_without_weights_is_no_model(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(EngineFailed) as caught:
        fitting.weights(tmp_path)
    assert caught.value.cause == "not_a_checkpoint"


@pytest.mark.parametrize(("cores", "usable", "threads"), [(8, 16, 7), (8, 4, 3), (8, 1, 1), (1, 1, 1), (4, 4, 3)])
def test_no_more_threads_than_this_process_may_use_cores(cores, usable, threads):
    assert fitting.threads(cores, usable) == threads


@pytest.mark.parametrize(
    ("free", "form"), [(24 * GB, "bf16"), (6.8 * GB, "bf16"), (6 * GB, "int8"), (4 * GB, "4bit"), (2.9 * GB, "4bit")]
)
def test_the_best_form_that_fits_is_taken(free, form):
    forms = fitting.forms("cuda", "bf16", "auto", quantised=fitting.QUANTISED, has_bf16=True)
    assert fitting.choose(3 * BILLION, free, forms) == form


def test_what_cannot_fit_is_refused_with_the_numbers():
    forms = fitting.forms("cuda", "bf16", "auto", quantised=fitting.QUANTISED, has_bf16=True)
    with pytest.raises(EngineFailed) as caught:
        fitting.choose(3 * BILLION, 2 * GB, forms)
    told = failure(caught.value.cause, **{"model": "PaliGemma 2", **caught.value.facts})
    assert told.sentence == "The model PaliGemma 2 needs 2.9 GB of memory, and 2.0 GB are free."
    assert "recommend" in told.remedy


@pytest.mark.parametrize(
    ("device", "stored", "wished", "quantised", "bf16", "forms"),
    [
        ("cuda", "bf16", "auto", fitting.QUANTISED, True, ("bf16", "int8", "4bit")),
        ("cuda", "fp32", "auto", (), False, ("fp16",)),
        ("cpu", "fp32", "auto", (), True, ("fp32", "bf16")),
        ("cpu", "bf16", "auto", fitting.QUANTISED, True, ("bf16", "int8", "4bit")),
        ("mps", "bf16", "auto", (), True, ("bf16",)),
        ("cuda", "bf16", "auto", ("int8",), True, ("bf16", "int8")),
        ("cuda", "bf16", "4bit", fitting.QUANTISED, True, ("4bit",)),
    ],
)
def test_what_may_be_tried(device, stored, wished, quantised, bf16, forms):
    assert fitting.forms(device, stored, wished, quantised=quantised, has_bf16=bf16) == forms
