"""Models that are not in the catalogue, fetched and gone on with in the window; and those that are damaged."""

import sys

import pytest
from fakes import tiny_gguf
from fakes.hub import gguf, sha256
from fakes.model_desk import Desk
from PySide6.QtWidgets import QLabel

from narrator import installing, registry
from narrator.mailbox import Cancel
from narrator.models import store
from narrator.models.address import Hub
from narrator.models.download import get
from narrator_ui import model_shelf

OWN = "somebody/sees-well-GGUF"
TEXT, PROJECTOR = "sees-well-Q8_0.gguf", "mmproj-sees-well-Q8_0.gguf"
FILES = {TEXT: gguf(921_600), PROJECTOR: gguf(307_200, b"projector", "clip")}


@pytest.fixture(autouse=True)
def hub_of_our_own(hub, monkeypatch):
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "SCENE_NARRATOR_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    hub.add(OWN, FILES)


@pytest.fixture
def desk(qtbot, undressed):
    made = []

    def sit(**more):
        made.append(Desk(qtbot, **more))
        return made[-1]

    yield sit
    for each in made:
        each.errand.stop()


def part_bytes():
    return sum(path.stat().st_size for path in store.folder_of(OWN).glob("*.part"))


def ask_for(at, name):
    at.press("Alt+O")
    at.qtbot.waitUntil(at.dialog.other.field.hasFocus)
    at.qtbot.keyClicks(at.dialog.other.field, name)
    at.press("Return")


def have_it(hub, name=OWN):
    return get(name, lambda _: None, Cancel(), Hub(hub.url))


@pytest.mark.parametrize("written", [OWN, f"  {OWN} ", f"{OWN}:Q8_0"])
def test_a_repository_is_fetched_by_its_name_and_used(desk, written):
    at = desk()
    ask_for(at, written)
    name = written.strip()
    at.until_said(f"{name} is here, and every file is what it should be.")
    at.qtbot.waitUntil(lambda: at.dialog.entry() is not None and at.dialog.entry().name == name)
    assert sha256(store.installed()[0].model.read_bytes()) == sha256(FILES[TEXT])
    assert at.dialog.web.isEnabled()
    at.press("Alt+U")
    assert at.applied == [{"backend": "gguf", "gguf.model": name, "gguf.projector": ""}]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("smolvlm-256n", "There is no model called smolvlm-256n. Did you mean smolvlm-256m? Give OWNER/NAME"),
        ("nobody/nothing", "or it is not public. Check how the name is spelled"),
    ],
)
def test_a_name_that_leads_nowhere_is_told(desk, written, told):
    at = desk()
    ask_for(at, written)
    at.until_said(told)
    assert "scene-narrator" not in at.said[-1]
    assert store.half_fetched() == ()
    assert at.dialog.isVisible()


def test_a_name_of_the_list_is_that_model(desk, hub):
    at = desk()
    ask_for(at, "moondream-2")
    at.until_said("or it is not public")
    assert at.said[0] == "Downloading Moondream 2."


def test_a_repository_with_terms_asks_for_a_token_here(desk, hub):
    hub.repositories[OWN].is_gated = True
    at = desk()
    assert not at.dialog.token.isVisible()
    ask_for(at, OWN)
    at.until_said("is given only to those who accept its terms.")
    at.qtbot.waitUntil(at.dialog.token.isVisible)


def test_what_came_of_a_repository_is_gone_on_with(desk, hub):
    hub.behaviour.stalls_at = 600_000
    at = desk()
    ask_for(at, OWN)
    at.qtbot.waitUntil(lambda: part_bytes() >= 600_000, timeout=10_000)
    at.press("Alt+P")
    at.until_said("is kept; Download goes on from there")
    at.until_listed("partly downloaded")
    assert at.dialog.entry().name == OWN
    assert at.dialog.download.isEnabled()
    kept, hub.behaviour.stalls_at = part_bytes(), -1
    at.press("Alt+D")
    at.until_said(f"{OWN} is here")
    assert hub.bodies[1].range == f"bytes={kept}-"


def test_what_nobody_can_go_on_with_can_only_be_removed(desk):
    folder = store.models_folder() / "nobody--model"
    folder.mkdir(parents=True)
    (folder / "model.gguf.0123.part").write_bytes(b"x")
    at = desk()
    at.stand_on("nobody--model")
    assert not at.dialog.download.isEnabled()
    assert at.dialog.remove.isEnabled()


def test_a_model_of_the_users_own_that_is_damaged_is_listed_and_removed(desk, tmp_path):
    files = tiny_gguf.write_model(tmp_path / "own")
    at = desk()
    at.dialog.add_files([str(files.text), str(files.projector)])
    at.until_said("is here.")
    at.qtbot.waitUntil(lambda: "tiny" in at.names())
    at.dialog.reject()
    store.locate("tiny", "gguf").model.unlink()
    at.open()
    at.stand_on("tiny")
    assert "damaged" in at.dialog.models.currentItem().text()
    assert "Damaged: a file is gone or has changed." in at.dialog.details.toPlainText()
    assert not at.dialog.use.isEnabled()
    assert not at.dialog.download.isEnabled()
    at.press("Alt+K")
    at.until_said("is missing. Remove the model, then download it again.")
    at.press("Alt+R")
    at.answer("R")
    at.qtbot.waitUntil(lambda: "tiny" not in at.names(), timeout=10_000)
    assert store.records() == ()


def test_a_damaged_one_of_a_repository_is_fetched_again(desk, hub):
    with have_it(hub).model.open("r+b") as file:
        file.truncate(500_000)
    at = desk()
    at.stand_on(OWN)
    assert "damaged" in at.dialog.models.currentItem().text()
    at.press("Alt+D")
    at.until_said(f"{OWN} is here")
    at.until_listed("on this computer")
    assert sha256(store.installed()[0].model.read_bytes()) == sha256(FILES[TEXT])


def test_a_missing_engine_is_told_with_the_python_of_this_program(monkeypatch):
    extra = registry.spec_of("backends", "gguf").extra  # loaded while it can be found
    monkeypatch.setattr(sys, "path", [])
    for module in ("xllamacpp", "llama_cpp"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    assert model_shelf.engine_missing("gguf").endswith(installing.command(extra))


def test_the_field_is_told_to_who_cannot_see_it(desk):
    at = desk()
    label = next(label for label in at.dialog.other.findChildren(QLabel) if label.buddy() is not None)
    assert label.buddy() is at.dialog.other.field
    assert "OWNER/NAME" in at.dialog.other.field.accessibleDescription()
    assert not at.dialog.other.button.isEnabled()
