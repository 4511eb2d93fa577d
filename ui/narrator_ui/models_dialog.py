"""Fetches, checks, removes and chooses models that run on this computer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QLabel, QListWidget, QListWidgetItem, QProgressBar, QTextBrowser, QWidget

from narrator.errors import NarratorError
from narrator.models.address import Hub
from narrator.models.failures import ModelError
from narrator.models.progress import Progress
from narrator.seams import Value
from narrator_ui import model_tasks
from narrator_ui.background import Background
from narrator_ui.controls import Button, FlowLayout
from narrator_ui.dialog import ScrollingDialog, Tell
from narrator_ui.key_box import KeyActions, KeyBox
from narrator_ui.model_errand import Errand, Task, described, percent
from narrator_ui.model_shelf import Entry, Shelf, about_machine, facts, row, spoken
from narrator_ui.other_model import OtherModel
from narrator_ui.typography import breakable, wrapped_label

_WHEN_FOCUSED = Qt.ShortcutContext.WidgetShortcut
_NAME = Qt.ItemDataRole.UserRole
_LOOKING = "Looking at this computer…"
_ROWS = 7
_TOKEN_CAUSES = ("gated", "not_accepted", "bad_token", "no_repository")
"""What a token may help against; a repository that is not public looks as if it were not there."""
_ACCEPTING = (
    "The terms of this model must be accepted once: open its web page, sign in and accept them there, "
    "make an access token that may read, and paste the token here as the key."
)
_ADD_FILES = "Take in a model that you have: its GGUF file, and its mmproj file beside it or chosen together with it."
_ADD_FOLDER = "Take in a model that you have: a folder with a checkpoint for torch, or with GGUF files."


@dataclass(frozen=True, slots=True)
class ModelActions:
    """What the dialog needs of the session."""

    read: Callable[[], Shelf]
    """Look at what is here; may take a second. Raises `NarratorError`."""
    is_offline: Callable[[], bool]
    """Whether the network is switched off."""
    apply: Callable[[Mapping[str, Value]], str]
    """Take settings: what was wrong with them, or an empty text."""
    token: KeyActions
    """The key of the hub, which some models need."""


class ModelsDialog(ScrollingDialog):
    """A list, and below it what is known of the model that the list stands on, with all that can be done to it."""

    def __init__(self, parent: QWidget, errand: Errand, actions: ModelActions, tell: Tell) -> None:
        super().__init__(parent, "Models on this computer", letters=110)
        self._errand, self._actions, self._tell = errand, actions, tell
        self._entries: dict[str, Entry] = {}
        self._removed: Entry | None = None
        self._awaited = ""
        self._asks_for_token = False
        self._make_widgets(tell)
        self._lay_out()
        errand.began.connect(self._show_work)
        errand.progressed.connect(self._show_progress)
        errand.ended.connect(self._ended)
        self.models.addItem(_LOOKING)
        self._show_work()
        self._read()
        self.models.setFocus()

    def entry(self) -> Entry | None:
        """The model that the list stands on."""
        item = self.models.currentItem()
        return None if item is None else self._entries.get(str(item.data(_NAME)))

    def download_model(self) -> None:
        """Fetch it, or go on with it; one that does not fit only after a question."""
        entry = self.entry()
        if entry is None or not self.download.isEnabled():
            return
        if entry.is_too_big:
            question = f"{entry.title} does not fit into the memory that is free now. Download it all the same?"
            self.ask("Download", question, "&Download", "&Cancel", lambda: self._download(entry))
        else:
            self._download(entry)

    def download_other(self, name: str) -> None:
        """Fetch a model that is not in the list, by its repository."""
        try:
            entry = model_tasks.named(name)
        except NarratorError as error:
            self._say(model_tasks.told(error))
            return
        self._awaited = entry.name
        self._download(self._entries.get(entry.name, entry))

    def use_model(self) -> None:
        """Have it describe from now on."""
        entry = self.entry()
        if entry is None or entry.here is None:
            return
        changes: dict[str, Value] = {"backend": entry.engine, f"{entry.engine}.model": entry.name}
        if entry.engine == "gguf":
            changes["gguf.projector"] = ""  # it has its own
        if problem := self._actions.apply(changes):
            self._say(problem)
        else:
            self.accept()

    def check_model(self) -> None:
        if (entry := self.entry()) and self.check.isEnabled():
            self._begin(model_tasks.check(entry))

    def remove_model(self) -> None:
        """Delete it, after a question."""
        entry = self.entry()
        if entry is None or not self.remove.isEnabled():
            return
        chosen = " It is the one that is chosen; another describer takes over." if entry.is_chosen else ""
        question = f"Remove {entry.title} from this computer?{chosen} To use it again it must be downloaded again."
        self.ask("Remove", question, "&Remove", "&Keep", lambda: self._remove(entry))

    def add_files(self, paths: Sequence[str]) -> None:
        """Take in a model of the user's own."""
        if paths:
            self._begin(model_tasks.add([Path(path) for path in paths]))

    def _make_widgets(self, tell: Tell) -> None:
        self.advice, self.machine, self.outcome = wrapped_label(is_bold=True), wrapped_label(), wrapped_label()
        self.models, self.details = QListWidget(), QTextBrowser()
        self.models.setAccessibleName("Models")
        self.models.currentItemChanged.connect(lambda: self._show_entry())
        self.models.itemActivated.connect(lambda _: self._activate())
        removing = QShortcut(QKeySequence.StandardKey.Delete, self.models, context=_WHEN_FOCUSED)
        removing.activated.connect(self.remove_model)
        self.details.setAccessibleName("About this model")
        self.details.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.download = _button("&Download", self.download_model, "Fetch it from the network; it can be stopped.")
        self.use = _button("&Use this model", self.use_model, "Have it describe from now on.")
        self.check = _button("Chec&k", self.check_model, "Compare its files with what they were when they came.")
        self.remove = _button("&Remove…", self.remove_model, "Delete it from this computer.")
        self.web = _button("Open &web page", self._open_page, "Show what its maker says, in the browser.")
        self.bar, self.progress = QProgressBar(), wrapped_label()
        self.bar.setAccessibleName("Progress")
        self.bar.setRange(0, 100)
        self.stop = _button("Sto&p", self._stop, "What has come is kept.")
        self.token_help, self.token = wrapped_label(_ACCEPTING), KeyBox(self._actions.token, tell, lambda: True)
        self.other = OtherModel(self.download_other)
        self.files = _button("&Add files…", self._choose_files, _ADD_FILES)
        self.folder = _button("Add fo&lder…", self._choose_folder, _ADD_FOLDER)

    def _lay_out(self) -> None:
        listed, about = QLabel("&Models:"), QLabel("A&bout this model:")
        listed.setBuddy(self.models)
        about.setBuddy(self.details)
        lines = self.fontMetrics().lineSpacing()
        self.models.setMinimumHeight(_ROWS * lines)
        self.details.setMinimumHeight(6 * lines)
        self.details.setMaximumHeight(9 * lines)
        self.models.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.models.setWordWrap(True)
        self.add(self.advice, self.machine, listed, self.models, about, self.details)
        self.column.addLayout(FlowLayout(self.download, self.use, self.check, self.remove, self.web))
        self.add(self.bar, self.progress)
        self.column.addLayout(FlowLayout(self.stop))
        self.add(self.outcome, self.token_help, self.token)
        self.add(self.other)
        self.column.addLayout(FlowLayout(self.files, self.folder))
        self.column.addStretch(1)
        self.outcome.hide()
        self.add_button("&Close", self.reject)

    def _read(self) -> None:
        Background(self, self._actions.read, self._show_shelf)

    def _show_shelf(self, shelf: Shelf | NarratorError) -> None:
        if isinstance(shelf, NarratorError):
            self.models.clear()
            self._say(model_tasks.told(shelf))
            return
        before = self.entry()
        self._entries = {entry.name: entry for entry in shelf.entries}
        self.advice.setText(breakable(shelf.advice))
        self.machine.setText(breakable(about_machine(shelf.machine)))
        with QSignalBlocker(self.models):  # a button that is being pressed stays as it is
            current = self._awaited if self._awaited in self._entries else before.name if before else ""
            self._fill(shelf.entries, current)
        self._awaited = ""
        self._show_entry()

    def _fill(self, entries: Sequence[Entry], current: str) -> None:
        self.models.clear()
        for entry in entries:
            item = QListWidgetItem(row(entry))
            item.setData(_NAME, entry.name)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, spoken(entry))
            self.models.addItem(item)
            if entry.name == current:
                self.models.setCurrentItem(item)
        if self.models.currentItem() is None:
            self.models.setCurrentRow(0)

    def _show_entry(self) -> None:
        entry = self.entry()
        lines = [f"{name}: {sentence}" for name, sentence in facts(entry)] if entry else []
        self.details.setPlainText("\n".join([entry.title, *lines] if entry else []))
        needs_token = self._asks_for_token or bool(entry and entry.is_gated and not entry.here)
        self.token_help.setVisible(needs_token)
        self.token.setVisible(needs_token)
        self._enable()
        self.grow()

    def _enable(self) -> None:
        entry, is_idle = self.entry(), self._errand.task is None
        is_half, is_kept = bool(entry and entry.is_half), bool(entry and entry.is_kept)
        self.download.setText("Resume &download" if is_half else "&Download")
        self.download.setEnabled(bool(entry and entry.is_to_fetch) and is_idle)
        self.use.setEnabled(bool(entry and entry.here))
        self.check.setEnabled(is_kept and is_idle)
        self.remove.setEnabled((is_kept or is_half) and is_idle)
        self.web.setEnabled(bool(entry and entry.repository))
        self.other.setEnabled(is_idle)
        self.files.setEnabled(is_idle)
        self.folder.setEnabled(is_idle)

    def _activate(self) -> None:
        """What Enter does in the list."""
        entry = self.entry()
        if entry and entry.here:
            self.use_model()
        else:
            self.download_model()

    def _download(self, entry: Entry) -> None:
        self._begin(model_tasks.download(entry, is_offline=self._actions.is_offline()))

    def _remove(self, entry: Entry) -> None:
        self._removed = entry
        self._begin(model_tasks.remove(entry))

    def _begin(self, task: Task) -> None:
        self.outcome.hide()
        self._asks_for_token = False
        self._errand.begin(task)
        self.stop.setFocus()
        QTimer.singleShot(0, self, lambda: self.scrolling.ensureWidgetVisible(self.stop))  # once it is laid out

    def _stop(self) -> None:
        self._errand.stop()
        self.progress.setText("Stopping…")

    def _show_work(self) -> None:
        task = self._errand.task
        for widget in (self.bar, self.progress, self.stop):
            widget.setVisible(task is not None)
        if task is not None:
            self.bar.setRange(0, 0)  # moves to and fro until it is known how much there is
            self.progress.setText(breakable(f"{task.doing}…"))
            if self._errand.progress is not None:
                self._show_progress(self._errand.progress)
        self._enable()
        self.grow()

    def _show_progress(self, progress: Progress) -> None:
        if self._errand.task is None or self._errand.is_stopping:
            return
        self.bar.setRange(0, 100)
        self.bar.setValue(percent(progress))
        text = f"{self._errand.task.doing}: {described(progress)}"
        self.progress.setText(breakable(text))
        self.stop.setAccessibleDescription(text)

    def _ended(self, outcome: str | NarratorError) -> None:
        had_focus = self.stop.hasFocus()
        self._show_work()
        if had_focus:
            self.models.setFocus()
        removed, self._removed = self._removed, None
        if removed and removed.is_chosen and isinstance(outcome, str):
            self._actions.apply({f"{removed.engine}.model": ""})
        self._asks_for_token = isinstance(outcome, ModelError) and outcome.cause in _TOKEN_CAUSES
        self._say(model_tasks.told(outcome))
        self._read()

    def _say(self, words: str) -> None:
        self.outcome.setText(breakable(words))
        self.outcome.setVisible(bool(words))
        self._tell(words)
        self.grow()

    def _open_page(self) -> None:
        entry = self.entry()
        if entry and entry.repository:
            with self.problem_shown():
                QDesktopServices.openUrl(QUrl(Hub.at().page(entry.repository)))

    def _choose_files(self) -> None:
        dialog = QFileDialog(self, "Add a model", filter="Models (*.gguf);;All files (*)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(self.add_files)
        dialog.open()

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self, "Add a folder with a model")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.filesSelected.connect(self.add_files)
        dialog.open()


def _button(text: str, do: Callable[[], object], help_: str) -> Button:
    button = Button.doing(text, do)
    button.setToolTip(help_)
    button.setAccessibleDescription(help_)
    return button
