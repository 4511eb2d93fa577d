"""Lets the user choose who describes, and give it what it needs: a key, a model and settings of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QLabel, QListWidget, QVBoxLayout, QWidget

from narrator.describers import AUTO, EMBEDDED
from narrator.seams import BackendSpec, Setting, Value
from narrator_ui.controls import Button, FlowLayout
from narrator_ui.dialog import ScrollingDialog, Tell
from narrator_ui.key_box import NO_KEY, KeyActions, KeyBox
from narrator_ui.settings_form import Choice, Offers, SettingsForm
from narrator_ui.tiers_box import TiersBox
from narrator_ui.typography import wrapped_label

_FIRST = (".model", ".projector", ".url", ".preset")
"""How the settings end that everybody needs; the others are shown on request."""
_WHERE = {
    True: "Pictures are sent over the network to this service. You are asked before the first one goes.",
    False: "Works on this computer alone: nothing is sent.",
}
_MAY_LACK_KEY = "There is no key. Give one only if the server asks for it."
_MORE, _FEWER = "Show advanced settings", "Hide advanced settings"


@dataclass(frozen=True, slots=True)
class Describers:
    """What the dialog needs to know, and what it can have done."""

    specs: Sequence[BackendSpec]
    values: Mapping[str, Value]
    """The settings in force."""
    keys: Callable[[BackendSpec], KeyActions]
    offers: Callable[[BackendSpec], Offers]
    """For a describer: what its settings may well be, with titles and prices."""
    ignored: Callable[[BackendSpec, Mapping[str, Value]], Mapping[str, str]]
    """For a describer and its settings: which have no effect, by key, with the reason."""
    apply: Callable[[Mapping[str, Value]], str]
    """Take settings: what was wrong with them, or an empty text."""
    show_models: Callable[[], None] | None = None
    """Leave for the models on this computer."""


@dataclass(frozen=True, slots=True)
class PageActions:
    """What a page has its dialog do."""

    take: Callable[[Mapping[str, Value]], bool]
    """Take settings; False when they are wrong, which is shown."""
    grown: Callable[[], None]
    leave_for_models: Callable[[], None]


class DescriberDialog(ScrollingDialog):
    """A list, and below it a page for the describer that the list stands on."""

    def __init__(self, parent: QWidget, describers: Describers, current: str, tell: Tell) -> None:
        super().__init__(parent, "Choose describer", letters=100)
        self._describers = describers
        self.choices = QListWidget()
        self.choices.setAccessibleName("Describers")
        self.choices.currentRowChanged.connect(self._show_page)
        doing = PageActions(self._take, self.grow, self._leave_for_models)
        self.pages = [DescriberPage(spec, describers, tell, doing) for spec in describers.specs]
        label = QLabel("&Describers:")
        label.setBuddy(self.choices)
        ahead = [spec for spec in describers.specs if spec.id not in (AUTO, EMBEDDED)]
        self.tiers = TiersBox(ahead, str(describers.values.get("tiers", "")))
        self.tiers.setVisible(bool(ahead))
        self.tiers.first.currentIndexChanged.connect(lambda _: self.grow())
        self.add(label, self.choices, *self.pages, self.tiers)
        self.column.addStretch(1)
        self.choices.addItems([spec.title for spec in describers.specs])
        self.choices.setFixedHeight(self._list_height())
        ids = [spec.id for spec in describers.specs]
        name = current.partition(":")[0]
        self.choices.setCurrentRow(ids.index(name) if name in ids else 0)
        self.add_button("&Use it", self.accept, is_default=True)
        self.add_button("&Cancel", self.reject)
        self.choices.itemActivated.connect(lambda _: self.accept())
        self.choices.setFocus()

    def page(self) -> "DescriberPage":
        """That of the describer that the list stands on."""
        return self.pages[self.choices.currentRow()]

    def accept(self) -> None:
        """Take the settings, keep a key that was typed, and have the describer describe."""
        page = self.page()
        if page.key is None:
            self._finish()
        else:
            page.key.save(self._finish)

    def _finish(self) -> None:
        page = self.page()
        if self._take({**page.changes(), **self.tiers.changes(), "backend": page.spec.id}):
            super().accept()

    def _take(self, changes: Mapping[str, Value]) -> bool:
        problem = self._describers.apply(changes)
        self.show_problem(problem)
        return not problem

    def _leave_for_models(self) -> None:
        self.reject()
        if self._describers.show_models:
            self._describers.show_models()

    def _show_page(self, row: int) -> None:
        for number, page in enumerate(self.pages):
            page.setVisible(number == row)
        self.show_problem("")
        self.grow()

    def _list_height(self) -> int:
        rows = min(6, max(2, self.choices.count()))
        return rows * (self.choices.sizeHintForRow(0) + 2) + 14


class DescriberPage(QWidget):
    """What a describer is, its key, its model and, when asked for, its other settings."""

    def __init__(self, spec: BackendSpec, describers: Describers, tell: Tell, doing: PageActions) -> None:
        super().__init__()
        self.spec = spec
        self._describers, self._doing = describers, doing
        models, others = _parted(spec.settings)
        offers = describers.offers(spec)
        self.model, self.advanced = (
            SettingsForm(part, describers.values, offers) if part else None for part in (models, others)
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(wrapped_label(f"{spec.help} {_WHERE[spec.is_remote]}"))
        self.key: KeyBox | None = None
        if spec.key_variables:
            no_key = NO_KEY if spec.needs_key else _MAY_LACK_KEY
            self.key = KeyBox(
                describers.keys(spec), tell, lambda: not self.changes() or doing.take(self.changes()), no_key
            )
            column.addWidget(self.key)
        if spec.is_local and describers.show_models:
            self._add_models_button(column)
        if self.model is not None:
            column.addWidget(self.model)
        if self.advanced is not None:
            self.more = Button.doing(_MORE, self._toggle)
            column.addWidget(self.more)
            column.addWidget(self.advanced)
            self.advanced.hide()
        self._watch_model()

    def _add_models_button(self, column: QVBoxLayout) -> None:
        models = Button.doing("&Models…", self._doing.leave_for_models)
        models.setToolTip("Fetch a model for it, or choose, check and remove those that are here.")
        column.addLayout(FlowLayout(models))

    def changes(self) -> dict[str, Value]:
        """The settings that the user changed."""
        forms = [form for form in (self.model, self.advanced) if form is not None]
        return {key: value for form in forms for key, value in form.changes().items()}

    def _toggle(self) -> None:
        assert self.advanced is not None
        self.advanced.setVisible(self.advanced.isHidden())
        self.more.setText(_MORE if self.advanced.isHidden() else _FEWER)
        self._doing.grown()

    def _watch_model(self) -> None:
        """Which of the other settings have an effect depends on the model."""
        for setting in _parted(self.spec.settings)[0]:
            field = self.model.field(setting.key) if self.model else None
            if isinstance(field, Choice):
                field.currentTextChanged.connect(lambda _: self._show_ignored())
        self._show_ignored()

    def _show_ignored(self) -> None:
        if self.advanced is not None:
            values = {**self._describers.values, **self.changes()}
            self.advanced.show_ignored(self._describers.ignored(self.spec, values))


def _parted(settings: Sequence[Setting]) -> tuple[list[Setting], list[Setting]]:
    """What everybody needs, the choice of the model above all, and the rest."""
    models = [setting for setting in settings if setting.key.endswith(_FIRST)]
    return models, [setting for setting in settings if setting not in models]
