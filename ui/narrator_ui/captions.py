"""The words: the current caption, large, and the list of all captions with their times."""

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import (
    QFocusEvent,
    QFont,
    QFontMetrics,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QLabel,
    QListView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from narrator_ui.theme import font_size, scaled
from narrator_ui.typography import breakable, clock

MOST_CAPTIONS = 2000
_REMOVED_AT_ONCE = 100
"""Each removal has the whole list laid out again."""
_UNLIMITED = 100_000
"""Pixels."""
_MOST_LETTERS = 4000
"""More are never laid out: that would take longer than a picture of the preview."""
_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Line:
    """A caption in the list: where in the source it was said (seconds) and its words."""

    media_t: float
    text: str

    def __str__(self) -> str:
        return f"{clock(self.media_t)}  {self.text}"


class CurrentCaption(QLabel):
    """The newest caption, as large as fits into its usual place.

    A long one makes the place higher; of one that does not end, the last words are shown: the list has it whole.
    """

    _SCALES = (1.9, 1.6, 1.3, 1.1)
    _USUAL_LINES = 2
    _HIGHEST = 3
    """Times its usual height; then it would push the picture out of the window."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("current_caption")
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._fitted: tuple[str, int, QFont] | None = None
        self._size = ""
        self._whole = "Nothing was said yet."
        self.setText(self._whole)

    def show_text(self, text: str) -> None:
        """Show a caption, or as much of it as has come."""
        self._whole = breakable(_end(text, _MOST_LETTERS))
        self.fit()

    def fit(self) -> None:
        """Choose the text size; called again when the application's text size changed."""
        wanted = (self._whole, self.width(), QApplication.font())
        if wanted == self._fitted:
            return
        self._fitted = wanted
        self.setText(self._whole)
        usual_height = self._usual_height()
        self.setMinimumHeight(0)  # else it counts as the height that the words need
        for scale in self._SCALES[self._too_large(usual_height) :]:
            self._set_size(font_size(scaled(QApplication.font(), scale)))
            if self.heightForWidth(self.width()) <= usual_height:
                break
        self._keep_the_end(self._HIGHEST * usual_height)
        self.setMinimumHeight(max(usual_height, self.heightForWidth(self.width())))

    def _too_large(self, height: int) -> int:
        """How many sizes surely are: a new style costs many times what measuring the words does."""
        room = QRect(0, 0, self.width(), _UNLIMITED)
        for number, scale in enumerate(self._SCALES[:-1]):
            metrics = QFontMetrics(scaled(QApplication.font(), scale))
            if metrics.boundingRect(room, Qt.TextFlag.TextWordWrap, self._whole).height() <= height:
                return number
        return len(self._SCALES) - 1

    def _set_size(self, size: str) -> None:
        if size != self._size:
            self._size = size
            self.setStyleSheet(size)

    def _keep_the_end(self, highest: int) -> None:
        """Leave out what was said first until the rest is no higher than so many pixels."""
        while (height := self.heightForWidth(self.width())) > highest:
            shown = self.text()
            self.setText(_end(shown, len(shown) * highest // height - 2))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def _usual_height(self) -> int:
        metrics = QFontMetrics(scaled(QApplication.font(), self._SCALES[0]))
        return self._USUAL_LINES * metrics.lineSpacing() + metrics.height()  # the style's padding is a little less


class CaptionModel(QAbstractListModel):
    """The newest `MOST_CAPTIONS` captions, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Line] = []
        self.removed = 0
        """How many captions are gone: a row's number plus this names it for good."""

    @property
    def is_full(self) -> bool:
        """The next caption makes the oldest ones go."""
        return len(self._lines) == MOST_CAPTIONS

    def append(self, line: Line) -> None:
        """Add the newest caption; the oldest few go when there are too many."""
        if self.is_full:
            self.beginRemoveRows(QModelIndex(), 0, _REMOVED_AT_ONCE - 1)
            del self._lines[:_REMOVED_AT_ONCE]
            self.removed += _REMOVED_AT_ONCE
            self.endRemoveRows()
        count = len(self._lines)
        self.beginInsertRows(QModelIndex(), count, count)
        self._lines.append(line)
        self.endInsertRows()

    def line(self, row: int) -> Line:
        return self._lines[row]

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._lines)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return str(self._lines[index.row()]) if role == Qt.ItemDataRole.DisplayRole else None


class CaptionList(QListView):
    """The captions with their times; it follows the newest one unless the reader scrolled up or stands in it."""

    def __init__(self) -> None:
        super().__init__()
        self._captions = CaptionModel()
        self.setModel(self._captions)
        self.setItemDelegate(_CaptionPainter(self, self._captions))
        self.setAccessibleName("Captions")
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setTabKeyNavigation(False)
        self._follows = True
        self.verticalScrollBar().actionTriggered.connect(self._note_scrolling)
        self.verticalScrollBar().rangeChanged.connect(self._follow)

    def append(self, line: Line) -> None:
        """Add a caption at the end."""
        if not self._captions.is_full or self._follows:
            self._captions.append(line)
            return
        anchor = QPersistentModelIndex(self.indexAt(QPoint(1, 1)))
        top = self.visualRect(anchor).top()
        self._captions.append(line)  # some rows go, and Qt scrolls to the first one
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + self.visualRect(anchor).top() - top)

    def lines(self) -> list[Line]:
        """All captions, oldest first."""
        return [self._captions.line(row) for row in range(self._captions.rowCount())]

    def go_to_newest(self) -> None:
        """Take the focus, on the newest caption."""
        self.setCurrentIndex(self._captions.index(self._captions.rowCount() - 1))
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def copy(self) -> None:
        """Copy the selected captions, with their times."""
        rows = sorted(index.row() for index in self.selectedIndexes())
        if rows:
            QGuiApplication.clipboard().setText("\n".join(str(self._captions.line(row)) for row in rows))

    def sizeHint(self) -> QSize:
        font = self.fontMetrics()
        return QSize(10 * font.averageCharWidth(), 4 * font.lineSpacing())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def focusInEvent(self, event: QFocusEvent) -> None:
        if not self.currentIndex().isValid():  # Qt would go to the oldest
            self.setCurrentIndex(self._captions.index(self._captions.rowCount() - 1))
        super().focusInEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def _note_scrolling(self) -> None:
        bar = self.verticalScrollBar()
        self._follows = bar.sliderPosition() >= bar.maximum() - self.fontMetrics().height()

    def _follow(self, _minimum: int, maximum: int) -> None:
        """The list grew or was laid out anew."""
        if self._follows:
            self.verticalScrollBar().setValue(maximum)
            if self.hasFocus() and self.currentIndex().isValid():
                self.scrollTo(self.currentIndex())


class _CaptionPainter(QStyledItemDelegate):
    """Paints a caption with its time beside it, or above it where the list is narrow."""

    def __init__(self, view: CaptionList, captions: CaptionModel) -> None:
        super().__init__(view)
        self._view, self._captions = view, captions
        self._measured: tuple[int, QFont] | None = None
        self._sizes: dict[int, QSize] = {}

    def sizeHint(self, _option: QStyleOptionViewItem, index: _Index) -> QSize:
        width, font = self._view.viewport().width(), self._view.font()
        if (width, font) != self._measured or len(self._sizes) > 2 * MOST_CAPTIONS:
            self._measured = width, QFont(font)
            self._sizes.clear()
        number = self._captions.removed + index.row()
        if number not in self._sizes:
            self._sizes[number] = QSize(width, self._height(str(index.data()), width, QFontMetrics(font)))
        return self._sizes[number]

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        self.initStyleOption(option, index)
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        palette, metrics = option.palette, option.fontMetrics
        time, text = _parts(str(index.data()))
        painter.save()
        painter.setFont(option.font)
        if is_selected:
            painter.fillRect(option.rect, palette.highlight())
        time_rect, text_rect = _areas(option.rect, metrics)
        painter.setPen(
            palette.highlightedText().color() if is_selected else QApplication.palette().placeholderText().color()
        )
        painter.drawText(time_rect, Qt.AlignmentFlag.AlignLeft, time)
        painter.setPen(palette.highlightedText().color() if is_selected else palette.text().color())
        painter.drawText(text_rect, Qt.TextFlag.TextWordWrap, text)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(palette.text().color() if is_selected else palette.highlight().color())
            painter.drawRect(option.rect.adjusted(1, 1, -2, -2))
        painter.restore()

    def _height(self, line: str, width: int, metrics: QFontMetrics) -> int:
        _, text_rect = _areas(QRect(0, 0, width, _UNLIMITED), metrics)
        words = metrics.boundingRect(text_rect, Qt.TextFlag.TextWordWrap, _parts(line)[1])
        return text_rect.top() + words.height() + _gap(metrics)


def _parts(line: str) -> tuple[str, str]:
    time, _, text = line.partition("  ")
    return time, breakable(text)


def _end(text: str, letters: int) -> str:
    """The last words of a text, no more than so many letters, and a sign for what is missing."""
    if len(text) <= letters:
        return text
    rest = text[-letters:]
    return f"… {rest.partition(' ')[2] or rest}"


def _gap(metrics: QFontMetrics) -> int:
    return metrics.lineSpacing() // 3


def _areas(rect: QRect, metrics: QFontMetrics) -> tuple[QRect, QRect]:
    """Where the time and the text of a caption go inside its row."""
    gap = _gap(metrics)
    time_width = metrics.horizontalAdvance("0:00:00") + gap
    inner = rect.adjusted(2 * gap, gap, -2 * gap, -gap)
    if inner.width() - time_width >= 24 * metrics.averageCharWidth():
        return inner, inner.adjusted(time_width, 0, 0, 0)
    return inner, inner.adjusted(0, metrics.lineSpacing(), 0, 0)
