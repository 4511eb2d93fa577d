"""Notices: what the program has to say about itself, kept apart from the captions."""

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QApplication, QBoxLayout, QFrame, QVBoxLayout, QWidget

from narrator.messages import Level, Notice
from narrator_ui.controls import Button, FlowLayout
from narrator_ui.typography import wrapped_label

_MOST = 3
_INFORMATION_MS = 20_000
_TITLES = {Level.INFO: "", Level.WARNING: "Warning: ", Level.ERROR: "Error: "}


class NoticeArea(QWidget):
    """The newest few notices above the picture, each with its remedy and a way to dismiss it.

    Mere information goes by itself after `information_ms`.
    """

    def __init__(self, information_ms: int = _INFORMATION_MS) -> None:
        super().__init__()
        self._information_ms = information_ms
        self.setAccessibleName("Notices")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(6)
        self._cards: list[_Card] = []
        self.hide()

    def show_notice(self, notice: Notice, offer: QAction | None = None) -> None:
        """Show a notice, with a button for the action `offer`; what is shown already is not shown twice."""
        for shown in [card for card in self._cards if card.notice.text == notice.text]:
            offer = offer or shown.offer
            self._remove(shown)
        card = _Card(notice, offer, self._remove)
        self._cards.append(card)
        self._layout.addWidget(card)
        self.show()
        if notice.level is Level.INFO:
            QTimer.singleShot(self._information_ms, card, lambda: self._expire(card))
        for surplus in self._cards[:-_MOST]:
            self._remove(surplus)

    def withdraw_offers(self) -> None:
        """Take away the notices that offered something: it is no longer needed."""
        for card in [card for card in self._cards if card.offer]:
            self._remove(card)

    def notices(self) -> list[Notice]:
        """What is shown, oldest first."""
        return [card.notice for card in self._cards]

    def _expire(self, card: "_Card") -> None:
        focus = QApplication.focusWidget()
        if focus is None or not card.isAncestorOf(focus):
            self._remove(card)

    def _remove(self, card: "_Card") -> None:
        if card in self._cards:
            self._cards.remove(card)
            card.hide()  # Qt moves the focus on to the next control
            self._layout.removeWidget(card)
            card.deleteLater()
            self.setVisible(bool(self._cards))


class _Card(QFrame):
    """One notice; its buttons stand beside the words, or below them where there is little room."""

    def __init__(self, notice: Notice, offer: QAction | None, dismiss: Callable[["_Card"], None]) -> None:
        super().__init__()
        self.notice = notice
        self.offer = offer
        self.setObjectName("notice")
        self.setProperty("level", str(notice.level))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(wrapped_label(_TITLES[notice.level] + notice.text, is_bold=True))
        if notice.remedy:
            words.addWidget(wrapped_label(notice.remedy))
        dismissal = Button.doing("Dismiss", lambda: dismiss(self))
        dismissal.setAccessibleDescription(f"Dismiss the notice: {notice.text}")
        buttons = FlowLayout(*([Button.of(offer)] if offer else []), dismissal)
        self._layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._layout.setContentsMargins(14, 8, 8, 8)
        self._layout.addLayout(words, 1)
        self._layout.addLayout(buttons)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_narrow = self.width() < 70 * self.fontMetrics().averageCharWidth()
        direction = QBoxLayout.Direction
        self._layout.setDirection(direction.TopToBottom if is_narrow else direction.LeftToRight)
