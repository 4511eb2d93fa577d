"""Models fetched, checked, removed, added and chosen in the window, from a hub of our own that stalls and lies."""

import threading
from pathlib import Path

import pytest
from fakes import tiny_gguf
from fakes.hub import gguf
from fakes.model_desk import RESTED_MS, Desk
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QMainWindow

from narrator.models import store
from narrator_ui import model_shelf
from narrator_ui.describer_dialog import DescriberDialog
from narrator_ui.models_dialog import ModelsDialog
from narrator_ui.theme import Theme

MODEL = gguf(921_600)
PROJECTOR = gguf(307_200, b"projector", "clip")
NAME = "moondream-2"
REPOSITORY = "ggml-org/moondream2-20250414-GGUF"
FILES = ("moondream2-text-model-f16.gguf", "moondream2-mmproj-f16.gguf")


@pytest.fixture(autouse=True)
def no_hub_of_the_users(monkeypatch):
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "SCENE_NARRATOR_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stocked(hub, monkeypatch):
    """A hub that has one model of the catalogue, with other contents, and which is the user's."""
    hub.add(REPOSITORY, dict(zip(FILES, (MODEL, PROJECTOR), strict=True)))
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    return hub


@pytest.fixture
def desk(qtbot, undressed, stocked):
    made = []

    def sit(**more):
        made.append(Desk(qtbot, **more))
        return made[-1]

    yield sit
    for each in made:
        each.errand.stop()


def have_it(hub):
    """The model is here, as if it had been fetched."""
    from narrator.mailbox import Cancel
    from narrator.models.address import Hub
    from narrator.models.download import get

    return get(NAME, lambda _: None, Cancel(), Hub(hub.url))


def part_bytes():
    return sum(path.stat().st_size for path in store.folder_of(NAME).glob("*.part"))


def test_the_recommended_one_comes_first_and_all_is_told_of_each(desk):
    dialog = desk().dialog
    first = dialog.models.item(0)
    assert "recommended" in first.text()
    assert dialog.advice.text().startswith("Recommended: ")
    assert first.text().startswith(dialog.advice.text().removeprefix("Recommended: ").partition(".")[0])
    heard = first.data(Qt.ItemDataRole.AccessibleTextRole)
    for words in (
        "recommended",
        "Not on this computer yet",
        "Download ",
        "memory about ",
        "English",
        "free for any use",
    ):
        assert words in heard
    assert "processor core" in dialog.machine.text()
    assert dialog.models.count() == len(model_shelf.read().entries)


def test_a_download_by_keys_is_told_in_quarters_and_the_model_can_be_used(desk, stocked):
    stocked.behaviour.pause = 0.1
    at = desk()
    at.stand_on()
    assert not at.dialog.use.isEnabled()
    at.press("Alt+D")
    at.qtbot.waitUntil(at.dialog.stop.hasFocus)
    at.qtbot.waitUntil(lambda: " left" in at.dialog.progress.text())
    assert at.dialog.bar.isVisible()
    assert "a second" in at.dialog.progress.text()
    assert not at.dialog.remove.isEnabled()
    at.until_said("every file is what it should be")
    quarters = [int(said.split()[0]) for said in at.said if said.split()[1] == "percent,"]
    assert quarters
    assert quarters == sorted(set(quarters))
    assert set(quarters) <= {25, 50, 75}
    assert at.said[0] == "Downloading Moondream 2."
    at.until_listed("on this computer")
    assert not at.dialog.stop.isVisible()
    assert at.dialog.models.hasFocus()
    assert store.installed()[0].model.read_bytes() == MODEL
    at.press("Alt+U")
    assert at.applied == [{"backend": "gguf", "gguf.model": NAME, "gguf.projector": ""}]
    assert not at.dialog.isVisible()


