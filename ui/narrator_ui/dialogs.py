"""Opens the dialogs while narration goes on, and has done what the user chose in them; methods are named as actions."""

from collections.abc import Callable, Mapping
from typing import cast

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDialog, QFileDialog, QWidget

from narrator import registry
from narrator.errors import NarratorError
from narrator.language import styles
from narrator.language.prompts import Manner
from narrator.messages import Level, Notice
from narrator.models import address, store
from narrator.privacy import sent
from narrator.privacy.consent import ConsentPage
from narrator.seams import BackendSpec, Value
from narrator.session import Session
from narrator_ui import model_shelf, model_tasks
from narrator_ui.accessibility import announce
from narrator_ui.consent_dialog import ConsentDialog
from narrator_ui.describer_dialog import DescriberDialog, Describers
from narrator_ui.dialog import Tell
from narrator_ui.focus_dialog import FocusDialog, focus_told
from narrator_ui.help_dialog import HelpDialog
from narrator_ui.key_actions import key_actions
from narrator_ui.key_box import KeyActions
from narrator_ui.limits_dialog import LimitsDialog
from narrator_ui.model_errand import Errand
from narrator_ui.models_dialog import ModelActions, ModelsDialog
from narrator_ui.sent_dialog import SentActions, SentDialog, SentTable
from narrator_ui.source_dialog import SourceDialog
from narrator_ui.style_dialog import StyleDialog

_AUTO = BackendSpec(
    id="auto",
    title="The best that is ready",
    help="A service that you agreed to and that has a key, else a model on this computer, else the built-in describer.",
)


_MOST_ROWS = 500
"""Of what was sent; the sum counts all of it."""


