"""How the session fares, at the foot of the window, and what the last key did, for a moment above it."""

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QLabel, QWidget

from narrator import registry
from narrator.messages import Phase, State
from narrator_ui.accessibility import announce
from narrator_ui.typography import breakable

_EFFECT_MS = 4_000
PHASES = {
    Phase.STARTING: "Starting",
    Phase.NARRATING: "Narrating",
    Phase.PAUSED: "Paused",
    Phase.ENDED: "Ended",
}


class StatusLine(QLabel):
    """Phase, source, describer, voice, pace, age of the words and losses."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setContentsMargins(2, 0, 2, 0)

    def show_state(self, state: State) -> None:
        """Show the newest state."""
        text = breakable(described(state))
        if text != self.text():
            self.setText(text)


class Effect(QLabel):
    """What a key did, over the foot of the window for a few seconds."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._over = window
        self.setObjectName("effect")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()
        self._fading = QTimer(self, singleShot=True, interval=_EFFECT_MS)
        self._fading.timeout.connect(self.hide)

    def tell(self, text: str) -> None:
        """Show it, and tell it to assistive technology."""
        self.setText(text)
        self.adjustSize()
        self.place()
        self.show()
        self.raise_()
        self._fading.start()
        announce(self, text)

    def place(self) -> None:
        """Stand in the middle of the window's foot."""
        self.move((self._over.width() - self.width()) // 2, self._over.height() - self.height() - 12)


def described(state: State) -> str:
    """The state in one line."""
    age = "" if state.frame_to_word is None else f"words {state.frame_to_word:.1f} s behind the picture"
    parts = (
        PHASES[state.phase],
        f"Source: {registry.source_title(state.source)}",
        f"Describer: {_id(state.backend)}",
        f"Voice: {_id(state.voice)}",
        f"{state.capture_fps:.0f} fps",
        age,
        f"{state.drops} {'picture' if state.drops == 1 else 'pictures'} left out",
    )
    return "  ·  ".join(part for part in parts if part)


def _id(text: str) -> str:
    """Without the file that follows a colon."""
    return text.partition(":")[0]
