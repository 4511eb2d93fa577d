"""Lets the user set the language that is spoken, what narration may cost, and how late a line may come."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from PySide6.QtWidgets import QWidget

from narrator.language import prompts
from narrator.seams import Setting, Value
from narrator.settings import declared
from narrator_ui.dialog import ScrollingDialog
from narrator_ui.settings_form import Choice, SettingsForm

_LANGUAGE = "speech.language"
_NAMES = {
    _LANGUAGE: "&Language",
    "spending.pace": "&Money for an hour, on average",
    "spending.hour": "Most money within an &hour",
    "spending.day": "Most money in a &day",
    "spending.tokens": "Most &tokens within a minute",
    "history.tokens": "Most tokens of &pictures in a request",
    "narration.min_gap": "Least time &between two lines",
    "speech.max_wait": "Longest &wait of a line",
    "speech.max_frame_age": "&Oldest picture that a line may be about",
}
"""The labels, by key, in the order of the fields."""


class LimitsDialog(ScrollingDialog):
    """A field for each; nothing changes before OK. `apply` returns what was wrong with settings, or an empty text."""

    def __init__(
        self, parent: QWidget, values: Mapping[str, Value], apply: Callable[[Mapping[str, Value]], str]
    ) -> None:
        super().__init__(parent, "Settings: limits and language", letters=92)
        self._apply = apply
        self._languages = _languages(str(values[_LANGUAGE]))
        self.form = SettingsForm([self._declared(key) for key in _NAMES], values, self._offers, _NAMES)
        self.add(self.form)
        self.column.addStretch(1)
        self.add_button("O&K", self.accept, is_default=True)
        self.add_button("&Cancel", self.reject)
        self.form.field(_LANGUAGE).setFocus()

    def accept(self) -> None:
        """Take what was changed; when it cannot be, say so and stay."""
        problem = self._apply(self.form.changes())
        self.show_problem(problem)
        if not problem:
            super().accept()

    def told(self) -> str:
        """What was changed, in words: "Language: German. Most money in a day: 1 $"."""
        changes = [f"{_NAMES[key].replace('&', '')}: {self._shown(key)}" for key in self.form.changes()]
        return ". ".join(changes) or "Nothing was changed"

    def _shown(self, key: str) -> str:
        field = self.form.field(key)
        return field.currentText() if isinstance(field, Choice) else str(field.property("text"))

    def _declared(self, key: str) -> Setting:
        setting = declared()[key]
        return replace(setting, choices=tuple(self._languages)) if key == _LANGUAGE else setting

    def _offers(self, key: str) -> Sequence[tuple[str, str]]:
        return list(self._languages.items()) if key == _LANGUAGE else ()


def _languages(current: str) -> dict[str, str]:
    """By code, in alphabetical order; one that nobody knows by name is called by its code."""
    name = prompts.language_name(current)
    known = {current: f"{name} ({current})" if name else current, **prompts.languages()}
    return dict(sorted(known.items(), key=lambda entry: entry[1]))
