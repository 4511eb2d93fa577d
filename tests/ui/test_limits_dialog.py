"""Language, money and pace, set in the window while narration goes on."""

import pytest
from fakes.openai_service import OpenAIService
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QMainWindow

from narrator.settings import Settings, SettingsFile
from narrator_ui.controls import Button
from narrator_ui.limits_dialog import LimitsDialog

PRESSED_MS = 150


def press(window, qtbot, *keys: str) -> None:
    for key in keys:
        combination = QKeySequence(key)[0]
        qtbot.keyClick(QApplication.focusWidget() or window, combination.key(), combination.keyboardModifiers())
        if key.startswith("Alt+"):
            qtbot.wait(PRESSED_MS)


def write(qtbot, field, text: str) -> None:
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, text)


def opened(window, qtbot) -> LimitsDialog:
    press(window, qtbot, "Ctrl+,")
    qtbot.waitUntil(lambda: any(dialog.isActiveWindow() for dialog in window.findChildren(LimitsDialog)))
    dialog = next(dialog for dialog in window.findChildren(LimitsDialog) if dialog.isActiveWindow())
    qtbot.waitUntil(lambda: dialog.isAncestorOf(QApplication.focusWidget() or window))
    return dialog


@pytest.fixture
def service():
    with OpenAIService(answer=lambda call: f"Line {call.at}.") as service:
        yield service


def test_the_language_is_that_of_the_next_request_and_limits_are_kept(open_window, qtbot, service, tmp_path):
    store = SettingsFile(tmp_path / "settings.toml")
    window = open_window(backend="server", options={"server.url": service.url}, store=store)
    qtbot.waitUntil(lambda: bool(service.asked), timeout=10_000)
    assert not any("German" in text for text in service.last.texts)
    dialog = opened(window, qtbot)
    assert dialog.form.field("speech.language").hasFocus()
    qtbot.keyClicks(dialog.form.field("speech.language"), "German")
    write(qtbot, dialog.form.field("spending.day"), "1.25")
    write(qtbot, dialog.form.field("narration.min_gap"), "0.5")
    press(window, qtbot, "Return")
    assert not dialog.isVisible()
    assert window.effect.text().replace("\u200b", "").startswith("Language: German. Most money in a day: 1.25 $.")
    qtbot.waitUntil(lambda: any("German" in text for text in service.last.texts), timeout=10_000)
    assert window.session.state().meter.limit_today == 1.25
    kept, _ = store.load()
    assert (kept.text("speech.language"), kept.number("spending.day")) == ("de", 1.25)
    assert kept.number("narration.min_gap") == 0.5


@pytest.mark.parametrize("keys", ["Escape", "Alt+C"])
def test_cancel_changes_nothing(open_window, qtbot, keys):
    window = open_window("A dog comes in.")
    before = window.session.settings
    dialog = opened(window, qtbot)
    write(qtbot, dialog.form.field("spending.hour"), "5")
    press(window, qtbot, keys)
    qtbot.waitUntil(lambda: not window.findChildren(LimitsDialog))
    assert window.session.settings == before


def test_there_is_a_button_for_it(open_window, qtbot):
    window = open_window("A dog comes in.")
    button = next(button for button in window.findChildren(Button) if button.text() == "Settings")
    button.click()
    qtbot.waitUntil(lambda: bool(window.findChildren(LimitsDialog)))


@pytest.fixture
def parent(qtbot, undressed):
    parent = QMainWindow()
    qtbot.addWidget(parent)
    parent.show()
    return parent


def test_a_language_that_nobody_knows_stays_as_it_is(parent):
    values = Settings.defaults().with_values({"speech.language": "tlh"}).values
    dialog = LimitsDialog(parent, values, lambda _: "")
    assert dialog.form.value("speech.language") == "tlh"
    assert dialog.form.changes() == {}
    assert dialog.told() == "Nothing was changed"


def test_what_cannot_be_is_told_and_the_dialog_stays(parent):
    dialog = LimitsDialog(parent, Settings.defaults().values, lambda _: "That cannot be.")
    dialog.open()
    dialog.accept()
    assert dialog.isVisible()
    assert dialog.problem() == "That cannot be."


def test_letters_are_taken_once(parent):
    dialog = LimitsDialog(parent, Settings.defaults().values, lambda _: "")
    shown = [part.text() for kind in (QAbstractButton, QLabel) for part in dialog.findChildren(kind)]
    letters = [text[text.index("&") + 1].lower() for text in shown if "&" in text]
    assert len(letters) == len(set(letters)) == 11
