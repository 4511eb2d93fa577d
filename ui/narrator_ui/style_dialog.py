"""The gallery of styles: what each is like, what the describer is asked in it, and the way for styles of one's own."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLabel, QListWidget, QListWidgetItem, QTextBrowser, QWidget

from narrator.language import prompts, styles
from narrator.language.styles import Style
from narrator_ui.controls import Button, FlowLayout
from narrator_ui.dialog import ScrollingDialog, Tell
from narrator_ui.typography import breakable, wrapped_label

_NAME = Qt.ItemDataRole.UserRole
_KEYS = 9
_LINES = 34
"""Of text that the dialog has room for, if the screen has."""
_SUFFIX = ".toml"
_MANNER = prompts.Manner()


class StyleDialog(ScrollingDialog):
    """A list, and for the style it stands on the description and the prompt."""

    def __init__(self, parent: QWidget, tell: Tell, manner: prompts.Manner = _MANNER) -> None:
        super().__init__(parent, "Choose style", letters=92)
        self._tell, self._manner = tell, manner
        self.styles = QListWidget()
        self.styles.setAccessibleName("Styles")
        self.styles.currentItemChanged.connect(self._show)
        self.styles.itemActivated.connect(lambda _: self.accept())
        self.description = wrapped_label()
        self.preview = QTextBrowser()
        self.preview.setAccessibleName("What the describer is asked")
        self.preview.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        listed, asked = QLabel("&Styles:"), QLabel("&What the describer is asked:")
        listed.setBuddy(self.styles)
        asked.setBuddy(self.preview)
        lines = self.fontMetrics().lineSpacing()
        self.styles.setMinimumHeight(5 * lines)
        self.preview.setMinimumHeight(6 * lines)
        self.add(listed, self.styles, self.description, asked, self.preview)
        self.remove = Button.doing("Remove", self.remove_style)
        self.remove.setToolTip("Take a style of your own out of the list.")
        self.column.addLayout(
            FlowLayout(
                Button.doing("Import…", self._choose_import),
                Button.doing("Export…", self._choose_export),
                self.remove,
            )
        )
        self.add_button("&Use it", self.accept, is_default=True)
        self.add_button("&Cancel", self.reject)
        self._fill(manner.style)
        self.styles.setFocus()

    def content_height(self, width: int) -> int:
        return max(super().content_height(width), _LINES * self.fontMetrics().lineSpacing())

    def chosen(self) -> str:
        """The name of the style that the list stands on."""
        item = self.styles.currentItem()
        return "" if item is None else str(item.data(_NAME))

    def import_file(self, path: str) -> None:
        """Take a file in as a style of the user's own, and stand on it."""
        with self.problem_shown():
            self._fill(styles.add(Path(path)).id)
            self.styles.setFocus()
            self._tell(f"Brought in: {self._style().title}")

    def export_file(self, path: str) -> None:
        """Write the style that the list stands on to a file."""
        with self.problem_shown():
            styles.export(self.chosen(), Path(path))
            self._tell(f"Written to {Path(path).name}")

    def remove_style(self) -> None:
        """Take the user's own style that the list stands on out of it."""
        style = self._style()
        with self.problem_shown():
            styles.remove(style.id)
            self._fill(style.id)
            self.styles.setFocus()
            self._tell(f"Removed: {style.title}")

    def _style(self) -> Style:
        return self._styles[self.chosen()]

    def _fill(self, current: str) -> None:
        self._styles, notices = styles.read()
        self.styles.clear()
        for number, style in enumerate(self._styles.values(), 1):
            item = QListWidgetItem(shown_style(number, style))
            item.setData(_NAME, style.id)
            self.styles.addItem(item)
            if style.id == current or number == 1:
                self.styles.setCurrentItem(item)
        self.show_problem(" ".join(f"{notice.text} {notice.remedy}" for notice in notices))

    def _show(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        style = self._style()
        self.description.setText(breakable(style.description))
        self.remove.setEnabled(style.is_own)
        with self.problem_shown():
            self.preview.setPlainText(prompts.preview(style.id, self._manner))

    def _choose_import(self) -> None:
        dialog = QFileDialog(self, "Import a style", filter=f"Styles (*{_SUFFIX} *.txt);;All files (*)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.import_file)
        dialog.open()

    def _choose_export(self) -> None:
        dialog = QFileDialog(self, "Export the style", filter=f"Styles (*{_SUFFIX})")
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)  # a file that is there is never replaced
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(_SUFFIX)
        dialog.selectFile(self.chosen() + _SUFFIX)
        dialog.fileSelected.connect(self.export_file)
        dialog.open()


def shown_style(number: int, style: Style) -> str:
    """A style in the list: its key, its title and whether it is the user's own."""
    key = f"{number}  " if number <= _KEYS else ""
    return f"{key}{style.title}{' (your own)' if style.is_own else ''}"
