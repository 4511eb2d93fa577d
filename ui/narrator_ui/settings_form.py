"""Fields for settings, made from what the settings declare of themselves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QLocale, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from narrator.seams import Setting, Value
from narrator_ui.controls import Button, FlowLayout
from narrator_ui.typography import wrapped_label

Offers = Callable[[str], Sequence[tuple[str, str]]]
"""For a setting's key: values that it may well have, each with what they are called."""
_FROM_KEYS: Mapping[str, str] = {}
_ABBREVIATIONS = {"url": "URL", "api": "API", "id": "ID"}
_MOST = 2**31 - 1
_INDENT = 6
"""Pixels between the frame of a number and its first digit; a style sheet does not reach there."""


def no_offers(_: str) -> Sequence[tuple[str, str]]:
    """Where nothing is known but what the setting declares."""
    return ()


class SettingsForm(QWidget):
    """One field under the other, each with its help; `names` are labels, by key, that tell more than the key does."""

    def __init__(
        self,
        settings: Sequence[Setting],
        values: Mapping[str, Value],
        offers: Offers = no_offers,
        names: Mapping[str, str] = _FROM_KEYS,
    ) -> None:
        super().__init__()
        self._names = names
        self._values = values
        self._fields: dict[str, _Field] = {}
        self._notes: dict[str, QLabel] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for setting in settings:
            self._add(setting, column, offers(setting.key))
        self._before = {key: field.value() for key, field in self._fields.items()}

    def changes(self) -> dict[str, Value]:
        """What the user changed, by key."""
        now = {key: field.value() for key, field in self._fields.items()}
        return {key: value for key, value in now.items() if value != self._before[key]}

    def field(self, key: str) -> QWidget:
        """The widget of a setting."""
        return self._fields[key].widget

    def value(self, key: str) -> Value:
        """What a field holds now."""
        return self._fields[key].value()

    def show_ignored(self, reasons: Mapping[str, str]) -> None:
        """Grey out the settings that have no effect now, each with the reason; the others are to be used again."""
        for key, field in self._fields.items():
            reason = reasons.get(key, "")
            field.widget.setEnabled(not reason)
            self._notes[key].setText(reason)
            self._notes[key].setVisible(bool(reason))

    def _add(self, setting: Setting, column: QVBoxLayout, offers: Sequence[tuple[str, str]]) -> None:
        title = self._names.get(setting.key, setting_name(setting.key))
        name = title.replace("&", "")
        field = _field(setting, self._values[setting.key], offers)
        field.widget.setAccessibleName(name)
        field.widget.setAccessibleDescription(setting.help)
        field.widget.setToolTip(setting.help)
        if not isinstance(field.widget, QCheckBox):
            label = _line(title)
            label.setBuddy(field.widget)
            column.addWidget(label)
        column.addWidget(field.widget)
        if setting.path_to and isinstance(field.widget, QLineEdit | Choice):
            column.addLayout(FlowLayout(PathButton(field.widget, name, setting.path_to)))
        help_line, note = _line(setting.help), _line()
        help_line.setObjectName("help")
        note.hide()
        column.addWidget(help_line)
        column.addWidget(note)
        column.addSpacing(self.fontMetrics().lineSpacing() // 2)
        self._fields[setting.key], self._notes[setting.key] = field, note


def _line(text: str = "") -> QLabel:
    """A wrapped label that asks for no more height than its text takes at the width that it gets."""
    label = wrapped_label(text)
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
    return label


def setting_name(key: str) -> str:
    """What a setting is called on a label: "gemini.base_url" is "Base URL"."""
    words = key.rpartition(".")[2].split("_")
    shown = [_ABBREVIATIONS.get(word, word) for word in words]
    return " ".join([shown[0] if shown[0].isupper() else shown[0].capitalize(), *shown[1:]])


@dataclass(frozen=True, slots=True)
class _Field:
    widget: QWidget
    value: Callable[[], Value]


def _field(setting: Setting, value: Value, offers: Sequence[tuple[str, str]]) -> _Field:
    if isinstance(setting.default, bool):
        return _switch(setting, bool(value))
    if setting.choices:
        titles = dict(offers)
        return _choice([(choice, titles.get(choice, choice)) for choice in setting.choices], str(value), is_free=False)
    if offers and isinstance(setting.default, str):
        return _choice(offers, str(value), is_free=True)
    if isinstance(setting.default, int):
        return _whole(setting, int(value))
    if isinstance(setting.default, float):
        return _number(setting, float(value))
    return _text(str(value))


def _switch(setting: Setting, value: bool) -> _Field:
    box = QCheckBox(setting_name(setting.key))
    box.setChecked(value)
    return _Field(box, box.isChecked)


def _choice(offers: Sequence[tuple[str, str]], value: str, *, is_free: bool) -> _Field:
    box = Choice(offers, value, is_free=is_free)
    return _Field(box, box.value)


def _whole(setting: Setting, value: int) -> _Field:
    box = _WholeBox()
    low, high = setting.minimum, setting.maximum
    box.setRange(-_MOST if low is None else int(low), _MOST if high is None else int(high))
    box.setSuffix(f" {setting.unit}" if setting.unit else "")
    box.setValue(value)
    return _Field(box, box.value)


def _number(setting: Setting, value: float) -> _Field:
    box = _NumberBox()
    box.setDecimals(3)
    box.setSingleStep(0.1)
    low, high = setting.minimum, setting.maximum
    box.setRange(-_MOST if low is None else low, _MOST if high is None else high)
    box.setSuffix(f" {setting.unit}" if setting.unit else "")
    box.setValue(value)
    return _Field(box, lambda: round(box.value(), 3))


def _text(value: str) -> _Field:
    line = QLineEdit(value)
    return _Field(line, lambda: line.text().strip())


class PathButton(Button):
    """Lets a file or a folder be chosen in place of typing its path."""

    def __init__(self, field: "QLineEdit | Choice", name: str, path_to: str) -> None:
        super().__init__()
        self._field, self._name, self._path_to = field, name, path_to
        self.setText("Browse…")
        self.setAccessibleName(f"Browse for {name}")
        self.setToolTip(f"Choose a {path_to} in place of typing its path.")
        self.clicked.connect(lambda: self._browse())

    def _browse(self) -> None:
        dialog = QFileDialog(self.window(), f"{self._name}: choose a {self._path_to}")
        kinds = QFileDialog.FileMode
        dialog.setFileMode(kinds.Directory if self._path_to == "folder" else kinds.ExistingFile)
        dialog.fileSelected.connect(self.take)
        dialog.open()

    def take(self, path: str) -> None:
        """Put a path into the field."""
        if isinstance(self._field, Choice):
            self._field.choose(path)
        else:
            self._field.setText(path)
        self._field.setFocus()


class Choice(QComboBox):
    """Values with what they are called; a free one takes any other value as well."""

    def __init__(self, offers: Sequence[tuple[str, str]], value: str, *, is_free: bool = False) -> None:
        super().__init__()
        self.setEditable(is_free)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        for offer, title in offers:
            self.addItem(title, offer)
        self.choose(value)
        self._show_start()
        self.currentIndexChanged.connect(lambda _: self._show_start())

    def choose(self, value: str) -> None:
        """Show a value, by what it is called if that is known."""
        place = self.findData(value)
        if place >= 0:
            self.setCurrentIndex(place)
        elif self.isEditable():
            self.setCurrentIndex(-1)
            self.setEditText(value)

    def value(self) -> str:
        """The value behind what is shown, or what was typed."""
        place = self.findText(self.currentText())
        return str(self.itemData(place)) if place >= 0 else self.currentText().strip()

    def _show_start(self) -> None:
        """Of a long title the beginning counts."""
        if line := self.lineEdit():
            line.setCursorPosition(0)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # a turn of the wheel scrolls the dialog and changes nothing by chance


class _WholeBox(QSpinBox):
    def __init__(self) -> None:
        super().__init__()
        self.lineEdit().setTextMargins(_INDENT, 0, 0, 0)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class _NumberBox(QDoubleSpinBox):
    """Without the zeros that nobody reads: 0.3 and not 0.300."""

    def __init__(self) -> None:
        super().__init__()
        self.lineEdit().setTextMargins(_INDENT, 0, 0, 0)

    def textFromValue(self, value: float) -> str:
        text = super().textFromValue(value)
        point = QLocale().decimalPoint()
        return text.rstrip("0").rstrip(point) if point in text else text

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()
