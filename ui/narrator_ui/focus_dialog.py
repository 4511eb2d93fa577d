"""Lets the user choose what alone to tell of."""

from PySide6.QtWidgets import QButtonGroup, QLabel, QLineEdit, QRadioButton, QWidget

from narrator_ui.dialog import ScrollingDialog
from narrator_ui.typography import wrapped_label

USUAL = (("&Everything", ""), ("Only &people", "only people"), ("Only &text", "only text"))
_EXAMPLE = "For example: only the traffic light, or only what the dog does."


class FocusDialog(ScrollingDialog):
    """The usual ones, and a field for the user's own words."""

    def __init__(self, parent: QWidget, current: str) -> None:
        super().__init__(parent, "Tell only…", letters=64)
        self._group = QButtonGroup(self)
        label = QLabel("&What to tell of:")
        self.add(label)
        self.usual = {focus: self._add_choice(title) for title, focus in USUAL}
        self.own = self._add_choice("In my own &words:")
        chosen = self.usual.get(current, self.own)
        chosen.setChecked(True)
        self.words = QLineEdit(current if self.own.isChecked() else "")
        self.words.setAccessibleName("In my own words")
        self.words.setAccessibleDescription(_EXAMPLE)
        self.words.textEdited.connect(lambda _: self.own.setChecked(True))
        label.setBuddy(chosen)
        self.add(self.words, wrapped_label(_EXAMPLE))
        self.column.addStretch(1)
        self.add_button("&OK", self.accept, is_default=True)
        self.add_button("&Cancel", self.reject)
        chosen.setFocus()

    def chosen(self) -> str:
        """The focus for the setting; empty for everything."""
        usual = (focus for focus, button in self.usual.items() if button.isChecked())
        return next(usual, self.words.text().strip())

    def _add_choice(self, title: str) -> QRadioButton:
        button = QRadioButton(title)
        self._group.addButton(button)
        self.add(button)
        return button


def focus_told(focus: str) -> str:
    """The focus in a few words: "Telling only people"."""
    return (
        f"Telling {focus}" if focus.startswith("only ") else f"Telling only: {focus}" if focus else "Telling everything"
    )
