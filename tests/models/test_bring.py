"""Taking in files of the user's own."""

import os
import struct
import time
from pathlib import Path

import pytest
from fakes.hub import safetensors, sha256
from fakes.tiny_gguf import write_model, write_projector, write_text_model

from narrator.mailbox import Cancel
from narrator.models import store
from narrator.models.bring import bring
from narrator.models.failures import ModelError


@pytest.fixture
def tiny(tmp_path):
    return write_model(tmp_path / "given")


def take(*paths):
    return bring(paths, lambda _: None, Cancel())


def refused(*paths):
    with pytest.raises(ModelError) as caught:
        take(*paths)
    assert store.installed() == ()
    assert store.half_fetched() == ()
    return caught.value


def test_a_model_with_its_projector_is_taken_in_either_order(tiny):
    model = take(tiny.projector, tiny.text)
    assert (model.name, model.engine, model.title) == ("tiny", "gguf", "tiny")
    assert (model.model.name, model.projector.name) == ("tiny.gguf", "mmproj-tiny.gguf")
    assert model.model.read_bytes() == tiny.text.read_bytes()
    kept = {file.name: (file.sha256, file.told_by) for file in store.record_of("tiny").files}
    assert kept["tiny.gguf"] == (sha256(tiny.text.read_bytes()), "itself")


def test_the_only_projector_beside_it_is_found(tiny):
    assert take(tiny.text).projector.name == "mmproj-tiny.gguf"


def test_a_folder_is_taken_in(tiny):
    assert take(tiny.text.parent).name == "tiny"


def test_what_was_given_stays_and_takes_no_room_twice(tiny):
    model = take(tiny.text)
    assert model.model.samefile(tiny.text)
    store.forget("tiny")
    assert tiny.text.exists()


def test_from_another_disk_it_is_copied(tmp_path):
    shared = Path("/dev/shm")
    given = shared if shared.is_dir() and shared.stat().st_dev != tmp_path.stat().st_dev else tmp_path
    tiny = write_model(given / f"narrator-{os.getpid()}")
    try:
        assert take(tiny.text).model.read_bytes() == tiny.text.read_bytes()
    finally:
        for path in tiny.text.parent.iterdir():
            path.unlink()
        tiny.text.parent.rmdir()


def test_a_checkpoint_for_torch_is_taken_in_without_what_could_run_code(tmp_path):
    folder = tmp_path / "My Model"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "modeling.py", "pytorch_model.bin"):
        (folder / name).write_text("{}")
    (folder / "model.safetensors").write_bytes(safetensors(1000))
    model = take(folder)
    assert (model.name, model.engine, model.projector) == ("my-model", "torch", None)
    assert {path.name for path in model.model.iterdir()} >= {"config.json", "model.safetensors"}
    assert not (model.model / "modeling.py").exists()
    assert not (model.model / "pytorch_model.bin").exists()


def test_a_name_that_is_taken_is_told(tiny):
    take(tiny.text)
    with pytest.raises(ModelError) as caught:
        take(tiny.text)
    assert caught.value.sentence == "There is a model called tiny already."
    assert store.installed()[0].model.read_bytes() == tiny.text.read_bytes()


def test_a_cancel_leaves_nothing(tiny):
    cancelled = Cancel()
    cancelled.throw()
    assert bring([tiny.text], lambda _: None, cancelled) is None
    assert store.installed() == ()
    assert store.half_fetched() == ()


def test_a_model_without_its_projector_cannot_see(tiny):
    tiny.projector.unlink()
    error = refused(tiny.text)
    assert error.sentence == "tiny.gguf alone cannot see: the projector file that belongs to it is missing."
    assert error.remedy == "Give both: scene-narrator models import tiny.gguf MMPROJ.gguf"


def test_a_projector_alone_is_no_model(tiny):
    assert refused(tiny.projector).sentence == "mmproj-tiny.gguf is a projector, not a model."


def test_two_models_at_once_are_refused(tiny):
    other = write_text_model(tiny.text.with_name("other.gguf"))
    assert refused(tiny.text, other, tiny.projector).cause == "too_many"
    second = write_projector(tiny.text.with_name("mmproj-second.gguf"))
    assert refused(tiny.text, tiny.projector, second).cause == "too_many"
    assert refused(tiny.text).cause == "no_projector"


@pytest.mark.parametrize("share", [0.02, 0.5, 0.999])
def test_a_truncated_file_is_told(tiny, share):
    content = tiny.text.read_bytes()
    tiny.text.write_bytes(content[: int(len(content) * share)])
    assert refused(tiny.text, tiny.projector).sentence == "tiny.gguf is not whole: its end is missing."


