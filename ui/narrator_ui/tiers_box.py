"""Lets the user choose who speaks before the describer that is chosen."""

from collections.abc import Sequence

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from narrator.seams import BackendSpec, Value
from narrator_ui.settings_form import Choice
from narrator_ui.typography import wrapped_label

_HELP = (
    "A faster describer may speak first, in a few words; the one that you choose above then adds what it left out, "
    "if that is still true."
)
_NOBODY = ("", "Nobody: the chosen one alone")
_NOBODY_ELSE = ("", "Nobody else")


class TiersBox(QWidget):
    """Two choices, the second only when the first is made; they stand for the setting `tiers`."""

    def __init__(self, specs: Sequence[BackendSpec], tiers: str) -> None:
        super().__init__()
        self._tiers = tiers
        names = [name.strip() for name in tiers.split(",") if name.strip()]
        first, then = (*names, "", "")[:2]
        offers = [(spec.id, spec.title) for spec in specs]
        offers += [(name, name) for name in names if name not in dict(offers)]
        self.first = Choice([_NOBODY, *offers], first)
        self.then = Choice([_NOBODY_ELSE, *offers], then)
        labels = [QLabel("Speaks f&irst:"), QLabel("Speaks ne&xt:")]
        self._second = [labels[1], self.then]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for label, choice in zip(labels, (self.first, self.then), strict=True):
            label.setBuddy(choice)
            choice.setAccessibleName(label.text().replace("&", "").rstrip(":"))
            choice.setAccessibleDescription(_HELP)
            column.addWidget(label)
            column.addWidget(choice)
        help_line = wrapped_label(_HELP)
        help_line.setObjectName("help")
        column.addWidget(help_line)
        self.first.currentIndexChanged.connect(lambda _: self._show_second())
        self._show_second()

    def changes(self) -> dict[str, Value]:
        """The setting `tiers`, if it changed."""
        names = [name for name in (self.first.value(), self.then.value()) if name and self.first.value()]
        tiers = ", ".join(dict.fromkeys(names))
        before = ", ".join(name.strip() for name in self._tiers.split(",") if name.strip())
        return {} if tiers == before else {"tiers": tiers}

    def _show_second(self) -> None:
        for widget in self._second:
            widget.setVisible(bool(self.first.value()))
