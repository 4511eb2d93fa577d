import threading
import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtWidgets import QApplication, QFileDialog

from narrator.actions import ACTIONS
from narrator.messages import Audio, AudioEvent, Event, Level, Notice, Phase, Reason, Request, Utterance
from narrator.settings import SettingsFile
from narrator_ui.controls import Button
from narrator_ui.help_dialog import HelpDialog
from narrator_ui.source_dialog import SourceDialog

DOG = "A dog comes in from the left."
LONG_LINE = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."


def has_said(window, text: str) -> bool:
    return text in [line.text for line in window.captions.lines()]


def press(window, qtbot, keys: str) -> None:
    """Press keys where the focus is, as the window system does: "H", "]", "Ctrl+L"."""
    combination = QKeySequence(keys)[0]
    qtbot.keyClick(QApplication.focusWidget() or window, combination.key(), combination.keyboardModifiers())


class Heard:
    """Collects what a session tells, beside the window."""

    def __init__(self, window) -> None:
        self._events = window.session.subscribe()
        self._all: list[Event] = []

    def of(self, kind: type) -> list:
        self._all += self._events.drain()
        return [event for event in self._all if isinstance(event, kind)]


def test_pictures_and_words_arrive(open_window, qtbot):
    window = open_window(DOG)
    qtbot.waitUntil(lambda: window.view.painted >= 10)
    qtbot.waitUntil(lambda: has_said(window, DOG))
    assert window.caption.text() == DOG
    assert str(window.captions.lines()[0]).startswith("0:0")
    qtbot.waitUntil(lambda: "Narrating" in window.status.text(), timeout=3000)
    assert "Describer: Script" in window.status.text()
    assert window.windowTitle().endswith("– Scene Narrator")
    press(window, qtbot, "Ctrl+Shift+C")
    assert QGuiApplication.clipboard().text() == DOG


def test_words_are_shown_while_they_still_come(open_window, qtbot):
    window = open_window(LONG_LINE, word_gap=0.1)
    qtbot.waitUntil(lambda: window.caption.text().startswith("One two"))
    assert not window.captions.lines()
    qtbot.waitUntil(lambda: has_said(window, LONG_LINE))


@pytest.mark.parametrize("where", ["button", "captions"])
def test_single_keys_work_wherever_the_focus_is(open_window, qtbot, where):
    window = open_window(LONG_LINE)
    heard = Heard(window)
    qtbot.waitUntil(lambda: has_said(window, LONG_LINE))
    if where == "captions":
        press(window, qtbot, "Ctrl+G")
        qtbot.waitUntil(window.captions.hasFocus)
    press(window, qtbot, "]")
    press(window, qtbot, "]")
    press(window, qtbot, "[")
    assert window.session.settings.whole("speech.rate") == 210
    assert window.effect.text() == "Rate 210 words a minute"
    press(window, qtbot, "-")
    assert window.session.settings.whole("speech.volume") == 90
    assert window.effect.text() == "Volume 90 %"
    press(window, qtbot, "=")
    press(window, qtbot, "+")
    assert window.session.settings.whole("speech.volume") == 110
    press(window, qtbot, "R")
    qtbot.waitUntil(lambda: any(said.run is None and said.text == LONG_LINE for said in heard.of(Utterance)))
    press(window, qtbot, "D")
    qtbot.waitUntil(lambda: any(request.run.reason is Reason.USER for request in heard.of(Request)))
    press(window, qtbot, "Space")
    assert window.session.phase is Phase.PAUSED


@pytest.mark.parametrize("key", ["H", "Escape"])
def test_hush_silences_at_once(open_window, qtbot, key):
    window = open_window(LONG_LINE)
    heard = Heard(window)
    qtbot.waitUntil(lambda: any(audio.event is AudioEvent.START for audio in heard.of(Audio)))
    begun = time.monotonic()
    press(window, qtbot, key)
    qtbot.waitUntil(lambda: any(audio.event is AudioEvent.CUT for audio in heard.of(Audio)))
    assert heard.of(Audio)[-1].at - begun < 0.1
    assert window.effect.text() == "Hushed"
    assert window.session.phase is not Phase.PAUSED


