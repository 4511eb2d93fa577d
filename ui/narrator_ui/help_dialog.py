"""Shows what every key does."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from narrator.actions import ACTIONS, Action

_INTRODUCTION = (
    "Scene Narrator looks at a camera, a screen or a video and tells, live and aloud, what happens. "
    "It can be wrong: never rely on it to find your way or to stay safe."
)


class HelpDialog(QDialog):
    """All keys by group, as a text that can be walked through with the arrow keys; the keys can be tried meanwhile."""

    def __init__(self, parent: QWidget, actions: Sequence[QAction]) -> None:
        super().__init__(parent)
        self.addActions(actions)
        self.setWindowTitle("Help and keys")
        text = self._text = QTextBrowser()
        text.setAccessibleName("Help and keys")
        text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        text.setHtml(help_text())
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(text)
        layout.addWidget(box)
        metrics = self.fontMetrics()
        room = parent.screen().availableGeometry()
        self.resize(
            min(84 * metrics.averageCharWidth(), room.width()), min(34 * metrics.lineSpacing(), room.height() - 40)
        )

    def event(self, event: QEvent) -> bool:
        is_key = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if is_key and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # here it closes, though it is a key of the window, too
            return True
        return super().event(event)

    def text(self) -> str:
        """What it says, without its looks."""
        return self._text.toPlainText()


def help_text() -> str:
    """The help as HTML, from the table of actions."""
    groups = (
        f"<h3>{escape(group)}</h3><table width='100%' cellpadding='4'>{''.join(map(_row, entries))}</table>"
        for group, entries in groupby(ACTIONS, lambda entry: entry.group)
    )
    return f"<p>{escape(_INTRODUCTION)}</p>{''.join(groups)}"


def shown_keys(entry: Action) -> str:
    """The keys of an action as this system writes them: "Escape or H"."""
    native = QKeySequence.SequenceFormat.NativeText
    return " or ".join(QKeySequence(keys).toString(native) for keys in entry.keys)


def _row(entry: Action) -> str:
    keys = escape(shown_keys(entry)).replace(" ", "&nbsp;")
    return (
        f"<tr><td width='38%'><b>{keys}</b></td><td>{escape(entry.title.rstrip('…'))}: {escape(entry.help)}</td></tr>"
    )