NONE = [b"", b"GGUF", b"GGUF\x63\x00\x00\x00", b"GGUF" + b"\xff" * 60, b"PK\x03\x04" + bytes(100), bytes(1000)]


@pytest.mark.parametrize("content", NONE)
def test_a_file_of_another_kind_is_told(tiny, content):
    tiny.text.write_bytes(content)
    assert refused(tiny.text, tiny.projector).cause in ("not_gguf", "truncated")


def test_a_damaged_projector_beside_it_is_told(tiny):
    tiny.projector.write_bytes(tiny.projector.read_bytes()[:-500])
    assert refused(tiny.text).sentence == "mmproj-tiny.gguf is not whole: its end is missing."


def test_what_is_not_there_is_told(tmp_path):
    assert refused(tmp_path / "nothing.gguf").sentence == f"There is no file {tmp_path / 'nothing.gguf'}."
    assert refused(tmp_path).cause == "not_gguf"


def test_a_checkpoint_without_safetensors_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_text("{}")
    assert "its weights are not in safetensors" in refused(tmp_path).sentence


def test_a_truncated_checkpoint_is_told(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(safetensors(1000)[:-1])
    assert refused(tmp_path).sentence == "model.safetensors is not whole: its end is missing."
    (tmp_path / "model.safetensors").write_bytes(b"\x05" + bytes(7) + b"[" * 5)
    assert refused(tmp_path).sentence == "model.safetensors is not a model file."


def test_a_part_that_is_missing_is_told(tiny, tmp_path):
    for number in (1, 3):
        tiny.text.with_name(f"big-0000{number}-of-00003.gguf").write_bytes(tiny.text.read_bytes())
    first = tiny.text.with_name("big-00001-of-00003.gguf")
    assert refused(first, tiny.projector).sentence.startswith("big-00002-of-00003.gguf is missing")
    tiny.text.with_name("big-00002-of-00003.gguf").write_bytes(tiny.text.read_bytes()[:-9])
    assert refused(first, tiny.projector).cause == "truncated"
    tiny.text.with_name("big-00002-of-00003.gguf").write_bytes(tiny.text.read_bytes())
    assert len(store.record_of(take(first, tiny.projector).name).files) == 4
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(safetensors(1000))
    with pytest.raises(ModelError) as caught:
        take(tmp_path)
    assert caught.value.sentence.startswith("model-00002-of-00002.safetensors is missing")


def text(words):
    return struct.pack("<Q", len(words)) + words.encode()


def head(entries, tensors=0):
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, entries)


CRAFTED = [
    head(1) + text("a") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 3000 + struct.pack("<IQ", 0, 1),
    head(1) + text("a") + struct.pack("<I", 9) + struct.pack("<IQIQ", 9, 1, 0, 1) + b"x",
    head(1) + text("general.alignment") + struct.pack("<I", 8) + text("x"),
    head(1) + text("general.alignment") + struct.pack("<II", 4, 0),
    head(0, 1) + text("w") + struct.pack("<I", 200_000) + b"\xff" * 1_600_000 + struct.pack("<IQ", 0, 0),
    head(0, 1) + text("w") + struct.pack("<I", 5) + struct.pack("<5Q", 1, 1, 1, 1, 1) + struct.pack("<IQ", 0, 0),
]


@pytest.mark.parametrize("content", CRAFTED, ids=range(len(CRAFTED)))
def test_a_crafted_file_is_told_at_once(tiny, content):
    tiny.text.write_bytes(content + bytes(64))
    begun = time.process_time()
    assert refused(tiny.text, tiny.projector).cause in ("not_gguf", "truncated")
    assert time.process_time() - begun < 1


def test_a_path_that_no_system_has_is_told(tmp_path):
    error = refused(tmp_path / ("x" * 5000))
    assert error.sentence.endswith(" cannot be read.")
    assert len(error.sentence) < 100


def test_a_second_import_leaves_the_first_alone(tiny):
    """The second finds the folder held, and must not clean up what the first has taken in so far."""
    met = []

    def tell(_):
        with pytest.raises(ModelError) as caught:
            take(tiny.text)
        met.append(caught.value.cause)

    assert bring([tiny.text], tell, Cancel()) == store.installed()[0]
    assert set(met) == {"in_hand"}


def test_what_is_being_taken_in_is_not_removed_meanwhile(tiny):
    met = []

    def tell(_):
        with pytest.raises(ModelError) as caught:
            store.forget("tiny")
        met.append(caught.value.cause)

    assert bring([tiny.text], tell, Cancel()) == store.installed()[0]
    assert set(met) == {"in_hand"}
