"""Which files are meant, and everything that can be wrong with them: each is told in a sentence, and nothing hangs."""

import os
import shutil
import struct
import tempfile
from pathlib import Path

import pytest
from fakes import tiny_gguf
from fakes.gguf_talk import ENGINES, Talk
from fakes.processes import children_of
from fakes.waiting import eventually
from gguf import GGUFWriter

from narrator.backends import gguf
from narrator.engines.failures import OutOfMemory
from narrator.errors import BackendRefused, PartMissing
from narrator.models import gguf_header, store
from narrator.models.failures import ModelError
from narrator.seams import Context
from narrator.settings import Settings


@pytest.fixture
def folder(tmp_path):
    tiny_gguf.write_model(tmp_path)
    return tmp_path


@pytest.fixture(params=ENGINES)
def talk(request, folder):
    talk = Talk(request.param, tiny_gguf.TinyModel(folder / "tiny.gguf", folder / "mmproj-tiny.gguf"))
    yield talk
    talk.close()


def refusal(talk, error=BackendRefused):
    """What the user hears, and the remedy; no process is left."""
    ran = set(children_of(os.getpid()))
    with pytest.raises(error) as caught:
        talk.open()
    assert eventually(lambda: not set(children_of(os.getpid())) - ran)
    return caught.value.sentence, caught.value.remedy