def test_what_came_before_a_stop_is_kept_and_the_rest_comes_later(desk, stocked):
    stocked.behaviour.stalls_at = 600_000
    at = desk()
    at.stand_on()
    at.press("Return")
    at.qtbot.waitUntil(lambda: part_bytes() >= 600_000, timeout=10_000)
    at.press("Alt+P")
    at.until_said("is kept; Download goes on from there")
    at.until_listed("partly downloaded")
    assert "Resume" in at.dialog.download.text()
    kept, stocked.behaviour.stalls_at = part_bytes(), -1
    at.press("Alt+D")
    at.until_said("is here")
    assert stocked.bodies[1].range == f"bytes={kept}-"
    assert store.installed()[0].model.read_bytes() == MODEL


def test_a_download_goes_on_when_the_dialog_is_closed_and_is_found_again(desk, stocked):
    stocked.behaviour.stalls_at = 300_000
    at = desk()
    at.stand_on()
    at.press("Alt+D")
    at.qtbot.waitUntil(lambda: part_bytes() >= 300_000, timeout=10_000)
    at.press("Escape")
    assert not at.dialog.isVisible()
    assert at.errand.task is not None
    at.open()
    assert at.dialog.stop.isVisible()
    assert "Moondream 2" in at.dialog.progress.text()
    at.dialog.stop.setFocus()
    at.press("Space")
    at.until_said("is kept")


def test_a_file_with_the_wrong_hash_is_told_and_not_kept(desk, stocked):
    stocked.behaviour.sends = {FILES[0]: bytes(len(MODEL))}
    at = desk()
    at.stand_on()
    at.press("Alt+D")
    at.until_said("its sha256 is wrong. It was deleted.")
    assert "its sha256 is wrong" in at.dialog.outcome.text().replace("\u200b", "")
    assert store.installed() == ()
    assert at.dialog.models.hasFocus()


def test_without_a_network_a_sentence_says_so(desk, monkeypatch, stocked):
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example.org")
    at = desk(offline=True)
    at.stand_on()
    at.press("Alt+D")
    at.until_said("The network is switched off, so nothing can be fetched. Start without --offline.")
    assert stocked.asked == []


def test_a_refusal_names_buttons_and_no_commands(desk, stocked):
    stocked.repositories.clear()
    at = desk()
    at.stand_on()
    at.press("Alt+D")
    at.until_said("or it is not public")
    assert "scene-narrator" not in at.said[-1]


def test_a_model_with_terms_takes_a_token_here(desk, stocked):
    at = desk()
    assert not at.dialog.token.isVisible()
    at.stand_on("paligemma-2-3b")
    assert at.dialog.token.isVisible()
    assert "accept" in at.dialog.details.toPlainText()
    at.dialog.token.test.click()
    at.qtbot.waitUntil(lambda: at.dialog.token.result.text().startswith("No token for 127.0.0.1 was kept."))
    assert "scene-narrator" not in at.dialog.token.result.text()


def test_a_model_is_checked_and_damage_is_told(desk, stocked):
    found = have_it(stocked)
    at = desk()
    at.stand_on()
    at.press("Alt+K")
    at.until_said("Moondream 2 is whole: every file is what it was.")
    with found.model.open("r+b") as file:  # its size never changes: it is looked at meanwhile
        file.write(bytes(9))
    at.press("Alt+K")
    at.until_said(f"Moondream 2 is damaged: {FILES[0]} is changed. Remove the model, then download it again.")


def test_a_model_is_removed_after_a_question(desk, stocked):
    have_it(stocked)
    at = desk(chosen=NAME)
    at.stand_on()
    assert "chosen" in at.dialog.models.currentItem().text()
    at.press("Delete")
    at.answer(Qt.Key.Key_K)
    at.qtbot.waitUntil(lambda: at.question() is None)
    assert store.installed()
    at.dialog.activateWindow()
    at.press("Alt+R")
    assert "It is the one that is chosen" in at.question().text()
    at.answer(Qt.Key.Key_R)
    at.until_said("Moondream 2 is removed; 1 MB are free again.")
    at.until_listed("")
    assert store.installed() == ()
    assert at.applied == [{"gguf.model": ""}], "another model may be the best that is here now"
    assert not at.dialog.use.isEnabled()


