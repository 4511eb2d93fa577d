"""Shows the live picture."""

import numpy as np
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from narrator.messages import Pixels

_GROUND = QColor("#000000")
_MESSAGE_GROUND = QColor(0, 0, 0, 190)
_MESSAGE_TEXT = QColor("#ffffff")


class VideoView(QWidget):
    """Paints the newest picture straight from the array's memory, its aspect kept, and a message over it."""

    def __init__(self) -> None:
        super().__init__()
        self._pixels: Pixels | None = None
        self._image: QImage | None = None
        self._is_smooth = False
        self._message = ""
        self.painted = 0
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Live picture")
        self.setMinimumSize(160, 90)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_picture(self, pixels: Pixels) -> None:
        """Show a height x width x 3 BGR array."""
        height, width, _ = pixels.shape
        self._pixels = np.ascontiguousarray(pixels)  # no copy as a rule; kept since QImage does not own the bytes
        self._image = QImage(self._pixels.data, width, height, self._pixels.strides[0], QImage.Format.Format_BGR888)
        self._is_smooth = False
        self.update()

    def refine(self) -> None:
        """Paint a picture that stands still once more, smoothly scaled: too dear for every frame of a video."""
        if not self._is_smooth and self._image is not None:
            self._is_smooth = True
            self.update()

    def show_message(self, message: str) -> None:
        """Write a few words over the picture; an empty text takes them away."""
        if message != self._message:
            self._message = message
            self.setAccessibleDescription(message)
            self.update()

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        place = self._place()
        for border in _borders(self.rect(), place):
            painter.fillRect(border, _GROUND)
        if self._image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._is_smooth)
            painter.drawImage(place, self._image)
            self.painted += 1
        if self._message:
            self._paint_message(painter)
        painter.end()

    def _place(self) -> QRect:
        if self._image is None:
            return QRect()
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(0, 0, max(1, size.width()), max(1, size.height()))
        place.moveCenter(self.rect().center())
        return place

    def _paint_message(self, painter: QPainter) -> None:
        wrap = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        room = self.rect().adjusted(24, 16, -24, -16)
        words = painter.boundingRect(room, wrap, self._message)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_MESSAGE_GROUND)
        painter.drawRoundedRect(words.adjusted(-16, -8, 16, 8), 6, 6)
        painter.setPen(_MESSAGE_TEXT)
        painter.drawText(room, wrap, self._message)


def _borders(whole: QRect, place: QRect) -> tuple[QRect, ...]:
    """What is left of `whole` around `place`: only that is cleared, the picture covers the rest."""
    if place.isEmpty():
        return (whole,)
    above = QRect(0, 0, whole.width(), place.top())
    below = QRect(0, place.bottom() + 1, whole.width(), whole.height() - place.bottom() - 1)
    left = QRect(0, place.top(), place.left(), place.height())
    right = QRect(place.right() + 1, place.top(), whole.width() - place.right() - 1, place.height())
    return tuple(border for border in (above, below, left, right) if not border.isEmpty())
