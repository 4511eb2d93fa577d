"""The main window: the live picture, the words, the notices and everything that the user can do."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QCloseEvent, QGuiApplication, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QBoxLayout,
    QFrame,
    QMainWindow,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from narrator import registry
from narrator.actions import ACTIONS, Action
from narrator.errors import NarratorError
from narrator.messages import Caption, Delta, Event, Level, Notice, Phase, State
from narrator.session import Session
from narrator_ui.accessibility import announce
from narrator_ui.bridge import Bridge
from narrator_ui.captions import CaptionList, CurrentCaption, Line
from narrator_ui.controls import Button, FlowLayout
from narrator_ui.dialogs import Dialogs
from narrator_ui.effects import SPOKEN, effect
from narrator_ui.help_dialog import shown_keys
from narrator_ui.notices import NoticeArea
from narrator_ui.own_windows import OwnWindows
from narrator_ui.status import Effect, StatusLine
from narrator_ui.theme import Theme
from narrator_ui.video_view import VideoView

_TITLE = "Scene Narrator"
_USUAL_SIZE = QSize(1100, 700)
_BUTTONS = (
    "start_pause",
    "hush",
    "repeat",
    "describe",
    "more_detail",
    "less_detail",
    "slower",
    "faster",
    "quieter",
    "louder",
    "choose_source",
    "choose_describer",
    "change_settings",
    "show_help",
)
_START_PAUSE = {Phase.STARTING: "Pause", Phase.NARRATING: "Pause", Phase.PAUSED: "Start", Phase.ENDED: "Start again"}
_OVER_THE_PICTURE = {
    Phase.STARTING: "",
    Phase.NARRATING: "",
    Phase.PAUSED: "Paused",
    Phase.ENDED: "The end",
}
_WAITING = "Waiting for the first picture…"
_TEXT_SIZES = (50, 75, 100, 125, 150, 175, 200, 250, 300, 350, 400)
_THEMES = ("system", "light", "dark")
_COLUMNS_FROM = 100
"""The window's width, in letters, from which the captions stand beside the picture."""