def test_a_setting_that_cannot_be_is_told_and_the_dialog_stays(desk, stocked):
    have_it(stocked)
    at = desk(problem="No such model.")
    at.stand_on()
    at.press("Return")
    assert at.dialog.isVisible()
    assert at.said == ["No such model."]


def test_a_model_of_the_users_own_is_taken_in(desk, tmp_path):
    files = tiny_gguf.write_model(tmp_path / "own")
    at = desk()
    at.dialog.add_files([str(files.text), str(files.projector)])
    at.until_said("is here.")
    at.qtbot.waitUntil(lambda: "tiny" in at.names())
    at.stand_on("tiny")
    assert at.dialog.use.isEnabled()
    at.dialog.add_files([str(files.projector)])
    at.until_said("is a projector, not a model. Choose both files together")


@pytest.mark.parametrize("percent", [100, 200, 400])
def test_nothing_is_cut_off_at_any_text_size(desk, stocked, percent):
    stocked.behaviour.stalls_at = 300_000
    theme = Theme(QApplication.instance(), lambda: None)
    theme.apply("light", percent)
    at = desk()
    at.stand_on("paligemma-2-3b")
    _fits(at)
    at.stand_on()
    at.press("Alt+D")
    at.qtbot.waitUntil(lambda: "kB" in at.dialog.progress.text())
    _fits(at)
    theme.close()


def _fits(at):
    dialog = at.dialog
    at.qtbot.wait(50)
    room = dialog.screen().availableGeometry()
    assert dialog.scrolling.widget().width() <= dialog.scrolling.viewport().width()
    assert dialog.width() <= room.width()
    assert dialog.height() <= room.height()
    for button in dialog.findChildren(QAbstractButton):
        if button.isVisible() and button.text():
            assert button.width() >= button.sizeHint().width(), f"{button.text()} is cut off"


def test_every_control_is_reached_with_tab_and_has_a_name(desk, stocked):
    have_it(stocked)
    at = desk()
    at.stand_on("paligemma-2-3b")
    seen = []
    while (focused := QApplication.focusWidget()) not in seen:
        seen.append(focused)
        assert focused.accessibleName() or getattr(focused, "text", str)(), f"{focused} has no name"
        at.press("Tab")
    buttons = [b for b in at.dialog.findChildren(QAbstractButton) if b.isVisible() and b.isEnabled() and b.text()]
    assert {button.text() for button in buttons} <= {getattr(widget, "text", str)() for widget in seen}
    assert seen[:2] == [at.dialog.models, at.dialog.details]


def test_letters_are_taken_once(desk, stocked):
    have_it(stocked)
    at = desk()
    at.stand_on("paligemma-2-3b")
    shown = [part.text() for kind in (QAbstractButton, QLabel) for part in at.dialog.findChildren(kind)]
    letters = [text[text.index("&") + 1].lower() for text in shown if "&" in text]
    assert len(letters) == len(set(letters))


@pytest.fixture
def tiny_hub(hub, monkeypatch, tiny):
    """The hub's model is one that names the colour it sees."""
    hub.add(REPOSITORY, dict(zip(FILES, (tiny.text.read_bytes(), tiny.projector.read_bytes()), strict=True)))
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    return hub


