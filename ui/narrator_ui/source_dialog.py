"""Lets the user choose what to look at."""

import logging
import threading
from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from narrator import registry
from narrator.errors import UsageError
from narrator.mailbox import Latest
from narrator_ui.accessibility import announce
from narrator_ui.bridge import TICK_MS
from narrator_ui.controls import Button, FlowLayout
from narrator_ui.typography import breakable, wrapped_label

_Choices = list[tuple[str, str]]
_EXAMPLES = "For example: camera:1, screen:0,0,800,600 or rtsp://192.168.1.20/stream"
_log = logging.getLogger(__name__)


class SourceDialog(QDialog):
    """Cameras, screens and the demo in a list, a field for any address, and the way to files and folders."""

    def __init__(
        self, parent: QWidget, current: str, open_file: Callable[[], None], open_folder: Callable[[], None]
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Choose source")
        self.choices = QListWidget()
        self.address = QLineEdit(current)
        self._current = current
        self._problem = wrapped_label()
        self._found: Latest[_Choices] = Latest()
        self._files = [
            Button.doing("Open file…", lambda: self._leave_for(open_file)),
            Button.doing("Open folder…", lambda: self._leave_for(open_folder)),
        ]
        self._lay_out()
        self.choices.currentItemChanged.connect(self._take_address)
        self.choices.itemActivated.connect(lambda _: self.accept())
        self._waiting = QTimer(self, interval=TICK_MS)
        self._waiting.timeout.connect(self._show_found)
        self._waiting.start()
        threading.Thread(target=_look_for_sources, args=(self._found,), name="source choices", daemon=True).start()

    def chosen(self) -> str:
        """The address, once the dialog was accepted."""
        return self.address.text().strip()

    def problem(self) -> str:
        """What is wrong with the address, when there is something."""
        return self._problem.text()

    def accept(self) -> None:
        """Close, unless the address leads nowhere: then say why."""
        try:
            if not self.chosen():
                raise UsageError("No source is chosen.", "Choose one from the list, or type an address.")
            registry.source_spec(self.chosen())
        except UsageError as error:
            self._problem.setText(breakable(f"{error.sentence} {error.remedy}"))
            self._problem.show()
            announce(self._problem, self._problem.text(), is_urgent=True)
            self.address.setFocus()
        else:
            super().accept()

    def _lay_out(self) -> None:
        listed, typed = QLabel("&Found on this computer:"), QLabel("Or type an &address:")
        listed.setBuddy(self.choices)
        typed.setBuddy(self.address)
        self.choices.addItem(QListWidgetItem("Looking for cameras and screens…"))
        self.choices.setAccessibleName("Found on this computer")
        self.address.setAccessibleName("Address")
        self.address.setAccessibleDescription(_EXAMPLES)
        self._problem.setObjectName("problem")
        self._problem.hide()
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        box.addButton("&Look at it", QDialogButtonBox.ButtonRole.AcceptRole)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (listed, self.choices, typed, self.address, wrapped_label(_EXAMPLES), self._problem):
            layout.addWidget(widget)
        layout.addLayout(FlowLayout(*self._files))
        layout.addWidget(box)
        self.setMinimumWidth(60 * self.fontMetrics().averageCharWidth())

    def _show_found(self) -> None:
        choices = self._found.peek()
        if choices is None:
            return
        self._waiting.stop()
        self.choices.clear()
        for address, title in choices:
            item = QListWidgetItem(title)
            item.setData(_ADDRESS, address)
            self.choices.addItem(item)
            if address == self._current:
                self.choices.setCurrentItem(item)

    def _take_address(self, item: QListWidgetItem | None) -> None:
        if item is not None and item.data(_ADDRESS):
            self.address.setText(item.data(_ADDRESS))

    def _leave_for(self, open_other: Callable[[], None]) -> None:
        self.reject()
        open_other()


_ADDRESS = 0x0100
"""Qt.ItemDataRole.UserRole: the address behind a title."""


def _look_for_sources(found: Latest[_Choices]) -> None:
    """A thread of its own: asking a camera driver may take seconds."""
    try:
        found.put(registry.source_choices())
    except Exception:  # noqa: BLE001 - the top of a thread
        _log.exception("The sources of this machine could not be listed")
        found.put([])
