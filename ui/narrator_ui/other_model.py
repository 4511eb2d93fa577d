"""A field for a model that is not in the list, by its repository on the hub."""

from collections.abc import Callable

from PySide6.QtWidgets import QLabel, QLineEdit, QVBoxLayout, QWidget

from narrator_ui.controls import Button, FlowLayout
from narrator_ui.typography import wrapped_label

_HELP = (
    "As OWNER/NAME, or the address of its page: a repository with a GGUF file and its mmproj file, or with a "
    "checkpoint in safetensors. Read its licence first."
)


class OtherModel(QWidget):
    """`download` is called with what was typed, when it is wanted."""

    def __init__(self, download: Callable[[str], object]) -> None:
        super().__init__()
        self._download = download
        self.field = QLineEdit()
        self.field.setPlaceholderText("OWNER/NAME")
        self.field.setAccessibleName("Other model")
        self.field.setAccessibleDescription(_HELP)
        self.field.returnPressed.connect(self._ask)
        self.field.textChanged.connect(lambda _: self._enable())
        self.button = Button.doing("Download &it", self._ask)
        self.button.setToolTip("Fetch the model that is named in the field.")
        label, help_line = QLabel("&Other model:"), wrapped_label(_HELP)
        label.setBuddy(self.field)
        help_line.setObjectName("help")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (label, self.field, help_line):
            column.addWidget(widget)
        column.addLayout(FlowLayout(self.button))
        self._enable()

    def _enable(self) -> None:
        self.button.setEnabled(bool(self.field.text().strip()))

    def _ask(self) -> None:
        if name := self.field.text().strip():
            self._download(name)
