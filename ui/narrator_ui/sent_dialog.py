"""Shows what left this computer, and erases the record of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from narrator.privacy.sent import HEADS
from narrator_ui.controls import Button
from narrator_ui.dialog import ScrollingDialog, Tell
from narrator_ui.typography import wrapped_label

_NONE = "Nothing was sent."
_LINES = 30
"""Of text that the dialog has room for, if the screen has."""
_KEEPING = "From now on the pictures, too, are kept on this computer, so that you can look at what was sent."
_QUESTION = "Erase the record of everything that was sent, with the pictures that were kept?"


@dataclass(frozen=True, slots=True)
class SentTable:
    """What was sent, newest first, as texts in the order of `HEADS`, and the sum in a sentence."""

    rows: Sequence[tuple[str, ...]]
    total: str


@dataclass(frozen=True, slots=True)
class SentActions:
    """What the dialog needs; each raises `NarratorError`."""

    read: Callable[[], SentTable]
    erase: Callable[[], None]
    keep_pictures: Callable[[bool], None]


class SentDialog(ScrollingDialog):
    """A table that is walked through with the arrow keys."""

    def __init__(self, parent: QWidget, actions: SentActions, tell: Tell, *, keeps_pictures: bool) -> None:
        super().__init__(parent, "What was sent", letters=156)
        self._actions, self._tell = actions, tell
        self.total = wrapped_label(is_bold=True)
        self.table = _table()
        self.keep = QCheckBox("&Keep pictures")
        self.keep.setAccessibleDescription(_KEEPING)
        self.keep.setChecked(keeps_pictures)
        self.keep.toggled.connect(self._actions.keep_pictures)
        self.add(self.total, self.table, self.keep, wrapped_label(_KEEPING))
        self.erase = Button.doing("Erase…", self._ask_to_erase)
        self.column.addWidget(self.erase)
        self.add_button("&Close", self.reject)
        self.show_newest()
        self.table.setFocus()

    def content_height(self, width: int) -> int:
        return max(super().content_height(width), _LINES * self.fontMetrics().lineSpacing())

    def show_newest(self) -> None:
        """Read the record again."""
        sent = SentTable((), "")
        with self.problem_shown():
            sent = self._actions.read()
        self.total.setText(sent.total if sent.rows else _NONE)
        self.erase.setEnabled(bool(sent.rows))
        self.table.setRowCount(len(sent.rows))
        for row, texts in enumerate(sent.rows):
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                self.table.setItem(row, column, item)
        self.table.resizeRowsToContents()
        if sent.rows:
            self.table.setCurrentCell(0, 0)

    def _ask_to_erase(self) -> None:
        self.ask("Erase", _QUESTION, "&Erase", "&Keep", self._erase)

    def _erase(self) -> None:
        with self.problem_shown():
            self._actions.erase()
            self.show_newest()
            self.table.setFocus()
            self._tell("Erased. " + self.total.text())


def _table() -> QTableWidget:
    table = QTableWidget(0, len(HEADS))
    table.setAccessibleName("What was sent, newest first")
    table.setHorizontalHeaderLabels(list(HEADS))
    table.verticalHeader().hide()
    table.setTabKeyNavigation(False)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.horizontalHeader().setStretchLastSection(True)
    table.setMinimumHeight(8 * table.fontMetrics().lineSpacing())
    return table
