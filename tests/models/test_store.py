"""Which models count as here, and what a record must be."""

import json

import pytest
from fakes.hub import sha256

from narrator.mailbox import Cancel
from narrator.models import store
from narrator.models.checking import verify
from narrator.models.failures import ModelError
from narrator.models.store import KeptFile, Record

TEXT, PROJECTOR = b"text" * 1000, b"projector" * 1000


def kept(name="tiny", engine="gguf"):
    folder = store.folder_of(name)
    folder.mkdir(parents=True)
    (folder / "m.gguf").write_bytes(TEXT)
    (folder / "mmproj.gguf").write_bytes(PROJECTOR)
    files = (
        KeptFile("m.gguf", len(TEXT), sha256(TEXT), "hub"),
        KeptFile("mmproj.gguf", len(PROJECTOR), sha256(PROJECTOR)),
    )
    return store.keep(Record(name, engine, name.title(), files, "m.gguf", "mmproj.gguf"))


def test_nothing_is_here_at_first():
    assert store.installed() == ()
    assert store.locate("tiny", "gguf") is None
    assert store.preferred("gguf") is None


def test_a_kept_model_is_found_by_its_name():
    model = kept()
    assert store.locate("tiny", "gguf") == model
    assert (model.model.name, model.projector.name, model.size) == ("m.gguf", "mmproj.gguf", 13_000)
    assert store.locate("tiny", "torch") is None
    assert store.preferred("gguf") == model


ALIKE = ["owner/name", "owner--name", "Owner/name", "owner/name:q8_0", "owner/name--q8_0", ".owner", "owner", "owner."]


def test_names_with_a_slash_keep_apart_from_each_other():
    kept("owner/name")
    kept("owner/name:Q8_0")
    assert [model.name for model in store.installed()] == ["owner/name", "owner/name:Q8_0"]
    assert len({store.folder_of(name).name.casefold() for name in ALIKE}) == len(ALIKE)


def test_a_model_with_a_file_missing_or_cut_is_not_here():
    model = kept()
    model.model.write_bytes(TEXT[:-1])
    assert store.installed() == ()
    model.model.unlink()
    assert store.installed() == ()
    assert store.record_of("tiny").name == "tiny"


DAMAGED = [
    "",
    "[]",
    '"text"',
    json.dumps({"name": 7, "engine": "gguf", "title": "", "files": []}),
    "{",
    "[" * 100_000,
    json.dumps({"name": "tiny", "engine": "gguf", "title": "", "files": []}) + "x",
    json.dumps({"name": "tiny", "engine": "onnx", "title": "", "files": []}),
    json.dumps({"name": "tiny", "engine": "gguf", "title": "", "files": [], "model": "../../secret"}),
    json.dumps({"name": "tiny", "engine": "gguf", "title": "", "files": [{"name": "../x", "size": 1, "sha256": ""}]}),
    json.dumps({"name": "other", "engine": "gguf", "title": "", "files": []}),
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_record_counts_as_none(text):
    model = kept()
    model.model.with_name(".record.json").write_text(text)
    assert store.installed() == ()


def test_a_model_is_forgotten_whole():
    model = kept()
    assert store.forget("tiny") > 13_000
    assert not model.model.parent.exists()


def test_of_several_the_best_that_runs_live_is_preferred():
    kept("smolvlm-256m")
    kept("smolvlm-500m")
    kept("of-my-own")
    assert store.preferred("gguf").name in ("smolvlm-256m", "smolvlm-500m")


def verdicts(name="tiny"):
    return {verdict.file: (verdict.flaw, verdict.told_by) for verdict in verify(name, lambda _: None, Cancel())}


def test_whole_files_are_whole():
    kept()
    assert verdicts() == {"m.gguf": ("", "hub"), "mmproj.gguf": ("", "itself")}


def test_every_flaw_is_told():
    model = kept()
    model.model.write_bytes(TEXT[:-1] + b"?")
    model.projector.unlink()
    assert verdicts() == {"m.gguf": ("changed", "hub"), "mmproj.gguf": ("missing", "itself")}
    model.model.write_bytes(TEXT[:-1])
    model.projector.write_bytes(PROJECTOR + b"?")
    assert verdicts() == {"m.gguf": ("too short", "hub"), "mmproj.gguf": ("too long", "itself")}


def test_a_check_can_be_cancelled_and_tells_how_far_it_is():
    kept()
    told, cancelled = [], Cancel()
    verify("tiny", told.append, cancelled)
    assert (told[-1].done, told[-1].total, told[-1].doing) == (13_000, 13_000, "checking")
    cancelled.throw()
    assert verify("tiny", told.append, cancelled) == ()


def test_what_is_not_here_cannot_be_checked():
    with pytest.raises(ModelError) as caught:
        verify("tiny", lambda _: None, Cancel())
    assert caught.value.sentence == "There is no model called tiny on this computer."


def test_a_half_fetched_model_is_told_apart():
    folder = store.folder_of("owner/half")
    folder.mkdir(parents=True)
    (folder / "m.gguf.abc.part").write_bytes(b"x")
    assert store.half_fetched() == (folder.name,)
    store.begin("owner/half")
    kept()
    assert store.half_fetched() == ("owner/half",)
    assert store.left_over() == ()
    assert store.forget("owner/half") > 0
    assert store.half_fetched() == ()


@pytest.mark.parametrize("name", ["crashed", "Crashed Folder", "crashed@0123"])
def test_a_folder_that_nobody_knows_is_left_over_and_can_be_removed(name):
    folder = store.models_folder() / name
    folder.mkdir(parents=True)
    (folder / "x.gguf").write_bytes(TEXT)
    assert store.left_over() == store.half_fetched() == (name,)
    assert store.is_left_over(name)
    assert store.forget(name) == len(TEXT)
    assert store.half_fetched() == ()


def test_of_a_linked_folder_only_the_link_is_removed(tmp_path):
    model = kept()
    elsewhere = model.model.parent.rename(tmp_path / "elsewhere")
    store.folder_of("tiny").symlink_to(elsewhere)
    assert store.installed()
    before = {path.name for path in elsewhere.iterdir()}
    assert store.is_shared("tiny")
    assert store.forget("tiny") == 0
    assert store.installed() == ()
    assert {path.name for path in elsewhere.iterdir()} == before


def test_what_stays_does_not_count_as_free(tmp_path):
    model = kept()
    assert not store.is_shared("tiny")
    (tmp_path / "mine.gguf").hardlink_to(model.model)
    assert store.is_shared("tiny")
    assert 0 < store.forget("tiny") - len(PROJECTOR) < 2000
    assert (tmp_path / "mine.gguf").read_bytes() == TEXT