def test_start_and_pause_are_seen(open_window, qtbot):
    window = open_window(DOG)
    button = next(button for button in window.findChildren(Button) if button.text() == "Pause")
    qtbot.waitUntil(lambda: window.session.phase is Phase.NARRATING)
    press(window, qtbot, "Space")
    assert (button.text(), window.effect.text()) == ("Start", "Paused")
    assert window.view.accessibleDescription() == "Paused"
    assert window.windowTitle().startswith("Paused – ")
    press(window, qtbot, "Space")
    assert (button.text(), window.effect.text()) == ("Pause", "Narrating")


def test_typing_an_address_does_nothing_else(open_window, qtbot):
    window = open_window(DOG)
    qtbot.waitUntil(lambda: window.session.phase is Phase.NARRATING)
    press(window, qtbot, "Ctrl+L")
    dialog = window.findChild(SourceDialog)
    dialog.address.clear()
    dialog.address.setFocus()
    qtbot.waitUntil(dialog.address.hasFocus)
    qtbot.keyClicks(dialog.address, "rtsp://[::1]/d h-r= +")
    assert dialog.address.text() == "rtsp://[::1]/d h-r= +"
    assert window.session.phase is Phase.NARRATING
    assert window.session.settings.whole("speech.rate") == 200
    assert window.session.settings.whole("speech.volume") == 100


def test_a_notice_is_never_a_caption(open_window, qtbot):
    notice = Notice(Level.WARNING, "There is no sound device.", "Captions go on.")
    window = open_window(DOG, notices=[notice])
    qtbot.waitUntil(lambda: has_said(window, DOG))
    assert notice in window.notices.notices()
    assert window.caption.text() == DOG
    assert not has_said(window, notice.text)


def test_a_source_that_fails_leaves_the_window_and_offers_another(open_window, qtbot, tmp_path):
    window = open_window(DOG, source=str(tmp_path / "missing.mp4"))
    qtbot.waitUntil(lambda: window.session.failure is not None)
    qtbot.waitUntil(lambda: any(button.text() == "Choose source" for button in window.notices.findChildren(Button)))
    assert window.isVisible()
    assert not window.captions.lines()
    assert window.view.accessibleDescription() == "No picture"
    assert [notice.level for notice in window.notices.notices()] == [Level.ERROR]
    offer = next(button for button in window.notices.findChildren(Button) if button.text() == "Choose source")
    qtbot.keyClick(offer, Qt.Key.Key_Return)
    assert window.findChild(SourceDialog).isVisible()


def test_another_source_is_looked_at(open_window, qtbot, tmp_path, moving_clip):
    window = open_window(DOG, source=str(tmp_path / "missing.mp4"))
    qtbot.waitUntil(lambda: len(window.notices.notices()) == 1)
    press(window, qtbot, "Ctrl+L")
    dialog = window.findChild(SourceDialog)
    dialog.address.setText(str(moving_clip))
    qtbot.keyClick(dialog.address, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.view.painted >= 3)
    assert window.session.source == str(moving_clip)
    assert not window.notices.notices()


def test_the_notice_of_a_source_that_was_replaced_is_not_shown_late(open_window, qtbot, tmp_path, moving_clip):
    window = open_window(DOG, source=str(tmp_path / "missing.mp4"))
    assert window.session.finished.wait(10)  # and the window has not looked since
    window.dialogs.choose_source()
    dialog = window.findChild(SourceDialog)
    dialog.address.setText(str(moving_clip))
    dialog.accept()
    qtbot.waitUntil(lambda: window.view.painted >= 3)
    assert window.session.source == str(moving_clip)
    assert not window.notices.notices()


def test_a_wrong_address_is_told_in_the_dialog(open_window, qtbot):
    window = open_window(DOG)
    before = window.session.source
    press(window, qtbot, "Ctrl+L")
    dialog = window.findChild(SourceDialog)
    dialog.address.setText("rtps://camera")
    qtbot.keyClick(dialog.address, Qt.Key.Key_Return)
    assert dialog.isVisible()
    assert "rtps" in dialog.problem()
    assert "rtsp" in dialog.problem()
    dialog.address.setText("  ")
    qtbot.keyClick(dialog.address, Qt.Key.Key_Return)
    assert dialog.problem().startswith("No source is chosen.")
    assert window.session.source == before


def test_what_the_machine_offers_is_listed(open_window, qtbot):
    window = open_window(DOG, source="demo")
    press(window, qtbot, "Ctrl+L")
    dialog = window.findChild(SourceDialog)
    qtbot.waitUntil(lambda: dialog.choices.currentItem() is not None)
    assert dialog.choices.hasFocus()
    assert dialog.chosen() == "demo"