class TestBadFiles:
    """Section by section: what was given, and what is said."""

    def test_not_a_gguf(self, talk, folder):
        (folder / "tiny.gguf").write_bytes(b"PK\x03\x04" + bytes(1000))
        sentence, remedy = refusal(talk)
        assert sentence == "tiny.gguf is not a model file."
        assert ".gguf" in remedy

    @pytest.mark.parametrize("content", [b"", b"GG", b"<!DOCTYPE html><html>"])
    def test_hardly_a_file(self, talk, folder, content):
        (folder / "tiny.gguf").write_bytes(content)
        assert refusal(talk)[0] == "tiny.gguf is not a model file."

    @pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.9])
    @pytest.mark.parametrize("file", ["tiny.gguf", "mmproj-tiny.gguf"])
    def test_truncated(self, talk, folder, share, file):
        tiny_gguf.write_truncated(folder / file, folder / file, share)
        sentence, remedy = refusal(talk)
        assert sentence == f"The file {file} is damaged: a part of it is missing."
        assert "models verify" in remedy

    def test_truncated_in_its_last_weights(self, talk, folder):
        tiny_gguf.write_truncated(folder / "tiny.gguf", folder / "tiny.gguf", 0.999)
        assert refusal(talk)[0].startswith("The file tiny.gguf is damaged")

    def test_nonsense_in_its_head(self, talk, folder):
        (folder / "tiny.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 2**60, 2**60) + os.urandom(4000))
        assert "is damaged" in refusal(talk)[0]

    def test_the_projector_of_another_model(self, talk, folder):
        tiny_gguf.write_projector(folder / "mmproj-tiny.gguf", text_width=48)
        sentence, remedy = refusal(talk)
        assert sentence == "The projector file does not fit the model tiny."
        assert "came with this model" in remedy

    def test_a_text_model_for_a_projector(self, talk, folder):
        talk.set(projector=str(folder / "tiny.gguf"))
        assert refusal(talk)[0] == "The projector file does not fit the model tiny."

    def test_a_projector_for_a_model(self, talk, folder):
        talk.set(model=str(folder / "mmproj-tiny.gguf"))
        sentence, remedy = refusal(talk)
        assert sentence == "The file mmproj-tiny.gguf lets a model see, but is no model itself."
        assert "gguf.model" in remedy

    def test_a_text_model_alone(self, talk, folder):
        (folder / "mmproj-tiny.gguf").unlink()
        talk.set(projector="")
        sentence, remedy = refusal(talk)
        assert sentence == "The model tiny cannot see without its projector file."
        assert "reads text only" in remedy

    def test_an_architecture_that_nobody_knows(self, talk, folder):
        tiny_gguf.write_text_model(folder / "tiny.gguf", architecture="nonesuch")
        sentence, remedy = refusal(talk)
        assert sentence == "The engine does not know models of the kind nonesuch."
        assert "newer version" in remedy

    def test_a_projector_that_nobody_knows(self, talk, folder):
        tiny_gguf.write_projector(folder / "mmproj-tiny.gguf", "nonesuch")
        assert refusal(talk)[0] == "The engine does not know models of the kind nonesuch."

    def test_larger_than_the_memory(self, talk, folder):
        with (folder / "tiny.gguf").open("r+b") as file:
            file.truncate(2**42)  # a hole: it takes no room on the disk
        sentence, remedy = refusal(talk)
        assert sentence.startswith("The model tiny needs 4398.")
        assert " GB of memory, and " in sentence
        assert "models recommend" in remedy

    @pytest.mark.parametrize(
        "name", ["nothing.gguf", "/nowhere/at/all.gguf", "~nobody/x.gguf", "x" * 5000, "no-such-model"]
    )
    def test_a_path_or_a_name_that_is_not_there(self, talk, name):
        talk.set(model=name)
        sentence, remedy = refusal(talk)
        assert "is not on this computer." in sentence
        assert "models get" in remedy

    def test_a_projector_that_is_not_there(self, talk):
        talk.set(projector="/nowhere/mmproj.gguf")
        assert "without its projector" in refusal(talk)[0]

    def test_a_file_that_may_not_be_read(self, talk, folder):
        (folder / "tiny.gguf").unlink()
        (folder / "tiny.gguf").symlink_to("/proc/1/mem")
        assert refusal(talk)[0]

    def test_no_model_at_all(self, talk, monkeypatch, tmp_path):
        talk.set(model="", projector="")
        assert refusal(talk)[0] == "No model was chosen for llama.cpp."


@pytest.fixture
def unlisted(tmp_path_factory):
    """A folder whose files can be read by their names, but which cannot be looked into, not even by root."""
    folder = Path(tempfile.mkdtemp())
    tiny_gguf.write_model(folder)
    folder.chmod(0o311)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    yield folder
    if is_root:
        os.seteuid(0)
    folder.chmod(0o700)
    shutil.rmtree(folder)


class TestWhatCannotBeLookedInto:
    """It is neither ready nor the end of the program, which asks whether it is before anything else."""

    @pytest.mark.parametrize("name", ["tiny.gguf", ""])
    def test_a_folder(self, unlisted, name):
        options = dict(Settings.defaults().values) | {"gguf.model": str(unlisted / name)}
        assert gguf.ready(options) == ""
        with pytest.raises(BackendRefused, match=r"cannot see without its projector|is not on this computer"):
            gguf.create("", Context(options)).open()

    def test_with_both_files_named_is_used(self, unlisted):
        both = {"gguf.model": str(unlisted / "tiny.gguf"), "gguf.projector": str(unlisted / "mmproj-tiny.gguf")}
        assert gguf.ready(dict(Settings.defaults().values) | both) == "tiny"

    @pytest.mark.parametrize(
        "name", ["~nosuchuser", "~nosuchuser/x.gguf", "x" * 5000, "x/" * 2500, "x\0y.gguf", "\udc80.gguf", "..", "/"]
    )
    @pytest.mark.parametrize("setting", ["gguf.model", "gguf.projector"])
    def test_an_odd_path(self, folder, setting, name):
        options = dict(Settings.defaults().values) | {"gguf.model": str(folder / "tiny.gguf"), setting: name}
        assert gguf.ready(options) == ""
        with pytest.raises(BackendRefused):
            gguf.create("", Context(options)).open()


class TestChoosing:
    def test_the_only_projector_beside_the_model_is_taken(self, talk):
        talk.set(projector="")
        talk.open()
        assert talk.text() == "The scene is mostly red."

    def test_of_several_none_is_guessed(self, talk, folder):
        tiny_gguf.write_projector(folder / "mmproj-other.gguf")
        talk.set(projector="")
        assert "without its projector" in refusal(talk)[0]

    def test_a_folder_with_one_model_will_do(self, talk, folder):
        talk.set(model=str(folder), projector="")
        talk.open()
        assert talk.told[0] == "tiny is loading."

    def test_a_fetched_model_goes_by_its_name(self, talk, folder):
        fetched(folder)
        talk.set(model="tiny-vision", projector="")
        talk.open()
        assert talk.told[0] == "Tiny Vision is loading."

    def test_a_fetched_model_is_taken_when_none_is_named(self, talk, folder):
        fetched(folder)
        talk.set(model="", projector="")
        talk.open()
        assert talk.told[0] == "Tiny Vision is loading."
        assert gguf.offers("gguf.model") == [("", "The best that is here"), ("tiny-vision", "Tiny Vision")]

    def test_the_projector_of_the_settings_is_that_of_their_model(self, talk, folder):
        fetched(folder)
        (folder / "mmproj-tiny.gguf").rename(folder / "mmproj-other.gguf")
        (folder / "elsewhere").mkdir()
        other = str(tiny_gguf.write_projector(folder / "elsewhere" / "mmproj.gguf", text_width=48))
        for argument, model in (("", ""), ("tiny-vision", ""), ("tiny-vision", "another.gguf")):
            talk.set(model=model, projector=other).open(argument)
            assert talk.text() == "The scene is mostly red."
        talk.set(model="another.gguf").open(str(folder / "tiny.gguf"))  # the one beside it
        assert talk.text() == "The scene is mostly red."
        talk.set(model="tiny-vision")
        assert "does not fit" in refusal(talk)[0]

    def test_the_projector_of_the_settings_is_that_of_a_file_that_is_named_outright(self, talk, folder):
        (folder / "elsewhere").mkdir()
        projector = (folder / "mmproj-tiny.gguf").rename(folder / "elsewhere" / "seeing.gguf")
        talk.set(model="", projector=str(projector)).open(str(folder / "tiny.gguf"))
        assert talk.text() == "The scene is mostly red."

    def test_ready_names_the_model_that_would_answer(self, talk, folder):
        assert gguf.ready(talk.options) == "tiny"
        talk.set(model="", projector="")
        assert gguf.ready(talk.options) == ""
        fetched(folder)
        assert gguf.ready(talk.options) == "Tiny Vision"


def fetched(folder):
    """Put both files where fetched models lie."""
    kept = []
    store.folder_of("tiny-vision").mkdir(parents=True)
    for name in ("tiny.gguf", "mmproj-tiny.gguf"):
        content = (folder / name).read_bytes()
        (store.folder_of("tiny-vision") / name).write_bytes(content)
        kept.append(store.KeptFile(name, len(content), "0" * 64))
    names = {"model": "tiny.gguf", "projector": "mmproj-tiny.gguf"}
    store.keep(store.Record("tiny-vision", "gguf", "Tiny Vision", tuple(kept), **names))


def test_without_an_engine_the_command_that_installs_one_is_named(folder, tmp_path):
    """In a Python without packages beyond the standard library's and the seams' own."""
    import subprocess
    import sys

    script = (
        "import sys, importlib.util as util\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name in ('xllamacpp', 'llama_cpp') else found(name, *rest)\n"
        "from narrator.backends import gguf\n"
        "from narrator.errors import PartMissing\n"
        "from narrator.seams import Context\n"
        "from narrator.settings import Settings\n"
        "options = dict(Settings.defaults().values) | {'gguf.model': sys.argv[1], 'gguf.engine': sys.argv[2]}\n"
        "assert gguf.ready(options) == ''\n"
        "try:\n"
        "    gguf.create('', Context(options)).open()\n"
        "except PartMissing as error:\n"
        "    print(error.sentence, error.remedy)\n"
    )
    for engine, extra in (("auto", "local"), ("xllamacpp", "local"), ("llama-cpp-python", "llama-cpp-python")):
        command = [sys.executable, "-c", script, str(folder / "tiny.gguf"), engine]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "The engine for this model is not installed." in said
        assert f'pip install "scene-narrator[{extra}]"' in said
    assert issubclass(PartMissing, BackendRefused)


class TestReading:
    def test_tells_what_a_file_is(self, folder):
        model, projector = (gguf_header.read(folder / name) for name in ("tiny.gguf", "mmproj-tiny.gguf"))
        assert (model.architecture, model.is_projector, model.number("context_length")) == ("llama", False, 8192)
        assert "add_generation_prompt" in model.template
        assert (projector.is_projector, projector.number("vision.patch_size")) == (True, 8)
        assert projector.fields["clip.vision.image_mean"] == [0.5] * 3

    def test_survives_any_cut(self, folder, tmp_path):
        whole = (folder / "mmproj-tiny.gguf").read_bytes()
        place = tmp_path / "cut.gguf"
        for end in range(4, 1200, 7):
            place.write_bytes(whole[:end])
            with pytest.raises(ModelError) as caught:
                gguf_header.read(place)
            assert caught.value.cause == "truncated"

    def test_survives_any_wrong_byte(self, folder, tmp_path):
        whole = (folder / "mmproj-tiny.gguf").read_bytes()
        place = tmp_path / "wrong.gguf"
        for spot in range(4, 1000, 3):
            place.write_bytes(whole[:spot] + b"\xff" + whole[spot + 1 :])
            try:
                gguf_header.read(place)
            except ModelError:
                continue

    @pytest.mark.parametrize(
        ("kind", "alignment"), [("uint32", 0), ("int32", -32), ("float32", 32.5), ("string", "x"), ("array", [32])]
    )
    def test_an_alignment_that_none_can_have_is_damage(self, talk, tmp_path, kind, alignment):
        writer = GGUFWriter(tmp_path / "odd.gguf", "llama")
        getattr(writer, f"add_{kind}")("general.alignment", alignment)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()
        talk.set(model=str(tmp_path / "odd.gguf"))
        assert refusal(talk)[0] == "The file odd.gguf is damaged: a part of it is missing."

    def test_arrays_within_arrays_without_end_are_damage(self, tmp_path):
        head = b"GGUF" + struct.pack("<IQQQ1sI", 3, 0, 1, 1, b"x", 9)
        (tmp_path / "deep.gguf").write_bytes(head + struct.pack("<IQ", 9, 1) * 5000)
        with pytest.raises(ModelError, match="not whole"):
            gguf_header.read(tmp_path / "deep.gguf")


def test_no_memory_while_it_loads_is_told(folder):
    """The engine's own message, as it writes it when the system gives it none."""
    from narrator.backends._gguf_engine import load_failure

    for log in ("ggml_aligned_malloc: failed to allocate 8192.00 MB", "cudaMalloc failed: out of memory"):
        assert load_failure(log, RuntimeError("Failed to init server")).cause == "out_of_memory"
    assert load_failure("", MemoryError()).cause == "out_of_memory"
    assert issubclass(OutOfMemory, BackendRefused)
