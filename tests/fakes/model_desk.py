"""The dialog of models on a window of its own, worked by keys."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QMainWindow, QMessageBox

from narrator_ui import model_shelf, model_tasks
from narrator_ui.key_box import KeyActions
from narrator_ui.model_errand import Errand
from narrator_ui.models_dialog import ModelActions, ModelsDialog

RESTED_MS = 150
"""A button that is pressed by its letter stays down for 100 ms and does its work then."""


class Desk:
    """The dialog on a window of its own, and what was said and applied."""

    def __init__(self, qtbot, *, offline=False, chosen="", problem=""):
        self.qtbot = qtbot
        self.said, self.applied = [], []
        self.window = QMainWindow()
        self.window.resize(900, 700)
        qtbot.addWidget(self.window)
        self.window.show()
        self.errand = Errand(self.window, self.said.append)
        self.actions = ModelActions(
            lambda: model_shelf.read(chosen),
            lambda: offline,
            lambda changes: self.applied.append(dict(changes)) or problem,
            KeyActions(lambda: "", lambda _: "", lambda: "", lambda: model_tasks.try_token(is_offline=offline)),
        )
        self.open()

    def open(self):
        self.dialog = ModelsDialog(self.window, self.errand, self.actions, self.said.append)
        self.dialog.open()
        self.dialog.activateWindow()
        self.qtbot.waitUntil(lambda: self.dialog.entry() is not None)
        self.qtbot.waitUntil(lambda: self.dialog.isActiveWindow() and QApplication.focusWidget() is not None)

    def names(self):
        models = self.dialog.models
        return [models.item(row).data(Qt.ItemDataRole.UserRole) for row in range(models.count())]

    def stand_on(self, name="moondream-2"):
        self.dialog.models.setCurrentRow(self.names().index(name))

    def press(self, *keys):
        for key in keys:
            combination = QKeySequence(key)[0]
            self.qtbot.waitUntil(lambda: QApplication.focusWidget() is not None)
            self.qtbot.keyClick(QApplication.focusWidget(), combination.key(), combination.keyboardModifiers())
            if key.startswith("Alt+"):
                self.qtbot.wait(RESTED_MS)

    def answer(self, letter):
        self.qtbot.waitUntil(lambda: self.question() is not None and self.question().isActiveWindow())
        self.qtbot.keyClick(self.question(), letter, Qt.KeyboardModifier.AltModifier)

    def until_said(self, words):
        self.qtbot.waitUntil(lambda: any(words in said for said in self.said), timeout=20_000)
        self.qtbot.waitUntil(lambda: self.errand.task is None)

    def until_listed(self, place):
        """The list was read again, and says this of the model that it stands on."""
        self.qtbot.waitUntil(
            lambda: self.dialog.entry() is not None and model_shelf.place(self.dialog.entry()) == place
        )

    def question(self):
        return next((box for box in self.dialog.findChildren(QMessageBox) if box.isVisible()), None)