@pytest.mark.parametrize(
    ("keys", "mode"),
    [("Ctrl+O", QFileDialog.FileMode.ExistingFile), ("Ctrl+Shift+O", QFileDialog.FileMode.Directory)],
)
def test_files_and_folders_are_opened(open_window, qtbot, moving_clip, keys, mode):
    window = open_window(DOG)
    press(window, qtbot, keys)
    dialog = window.findChild(QFileDialog)
    assert dialog.fileMode() == mode
    chosen = moving_clip if mode == QFileDialog.FileMode.ExistingFile else moving_clip.parent
    dialog.fileSelected.emit(str(chosen))
    assert window.session.source == str(chosen)


def test_every_action_is_in_a_menu_with_its_key(open_window):
    window = open_window(DOG)
    listed = {}
    for top in window.menuBar().actions():
        assert "&" in top.text()
        listed |= {entry.toolTip(): entry for entry in top.menu().actions()}
    assert len(listed) == len(ACTIONS)
    for action in ACTIONS:
        entry = next(entry for tip, entry in listed.items() if tip.startswith(action.help))
        assert [keys.toString() for keys in entry.shortcuts()] == [key.replace("Escape", "Esc") for key in action.keys]
    keys = [key.toString() for entry in listed.values() for key in entry.shortcuts()]
    assert len(keys) == len(set(keys)), "a key does two things"


def test_text_size_and_colours_change_by_key_and_are_kept(open_window, qtbot, tmp_path):
    store = SettingsFile(tmp_path / "settings.toml")
    window = open_window(DOG, store=store)
    small = window.status.fontInfo().pointSizeF()
    press(window, qtbot, "Ctrl+=")
    press(window, qtbot, "Ctrl+=")
    assert window.effect.text() == "Text size 150 %"
    assert window.status.fontInfo().pointSizeF() == pytest.approx(small * 1.5, rel=0.1)
    press(window, qtbot, "Ctrl+-")
    press(window, qtbot, "Ctrl+T")
    press(window, qtbot, "Ctrl+T")
    assert window.effect.text() == "Colours: dark"
    kept, _ = store.load()
    assert (kept.whole("window.font_size"), kept.text("window.theme")) == (125, "dark")
    for _ in range(12):
        press(window, qtbot, "Ctrl+-")
    assert window.effect.text() == "Text size 50 %, no further"


def test_help_shows_every_key(open_window, qtbot):
    window = open_window(DOG)
    press(window, qtbot, "F1")
    dialog = window.findChild(HelpDialog)
    qtbot.waitUntil(dialog.isActiveWindow)
    for action in ACTIONS:
        assert action.help in dialog.text()
        assert all(key.replace("Escape", "Esc") in dialog.text() for key in action.keys)
    press(window, qtbot, "Space")
    assert window.session.phase is Phase.PAUSED
    press(window, qtbot, "Escape")
    assert not dialog.isVisible()


def test_closing_the_window_ends_every_thread_in_time(open_window, qtbot):
    before = set(threading.enumerate())
    window = open_window(DOG)
    qtbot.waitUntil(lambda: has_said(window, DOG))
    begun = time.monotonic()
    window.close()
    assert time.monotonic() - begun < 2
    assert set(threading.enumerate()) <= before


def fits(window) -> bool:
    """Everything is reached by scrolling up and down alone."""
    content, viewport = window.centralWidget().widget(), window.centralWidget().viewport()
    parts = (window.view, window.caption, window.captions, window.status, *window.findChildren(Button))
    inside = [content.rect().contains(part.mapTo(content, part.rect().bottomRight())) for part in parts]
    return content.width() <= viewport.width() and all(inside)


def test_nothing_is_wider_than_the_window(open_window, qtbot):
    window = open_window("x" * 300)
    qtbot.waitUntil(lambda: len(window.captions.lines()) == 1)
    sizes = [(640, 480, 50), (640, 480, 200), (640, 480, 400), (400, 700, 100), (400, 700, 200), (1600, 900, 100)]
    for width, height, percent in sizes:
        window.theme.apply("light", percent)
        window.resize(width, height)
        qtbot.waitUntil(lambda width=width: window.width() == width and fits(window))
