"""The secret key of a describer: whether there is one, a field for a new one, and a test."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtWidgets import QCheckBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from narrator.errors import NarratorError
from narrator_ui.background import Background
from narrator_ui.controls import Button, FlowLayout
from narrator_ui.dialog import Tell
from narrator_ui.typography import breakable, wrapped_label

_LOOKING = "Looking for a key…"
NO_KEY = "There is no key yet. Paste one below."


@dataclass(frozen=True, slots=True)
class KeyActions:
    """What can be done with a key; each may take seconds and raises `NarratorError`."""

    find: Callable[[], str]
    """A sentence that says where the key is; empty when there is none."""
    store: Callable[[str], str]
    """Keep a key; a sentence that says where it is now."""
    delete: Callable[[], str]
    """Forget the key that was stored; what became of it."""
    check: Callable[[], str]
    """Ask the service whether it takes the key: its answer in a sentence."""


class KeyBox(QWidget):
    """Never shows a stored key; what is typed is hidden unless the user wants to see it."""

    def __init__(
        self, actions: KeyActions, tell: Tell, keep_settings: Callable[[], bool], no_key: str = NO_KEY
    ) -> None:
        super().__init__()
        self._no_key = no_key
        self._actions, self._tell, self._keep_settings = actions, tell, keep_settings
        self._is_busy = False
        self.kept = ""
        """What was said of the key that was kept here, if one was."""
        self.state, self.result = wrapped_label(_LOOKING), wrapped_label()
        self.state.setObjectName("key_state")
        self.result.setObjectName("key_result")
        self.result.hide()
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setAccessibleName("New key")
        self.show_key = QCheckBox("&Show what is typed")
        self.show_key.toggled.connect(self._show_typed)
        self.test = Button.doing("Save and test", self.save_and_test)
        self.test.setToolTip("Keep the key and the settings below, and ask the service whether they work.")
        self.remove = Button.doing("Delete key", self._delete)
        self.remove.setToolTip("Forget the key that is stored on this computer.")
        label = QLabel("&New key:")
        label.setBuddy(self.field)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.state, label, self.field, self.show_key):
            column.addWidget(widget)
        column.addLayout(FlowLayout(self.test, self.remove))
        column.addWidget(self.result)
        self._look()

    def typed(self) -> str:
        """A key that was typed and is not yet kept."""
        return self.field.text().strip()

    def save(self, then: Callable[[], None]) -> None:
        """Keep the settings and what was typed, if anything was, and go on with `then` when that went well."""
        if not self.typed():
            then()
        elif not self._is_busy and self._keep_settings():  # they may say which server the key is for
            self._store(then)

    def save_and_test(self) -> None:
        """Keep what was typed and the settings, then ask the service."""
        if self._is_busy or not self._keep_settings():
            return
        if self.typed():
            self._store(self._test)
        else:
            self._look()
            self._test()

    def _store(self, then: Callable[[], None]) -> None:
        key = self.typed()
        self._begin("Keeping the key…", lambda: self._actions.store(key), lambda place: self._kept(place, then))

    def _test(self) -> None:
        self._begin("Testing…", self._actions.check, self._show_result)

    def _kept(self, place: str, then: Callable[[], None]) -> None:
        self.field.clear()
        self.kept = place
        self._show_place(place)
        then()

    def _delete(self) -> None:
        if not self._is_busy:
            self._begin("Deleting the key…", self._actions.delete, self._deleted)

    def _deleted(self, words: str) -> None:
        self._show_result(words)
        self._look()

    def _look(self) -> None:
        Background(self, self._actions.find, lambda found: self._show_place("" if _failed(found) else str(found)))

    def _begin(self, words: str, work: Callable[[], str], then: Callable[[str], None]) -> None:
        """Work in the background; a failure is shown and ends it."""
        self._is_busy = True
        self._show_result(words)

        def done(outcome: str | NarratorError) -> None:
            self._is_busy = False
            if isinstance(outcome, NarratorError):
                self._show_result(f"{outcome.sentence} {outcome.remedy}".rstrip())
            else:
                then(outcome)

        Background(self, work, done)

    def _show_place(self, place: str) -> None:
        self.state.setText(breakable(place or self._no_key))
        self.remove.setEnabled(bool(place))

    def _show_result(self, words: str) -> None:
        self.result.setText(breakable(words))
        self.result.show()
        self._tell(words)

    def _show_typed(self, is_shown: bool) -> None:
        mode = QLineEdit.EchoMode
        self.field.setEchoMode(mode.Normal if is_shown else mode.Password)


def _failed(outcome: str | NarratorError) -> bool:
    return isinstance(outcome, NarratorError)
