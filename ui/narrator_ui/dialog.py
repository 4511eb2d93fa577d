"""What the dialogs have in common: content that scrolls, so that with a very large text everything is still there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QFrame, QMessageBox, QPushButton, QScrollArea, QVBoxLayout, QWidget

from narrator.errors import NarratorError
from narrator_ui.accessibility import announce
from narrator_ui.controls import FlowLayout
from narrator_ui.typography import breakable, wrapped_label

Tell = Callable[[str], None]
"""Has a sentence spoken by our own voice, or else read by a screen reader."""


class ScrollingDialog(QDialog):
    """A column of widgets, a line for what is wrong, and buttons at the foot; `letters` is its usual width."""

    def __init__(self, parent: QWidget, title: str, *, letters: int = 64) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.column = QVBoxLayout()
        self._problem = wrapped_label()
        self._problem.setObjectName("problem")
        self._problem.hide()
        self._content = QWidget()
        self._content.setLayout(self.column)
        self.scrolling = QScrollArea()
        self.scrolling.setWidgetResizable(True)
        self.scrolling.setFrameShape(QFrame.Shape.NoFrame)
        self.scrolling.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.scrolling.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scrolling.setWidget(self._content)
        self._buttons = FlowLayout()
        self._frame = QVBoxLayout(self)
        self._frame.addWidget(self.scrolling, 1)
        self._frame.addWidget(self._problem)
        self._frame.addLayout(self._buttons)
        self._is_fitted = False
        self._letters = letters

    def add(self, *widgets: QWidget) -> None:
        """Put widgets at the end of the column."""
        for widget in widgets:
            self.column.addWidget(widget)

    def add_button(self, text: str, do: Callable[[], object], *, is_default: bool = False) -> QPushButton:
        """Put a button at the foot; Enter presses the default one from a field."""
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.setDefault(is_default)
        button.clicked.connect(lambda: do())
        self._buttons.addWidget(button)
        return button

    def show_problem(self, text: str) -> None:
        """Say what is wrong; an empty text takes it away."""
        self._problem.setText(breakable(text))
        self._problem.setVisible(bool(text))
        if text:
            announce(self._problem, text, is_urgent=True)

    @contextmanager
    def problem_shown(self) -> Iterator[None]:
        """Say what went wrong in this block, or that nothing is wrong any more."""
        self.show_problem("")
        try:
            yield
        except NarratorError as error:
            self.show_problem(f"{error.sentence} {error.remedy}".rstrip())

    def problem(self) -> str:
        """What is wrong, when there is something."""
        return self._problem.text()

    def ask(self, title: str, question: str, yes: str, no: str, do: Callable[[], object]) -> None:
        """Ask before something that cannot be undone; `no` is what Enter and Escape answer."""
        box = QMessageBox(QMessageBox.Icon.Question, title, question, parent=self)
        box.addButton(yes, QMessageBox.ButtonRole.AcceptRole).clicked.connect(lambda: do())
        keep = box.addButton(no, QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.setEscapeButton(keep)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    def showEvent(self, event: QShowEvent) -> None:
        if not self._is_fitted:
            self._is_fitted = True
            self.fit()
        super().showEvent(event)

    def fit(self) -> None:
        """Take the size that the content wants, as far as the screen has room."""
        self.resize(self._wanted_size())

    def grow(self) -> None:
        """The content became higher: give it room, as far as the screen has it."""
        if self.isVisible():
            self.column.activate()
            self.resize(self.size().expandedTo(self._wanted_size()))

    def _wanted_size(self) -> QSize:
        room = self.screen().availableGeometry()
        width = min(self._letters * self.fontMetrics().averageCharWidth(), room.width() - 40)
        for widget in self.findChildren(QWidget):
            widget.ensurePolished()  # its looks decide how high it wants to be
        margins = self._frame.contentsMargins()
        inner = width - margins.left() - margins.right()
        around = self._buttons.heightForWidth(inner) + margins.top() + margins.bottom()
        around += self._frame.spacing() + self.fontMetrics().lineSpacing()
        return QSize(width, min(self.content_height(inner) + around, room.height() - 60))

    def content_height(self, width: int) -> int:
        """What the column needs, in pixels, at this width."""
        content = self._content
        return max(content.heightForWidth(width), content.sizeHint().height(), content.minimumSizeHint().height())

    def event(self, event: QEvent) -> bool:
        is_escape = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if is_escape and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # here it closes, whatever it is a key of
            return True
        return super().event(event)