class Dialogs(QObject):
    """One dialog at a time; Escape closes it and silences, as it does in the window."""

    def __init__(
        self,
        window: QWidget,
        session: Session,
        actions: Mapping[str, QAction],
        tell: Tell,
        show_notice: Callable[[Notice], None],
        look_at: Callable[[str], None],
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._actions = window, session, actions
        self._tell, self._show_notice, self._look_at = tell, show_notice, look_at
        self._dialog: QDialog | None = None
        self._help: HelpDialog | None = None
        self._consent: ConsentDialog | None = None
        self._asked: ConsentPage | None = None
        self._errand = Errand(self, self._tell_of_errand)
        self._errand.ended.connect(self._errand_ended)

    def look(self) -> None:
        """Ask for the consent that the session waits for, as soon as no other dialog is in the way."""
        page = self._session.consent_page
        if page is self._asked:
            return
        if self._consent is not None:
            self._withdraw()
        if page is None:
            self._asked = None
        elif self._dialog is None and self._window.isVisible():
            self._asked = page
            self._ask(page)

    def choose_source(self) -> None:
        dialog = SourceDialog(self._window, self._session.source, self.open_file, self.open_folder)
        dialog.accepted.connect(lambda: self._look_at(dialog.chosen()))
        self._open(dialog)

    def open_file(self) -> None:
        self._open_path("Open a video or a picture", QFileDialog.FileMode.ExistingFile)

    def open_folder(self) -> None:
        self._open_path("Open a folder of pictures", QFileDialog.FileMode.Directory)

    def set_focus(self) -> None:
        dialog = FocusDialog(self._window, self._session.settings.text("narration.focus"))
        dialog.accepted.connect(lambda: self._take({"narration.focus": dialog.chosen()}, focus_told(dialog.chosen())))
        self._open(dialog)

    def choose_style(self) -> None:
        settings = self._session.settings
        manner = Manner(
            settings.text("narration.style"),
            settings.whole("narration.detail"),
            settings.text("narration.focus"),
            settings.text("speech.language"),
        )
        dialog = StyleDialog(self._window, self._speak, manner)
        dialog.accepted.connect(lambda: self._use_style(dialog.chosen()))
        self._open(dialog)

    def use_style(self, number: str) -> None:
        """The style of this number in the gallery, from 1."""
        names = list(styles.styles())
        if int(number) <= len(names):
            self._use_style(names[int(number) - 1])
        else:
            self._tell(f"There is no style {number}")

    def choose_describer(self) -> None:
        session = self._session
        specs = [cast("BackendSpec", spec) for spec in registry.specs("backends").values()]
        describers = Describers(
            [_AUTO, *(spec for spec in specs if not spec.is_alone)],
            session.settings.values,
            self._key_actions,
            lambda spec: lambda key: session.offers(spec.id, key),
            lambda spec, values: registry.ignored(spec.id, values),
            self._problem_of,
            self.show_models,
        )
        dialog = DescriberDialog(self._window, describers, session.wanted_backend, self._speak)
        dialog.accepted.connect(lambda: self._tell_of_key(dialog))
        self._open(dialog)

    def show_models(self) -> None:
        session = self._session
        spec = BackendSpec(address.TOKEN_ID, "the hub", "", key_variables=address.TOKEN_VARIABLES)
        chosen = self._chosen_model()

        def is_offline() -> bool:
            return session.settings.flag("network.offline")

        token = key_actions(spec, dict, lambda: model_tasks.try_token(is_offline=is_offline()))
        actions = ModelActions(lambda: model_shelf.read(chosen), is_offline, self._problem_of, token)
        dialog = ModelsDialog(self._window, self._errand, actions, self._speak)
        dialog.accepted.connect(lambda: self._tell(f"Describer: {registry.spec_of('backends', session.backend).title}"))
        dialog.finished.connect(lambda _: self._say_that_it_goes_on())
        self._open(dialog)

    def close(self) -> None:
        """End what goes on in the background; what a download brought is kept."""
        self._errand.stop()

    def change_settings(self) -> None:
        dialog = LimitsDialog(self._window, self._session.settings.values, self._problem_of)
        dialog.accepted.connect(lambda: self._tell(dialog.told()))
        self._open(dialog)

    def show_sent(self) -> None:
        session = self._session
        log = sent.SentLog(sent.sent_folder())

        def read() -> SentTable:
            entries = log.entries()
            return SentTable(sent.rows(entries[:_MOST_ROWS]), sent.total(entries))

        actions = SentActions(read, log.erase, lambda keeps: session.apply({"sent.pictures": keeps}))
        keeps = session.settings.flag("sent.pictures")
        self._open(SentDialog(self._window, actions, self._speak, keeps_pictures=keeps))

    def show_help(self) -> None:
        if self._help is None:
            self._help = HelpDialog(self._window, list(self._actions.values()))
            self._help.rejected.connect(self._session.hush)
        if self._help.isVisible():
            self._help.raise_()
            self._help.activateWindow()
        self._help.show()

    def _key_actions(self, spec: BackendSpec) -> KeyActions:
        session, id_ = self._session, spec.id
        check, changed = (lambda: session.check_key(id_)), (lambda: session.renew_key(id_))
        return key_actions(spec, lambda: session.settings.values, check, changed)

    def _tell_of_key(self, dialog: DescriberDialog) -> None:
        """What became of a key that was typed, where the dialog no longer shows it."""
        key = dialog.page().key
        if key is not None and key.kept:
            self._tell(key.kept)

    def _ask(self, page: ConsentPage) -> None:
        self._consent = ConsentDialog(self._window, page.title, page.paragraphs, page.question, [self._actions["hush"]])
        self._consent.finished.connect(lambda result: self._answer(page, yes=bool(result)))
        self._open(self._consent)
        self._speak(self._consent.spoken())

    def _answer(self, page: ConsentPage, *, yes: bool) -> None:
        self._consent = None
        if self._session.consent_page is page:
            self._session.answer_consent(yes=yes)
            self._tell("Yes" if yes else "No: nothing is sent")

    def _withdraw(self) -> None:
        """The describer that the page is about is wanted no more."""
        assert self._consent is not None
        self._consent.done(QDialog.DialogCode.Rejected)

    def _open_path(self, title: str, mode: QFileDialog.FileMode) -> None:
        dialog = QFileDialog(self._window, title)
        dialog.setFileMode(mode)
        dialog.fileSelected.connect(self._look_at)
        self._open(dialog)

    def _open(self, dialog: QDialog) -> None:
        self._dialog = dialog
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.rejected.connect(self._session.hush)
        dialog.finished.connect(lambda _: self._closed(dialog))
        dialog.open()

    def _closed(self, dialog: QDialog) -> None:
        if self._dialog is dialog:
            self._dialog = None

    def _use_style(self, name: str) -> None:
        self._take({"narration.style": name}, f"Style: {styles.find(name).title}")

    def _speak(self, text: str) -> None:
        """Say what a dialog shows by itself: aloud, or else to a screen reader."""
        if self._session.speaks_aloud:
            self._session.say(text)
        else:
            announce(self._dialog or self._window, text)

    def name_styles(self) -> None:
        """Have the entries of the menu tell which style each number means."""
        for number, style in enumerate(styles.styles().values(), 1):
            if action := self._actions.get(f"use_style:{number}"):
                action.setText(f"Style {number}: {style.title}")

    def _chosen_model(self) -> str:
        """The name of the fetched model that is chosen, if one is."""
        engine, _, name = self._session.wanted_backend.partition(":")
        return name or (self._session.settings.text(f"{engine}.model") if engine in store.ENGINES else "")

    def _say_that_it_goes_on(self) -> None:
        if self._errand.task is not None:
            self._tell(f"{self._errand.task.doing} goes on. Models shows how far it is.")

    def _tell_of_errand(self, text: str) -> None:
        (self._speak if self._dialog else self._tell)(text)

    def _errand_ended(self, outcome: str | NarratorError) -> None:
        """Told here when the dialog that began it is closed."""
        if isinstance(self._dialog, ModelsDialog):
            return
        if isinstance(outcome, str):
            self._tell_of_errand(outcome)
            return
        self._show_notice(Notice(Level.ERROR, outcome.sentence, model_tasks.remedy_of(outcome)))
        if self._session.speaks_aloud:
            self._session.say(model_tasks.told(outcome))

    def _take(self, changes: Mapping[str, Value], effect: str) -> None:
        try:
            self._session.apply(changes)
        except NarratorError as error:
            self._show_notice(error.notice())
        else:
            self._tell(effect)

    def _problem_of(self, changes: Mapping[str, Value]) -> str:
        try:
            self._session.apply(changes)
        except NarratorError as error:
            return f"{error.sentence} {error.remedy}".rstrip()
        return ""