class MainWindow(QMainWindow):
    """Watches a session that has not started yet, and closes it when the window is closed."""

    def __init__(self, session: Session, application: QApplication) -> None:
        super().__init__()
        self.session = session
        self.view, self.caption, self.captions = VideoView(), CurrentCaption(), CaptionList()
        self.notices, self.status, self.effect = NoticeArea(), StatusLine(), Effect(self)
        self._body = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._seen: tuple[Phase, NarratorError | None, str, bool] | None = None
        self._failed: Notice | None = None
        self._arriving: tuple[int, str] = (0, "")
        self._has_more = False
        self._actions = {entry.id: self._new_action(entry) for entry in ACTIONS}
        self.dialogs = Dialogs(self, session, self._actions, self.tell, self.show_notice, self._look_at)
        self._fill_menus()
        self._lay_out()
        self.theme = Theme(application, self._fit)
        self._dress()
        self._own_windows = OwnWindows(session.set_excluded, lambda: session.source)
        self.bridge = Bridge(session, self.view.show_picture, self._handle, self._look)
        self.bridge.stood_still.connect(self.view.refine)
        self._look()

    def show_notice(self, notice: Notice) -> None:
        """Show a notice; a screen reader hears of it unless our own voice says it."""
        self.notices.show_notice(notice)
        if notice.quiet or not self.session.speaks_aloud:
            announce(self.notices, f"{notice.text} {notice.remedy}", is_urgent=notice.level is Level.ERROR)

    def tell(self, text: str) -> None:
        """Show for a moment what was done; our own voice says it, or else a screen reader."""
        is_spoken = self.session.speaks_aloud
        self.effect.tell(text, is_spoken=is_spoken)
        if is_spoken:
            self.session.say(text)

    def copy_caption(self) -> None:
        if lines := self.captions.lines():
            QGuiApplication.clipboard().setText(lines[-1].text)

    def focus_captions(self) -> None:
        self.captions.go_to_newest()

    def bigger_text(self) -> None:
        size = self.session.settings.whole("window.font_size")
        self._resize_text(min((step for step in _TEXT_SIZES if step > size), default=size))

    def smaller_text(self) -> None:
        size = self.session.settings.whole("window.font_size")
        self._resize_text(max((step for step in _TEXT_SIZES if step < size), default=size))

    def change_theme(self) -> None:
        current = _THEMES.index(self.session.settings.text("window.theme"))
        self.session.apply({"window.theme": _THEMES[(current + 1) % len(_THEMES)]})
        self._dress()

    def quit(self) -> None:
        self.close()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()
        self.effect.place()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.bridge.close()
        self.dialogs.close()
        self.theme.close()
        self.hide()
        self.session.close()
        super().closeEvent(event)

    def _new_action(self, entry: Action) -> QAction:
        action = QAction(entry.title, self)
        action.setShortcuts([QKeySequence(keys) for keys in entry.keys])
        action.setToolTip(f"{entry.help} ({shown_keys(entry)})")
        action.triggered.connect(lambda: self._do(entry.id))
        return action

    def _fill_menus(self) -> None:
        for group in dict.fromkeys(entry.group for entry in ACTIONS):
            menu = self.menuBar().addMenu(f"&{group}")
            menu.addActions([self._actions[entry.id] for entry in ACTIONS if entry.group == group])
            menu.aboutToShow.connect(self.dialogs.name_styles)

    def _lay_out(self) -> None:
        framed = QVBoxLayout()
        framed.setContentsMargins(2, 2, 2, 2)  # as wide as the room that focus rings need around the others
        framed.addWidget(self.view)
        picture = QVBoxLayout()
        picture.addLayout(framed, 1)
        picture.addWidget(self.caption)
        self._body.addLayout(picture, 5)
        self._body.addWidget(self.captions, 3)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(10, 8, 10, 8)
        column.setSpacing(8)
        column.addWidget(self.notices)
        column.addLayout(self._body, 1)
        buttons = [Button.of(self._actions[id_]) for id_ in _BUTTONS]
        column.addLayout(FlowLayout(*buttons))
        column.addWidget(self.status)
        scrolling = QScrollArea()  # with a very large text everything is still there
        scrolling.setWidgetResizable(True)
        scrolling.setFrameShape(QFrame.Shape.NoFrame)
        scrolling.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scrolling.setWidget(content)
        self.setCentralWidget(scrolling)
        self.resize(_USUAL_SIZE.boundedTo(QGuiApplication.primaryScreen().availableSize()))
        buttons[0].setFocus()

    def _dress(self) -> None:
        settings = self.session.settings
        self.theme.apply(settings.text("window.theme"), settings.whole("window.font_size"))

    def _fit(self) -> None:
        """After a change of the text size."""
        self.caption.fit()
        self._arrange()

    def _arrange(self) -> None:
        has_columns = self.width() >= _COLUMNS_FROM * self.fontMetrics().averageCharWidth()
        direction = QBoxLayout.Direction
        self._body.setDirection(direction.LeftToRight if has_columns else direction.TopToBottom)

    def _do(self, id_: str) -> None:
        """Do an action, on the window, the dialogs or else the session, and tell its effect."""
        before = self.session.settings
        name, colon, argument = id_.partition(":")
        doer = next(thing for thing in (self, self.dialogs, self.session) if hasattr(type(thing), name))
        try:
            getattr(doer, name)(*([argument] if colon else []))
        except NarratorError as error:
            self.show_notice(error.notice())
            return
        if words := effect(id_, before, self.session, has_captions=bool(self.captions.lines())):
            (self.tell if id_ in SPOKEN else self.effect.tell)(words)
        self._look()

    def _handle(self, event: Event) -> None:
        match event:
            case Caption():
                self._show_caption(event)
            case Delta():
                run, text = self._arriving
                self._arriving = event.run.id, event.text if event.run.id != run else text + event.text
                self._has_more = True
            case Notice():
                if event != self._failed or self.session.failure:  # else it comes late, of a source that was replaced
                    self.show_notice(event)
            case State():
                self.status.show_state(event)

    def _show_caption(self, caption: Caption) -> None:
        self._has_more = False
        text = caption.text if caption.complete else f"{caption.text} …"
        self.caption.show_text(text)
        self.captions.append(Line(caption.run.media_t, text))
        if not self.session.speaks_aloud:
            announce(self.caption, text)

    def _look(self) -> None:
        """Compare the session with what is shown, every tick."""
        if self._has_more:  # words come faster than they can be laid out
            self._has_more = False
            self.caption.show_text(self._arriving[1])
        session = self.session
        now = session.phase, session.failure, session.source, session.frames.peek() is not None
        if now != self._seen:
            self._seen = now
            self._show_phase(*now)
        self._own_windows.look()
        self.dialogs.look()

    def _show_phase(self, phase: Phase, failure: NarratorError | None, source: str, has_picture: bool) -> None:
        self._actions["start_pause"].setText(_START_PAUSE[phase])
        is_waiting = phase is Phase.STARTING and not has_picture
        self.view.show_message(_WAITING if is_waiting else "No picture" if failure else _OVER_THE_PICTURE[phase])
        prefix = "Paused – " if phase is Phase.PAUSED else ""
        self.setWindowTitle(f"{prefix}{registry.source_title(source)} – {_TITLE}")
        if failure:
            self._failed = failure.notice()
            self.notices.show_notice(self._failed, offer=self._actions["choose_source"])
        else:
            self.notices.withdraw_offers()

    def _look_at(self, address: str) -> None:
        self._look()  # a source that has just failed is known from here on, whenever its notice comes
        try:
            self.session.apply({"source": address})
        except NarratorError as error:
            self.show_notice(error.notice())
        else:
            self.tell(f"Source: {registry.source_title(address)}")

    def _resize_text(self, percent: int) -> None:
        self.session.apply({"window.font_size": percent})
        self._dress()
