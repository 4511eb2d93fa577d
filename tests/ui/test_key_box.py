import threading

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit

from narrator.errors import BackendRefused, NarratorError
from narrator_ui.key_box import KeyActions, KeyBox

SECRET = "AIza-secret"


class Store:
    """A key store in memory, and a service that takes one key."""

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.threads: set[str] = set()
        self.answers = threading.Event()
        self.answers.set()

    def actions(self) -> KeyActions:
        return KeyActions(self.find, self.store, self.delete, self.check)

    def find(self) -> str:
        return "There is a key in memory." if self.key else ""

    def store(self, key: str) -> str:
        self.key = key
        return self.find()

    def delete(self) -> str:
        self.key = ""
        return "The key is deleted."

    def check(self) -> str:
        self.threads.add(threading.current_thread().name)
        assert self.answers.wait(10)
        if self.key != SECRET:
            raise BackendRefused("Gemini does not accept the key.", "Paste another one.")
        return "The key works."


@pytest.fixture
def open_box(qtbot):
    def open_it(store: Store, *, keep=lambda: True) -> tuple[KeyBox, list[str]]:
        told: list[str] = []
        box = KeyBox(store.actions(), told.append, keep)
        qtbot.addWidget(box)
        box.show()
        box.activateWindow()
        qtbot.waitUntil(lambda: "Looking" not in box.state.text())
        return box, told

    return open_it


def test_a_key_is_pasted_hidden_kept_and_tested(open_box, qtbot):
    store = Store()
    box, told = open_box(store)
    assert box.state.text().startswith("There is no key")
    assert not box.remove.isEnabled()
    qtbot.keyClicks(box.field, f" {SECRET} ")
    assert box.field.echoMode() == QLineEdit.EchoMode.Password
    qtbot.keyClick(box.test, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: box.result.text() == "The key works.")
    assert store.key == SECRET
    assert box.field.text() == ""
    assert "in memory" in box.state.text()
    assert told[-1] == "The key works."
    assert SECRET not in "".join(told) + box.state.text() + box.result.text()


def test_what_is_typed_is_shown_when_wanted(open_box, qtbot):
    box, _ = open_box(Store())
    qtbot.keyClick(box.show_key, Qt.Key.Key_Space)
    assert box.field.echoMode() == QLineEdit.EchoMode.Normal
    qtbot.keyClick(box.show_key, Qt.Key.Key_Space)
    assert box.field.echoMode() == QLineEdit.EchoMode.Password


def test_a_key_that_is_not_taken_is_told_with_the_remedy(open_box, qtbot):
    box, told = open_box(Store("other"))
    qtbot.keyClick(box.test, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: box.result.text() == "Gemini does not accept the key. Paste another one.")
    assert told == ["Testing…", box.result.text()]


def test_the_window_goes_on_while_the_service_thinks(open_box, qtbot):
    store = Store(SECRET)
    store.answers.clear()
    box, told = open_box(store)
    qtbot.keyClick(box.test, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: bool(store.threads))
    qtbot.keyClick(box.test, Qt.Key.Key_Space)  # once is enough
    assert (box.result.text(), told) == ("Testing…", ["Testing…"])
    store.answers.set()
    qtbot.waitUntil(lambda: box.result.text() == "The key works.")
    assert store.threads == {"window work"}
    assert told == ["Testing…", "The key works."]


def test_a_dialog_closed_meanwhile_is_left_alone(qtbot):
    store = Store(SECRET)
    store.answers.clear()
    box = KeyBox(store.actions(), lambda _: None, lambda: True)
    box.save_and_test()
    qtbot.waitUntil(lambda: bool(store.threads))
    box.deleteLater()
    store.answers.set()
    qtbot.wait(100)


def test_a_key_is_deleted(open_box, qtbot):
    store = Store(SECRET)
    box, told = open_box(store)
    qtbot.keyClick(box.remove, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: box.state.text().startswith("There is no key"))
    assert store.key == ""
    assert told[-1] == "The key is deleted."


def test_settings_that_are_wrong_stop_the_test(open_box, qtbot):
    store = Store(SECRET)
    box, told = open_box(store, keep=lambda: False)
    qtbot.keyClick(box.test, Qt.Key.Key_Space)
    assert told == []


def test_a_store_that_fails_is_told_and_the_key_stays_in_the_field(open_box, qtbot):
    class Locked(Store):
        def store(self, key: str) -> str:
            raise NarratorError("The key store is locked.", "Unlock it.")

    box, told = open_box(Locked())
    done = []
    qtbot.keyClicks(box.field, SECRET)
    box.save(lambda: done.append(True))
    qtbot.waitUntil(lambda: box.result.text() == "The key store is locked. Unlock it.")
    assert box.field.text() == SECRET
    assert not done
    assert told[-1] == box.result.text()


def test_a_bug_behind_a_button_is_told_in_a_sentence(open_box, qtbot):
    class Broken(Store):
        def check(self) -> str:
            raise ValueError("x")

    box, _ = open_box(Broken(SECRET))
    qtbot.keyClick(box.test, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: box.result.text() == "That did not work. The log tells why.")
