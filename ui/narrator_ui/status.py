"""How the session fares, at the foot of the window, and what the last key did, for a moment above it."""

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QLabel, QWidget

from narrator import registry
from narrator.messages import Meter, Phase, State
from narrator.spending.caps import money
from narrator_ui.accessibility import announce
from narrator_ui.typography import breakable

_EFFECT_MS = 4_000
_MARGIN = 12
PHASES = {
    Phase.STARTING: "Starting",
    Phase.NARRATING: "Narrating",
    Phase.PAUSED: "Paused",
    Phase.ENDED: "Ended",
}


class StatusLine(QLabel):
    """Phase, source, describer, voice, pace, age of the words and losses; below it what was spent, if anything."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setContentsMargins(2, 0, 2, 0)

    def show_state(self, state: State) -> None:
        """Show the newest state."""
        text = breakable("\n".join(line for line in (described(state), metered(state)) if line))
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

    def tell(self, text: str, *, is_spoken: bool = False) -> None:
        """Show it, and tell it to assistive technology unless our own voice says it."""
        self.setText(breakable(text))
        self.place()
        self.show()
        self.raise_()
        self._fading.start()
        if not is_spoken:
            announce(self, text)

    def place(self) -> None:
        """Stand in the middle of the window's foot, in several lines where the words are many."""
        room = self._over.width() - 2 * _MARGIN
        self.setWordWrap(False)
        is_wide = self.sizeHint().width() > room
        self.setWordWrap(is_wide)
        self.resize(QSize(room, self.heightForWidth(room)) if is_wide else self.sizeHint())
        self.move((self._over.width() - self.width()) // 2, self._over.height() - self.height() - _MARGIN)


def described(state: State) -> str:
    """The state in one line, without money."""
    age = "" if state.frame_to_word is None else f"words {state.frame_to_word:.1f} s behind the picture"
    parts = (
        PHASES[state.phase],
        f"Source: {registry.source_title(state.source)}",
        _describer(state),
        f"Voice: {_id(state.voice)}",
        f"{state.capture_fps:.0f} fps",
        age,
        f"{state.drops} {'picture' if state.drops == 1 else 'pictures'} left out",
    )
    return "  ·  ".join(part for part in parts if part)


def metered(state: State) -> str:
    """What was asked of describers that cost money, and what it costs; empty when that is nothing."""
    meter = state.meter
    if not meter.requests and not meter.cost_today:
        return ""
    parts = (
        _title("backends", state.backend),
        f"{meter.requests} {'request' if meter.requests == 1 else 'requests'}",
        _tokens(meter),
        f"{money(meter.cost_an_hour)} an hour",
        f"{money(meter.cost_today)} today" + (f" of {money(meter.limit_today)}" if meter.limit_today else ""),
    )
    return "  ·  ".join(parts)


def _tokens(meter: Meter) -> str:
    share = f" ({100 * meter.cached / meter.tokens_in:.0f} % cached)" if meter.tokens_in and meter.cached else ""
    return f"{_short(meter.tokens_in)} tokens in{share}, {_short(meter.tokens_out)} out"


def _short(number: int) -> str:
    """A number in three letters or so: 999, 24k, 1.2M."""
    if number < 1000:
        return str(number)
    return f"{number / 1000:.0f}k" if number < 999_500 else f"{number / 1e6:.1f}M"


def _describer(state: State) -> str:
    """Who was chosen; or who narrates while that one rests."""
    chosen, ahead = _title("backends", state.backend), [_title("backends", name) for name in state.ahead]
    if ahead and _id(state.narrating) in ("", *map(_id, (*state.ahead, state.backend))):
        return f"Describers: {', then '.join((*ahead, chosen))}"
    if not state.narrating or _id(state.narrating) == _id(state.backend):
        return f"Describer: {chosen}"
    return f"Narrating: {_title('backends', state.narrating)}, {chosen} rests"


def _title(kind: str, text: str) -> str:
    return registry.spec_of(kind, text).title


def _id(text: str) -> str:
    """Without the file that follows a colon."""
    return text.partition(":")[0]
