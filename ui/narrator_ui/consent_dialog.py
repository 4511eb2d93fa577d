"""Asks whether pictures may leave this computer; nothing is sent before yes."""

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QTextBrowser, QWidget

from narrator_ui.dialog import ScrollingDialog

_ROOM_AROUND = 16
"""Pixels of margin, frame and padding at each side of the page."""


class ConsentDialog(ScrollingDialog):
    """The page as a text that can be walked through with the arrow keys; closing it in any way but Yes is a No.

    No key answers by itself: the dialog may come while somebody types.
    """

    def __init__(
        self, parent: QWidget, title: str, paragraphs: Sequence[str], question: str, keys: Sequence[QAction] = ()
    ) -> None:
        super().__init__(parent, title, letters=92)
        self.addActions(keys)
        self._spoken = " ".join((title + ".", *paragraphs, question))
        self.page = QTextBrowser()
        self.page.setAccessibleName(title)
        self.page.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        body = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
        self.page.setHtml(f"<h3>{escape(title)}</h3>{body}<p><b>{escape(question)}</b></p>")
        self.page.setMinimumHeight(6 * self.fontMetrics().lineSpacing())
        self.add(self.page)
        self.yes = self.add_button("&Yes", self.accept)
        self.no = self.add_button("&No", self.reject)
        self.yes.setAccessibleDescription(question)
        self.no.setAccessibleDescription("Nothing is sent; the built-in describer goes on.")
        self.page.setFocus()

    def spoken(self) -> str:
        """The whole page as it is read aloud, with how to answer."""
        return f"{self._spoken} Press Alt+Y for yes, or Escape for no."

    def content_height(self, width: int) -> int:
        document = self.page.document().clone()
        document.setTextWidth(width - 3 * _ROOM_AROUND)
        return round(document.size().height()) + 2 * _ROOM_AROUND
