"""How words and times are set."""

import re

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSizePolicy

_LONG_WORD = re.compile(r"\S{25,}")
_PART = re.compile(r"\S{1,8}")
_ZERO_WIDTH_SPACE = "\u200b"


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours when there are any: "0:07", "1:02:03"."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def breakable(text: str) -> str:
    """The text with places in very long words where a line may end, so that no letter is cut off."""
    return _LONG_WORD.sub(lambda word: _ZERO_WIDTH_SPACE.join(_PART.findall(word.group())), text)


def wrapped_label(text: str = "", *, is_bold: bool = False) -> QLabel:
    """A label for a few lines of plain text."""
    label = QLabel(breakable(text))
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    font = label.font()
    font.setBold(is_bold)
    label.setFont(font)
    return label