def test_a_model_that_was_fetched_in_the_window_narrates(open_window, qtbot, tiny_hub):
    window = open_window("A dog comes in.")
    press(window, qtbot, "Ctrl+B")
    describer = shown(window, qtbot, DescriberDialog)
    press(window, qtbot, "L")
    assert describer.page().spec.id == "gguf"
    press(window, qtbot, "Alt+M")
    dialog = shown(window, qtbot, ModelsDialog)
    assert not window.findChildren(DescriberDialog)
    qtbot.waitUntil(lambda: dialog.entry() is not None)
    qtbot.keyClicks(dialog.models, "moon")
    assert dialog.entry().name == NAME
    press(window, qtbot, "Alt+D")
    qtbot.waitUntil(lambda: bool(dialog.entry() and dialog.entry().here), timeout=20_000)
    press(window, qtbot, "Alt+U")
    qtbot.waitUntil(lambda: window.session.wanted_backend == "gguf")
    assert window.session.settings.text("gguf.model") == NAME
    assert "Describer: llama.cpp" in window.effect.text()
    qtbot.waitUntil(lambda: "llama.cpp" in window.status.text(), timeout=10_000)
    colours = ("white", "black", "red", "green", "blue", "yellow", "cyan", "magenta", "grey")
    qtbot.waitUntil(lambda: any(word in window.caption.text().lower() for word in colours), timeout=30_000)


def press(window, qtbot, keys):
    combination = QKeySequence(keys)[0]
    qtbot.keyClick(QApplication.focusWidget() or window, combination.key(), combination.keyboardModifiers())
    qtbot.wait(RESTED_MS)


def shown(window, qtbot, kind) -> QMainWindow:
    qtbot.waitUntil(lambda: any(dialog.isActiveWindow() for dialog in window.findChildren(kind)))
    dialog = next(dialog for dialog in window.findChildren(kind) if dialog.isActiveWindow())
    qtbot.waitUntil(lambda: dialog.isAncestorOf(QApplication.focusWidget() or window))
    return dialog


def test_a_download_that_ends_in_the_background_is_told_in_the_window(open_window, qtbot, stocked):
    stocked.behaviour.pause = 0.05
    window = open_window("A dog comes in.")
    press(window, qtbot, "Ctrl+M")
    dialog = shown(window, qtbot, ModelsDialog)
    qtbot.waitUntil(lambda: dialog.entry() is not None)
    qtbot.keyClicks(dialog.models, "moon")
    press(window, qtbot, "Alt+D")
    press(window, qtbot, "Escape")
    qtbot.waitUntil(lambda: "every file is what it should be" in window.effect.text(), timeout=20_000)
    assert Path(store.installed()[0].model).read_bytes() == MODEL


def test_a_download_that_fails_in_the_background_is_a_notice(open_window, qtbot, stocked):
    stocked.behaviour.pause = 0.05
    stocked.behaviour.sends = {FILES[1]: bytes(len(PROJECTOR))}
    window = open_window("A dog comes in.")
    press(window, qtbot, "Ctrl+M")
    dialog = shown(window, qtbot, ModelsDialog)
    qtbot.waitUntil(lambda: dialog.entry() is not None)
    qtbot.keyClicks(dialog.models, "moon")
    press(window, qtbot, "Alt+D")
    press(window, qtbot, "Escape")
    assert "goes on" in window.effect.text()
    qtbot.waitUntil(lambda: any("sha256" in text for text in _notices(window)), timeout=20_000)


def _notices(window):
    return [label.text().replace("\u200b", "") for label in window.notices.findChildren(QLabel)]


def test_closing_the_window_ends_a_download_and_keeps_what_came(open_window, qtbot, stocked):
    stocked.behaviour.stalls_at = 300_000
    window = open_window("A dog comes in.")
    press(window, qtbot, "Ctrl+M")
    dialog = shown(window, qtbot, ModelsDialog)
    qtbot.waitUntil(lambda: dialog.entry() is not None)
    qtbot.keyClicks(dialog.models, "moon")
    press(window, qtbot, "Alt+D")
    qtbot.waitUntil(lambda: part_bytes() >= 300_000, timeout=10_000)
    window.close()
    qtbot.waitUntil(lambda: "window work" not in [thread.name for thread in threading.enumerate()], timeout=2_000)
    assert part_bytes() == 300_000
