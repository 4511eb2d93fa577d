"""A voice whose engine runs in a child process: hush is the child's end, and so is whatever goes wrong in it."""

from collections.abc import Callable, Mapping

from narrator.children import Child, ChildGone, Message, Standby, start
from narrator.errors import VoiceCrashed, VoiceError
from narrator.messages import Level, Notice, Utterance
from narrator.seams import Context

_READY_WITHIN = 15.0
_STARTS_WITHIN = 10.0
_TRIES = 3
_ENDS_WITHIN = 5.0
"""Seconds; twice the sound's length is added."""
_NO_DEVICE = VoiceError(
    "There is no sound device, so nothing can be heard.",
    "Connect a loudspeaker or headphones; the voice comes back by itself.",
)


class ChildVoice:
    """Speaks through children of the module `_NAME_child`; `reuse` them, and keep a `spare` one ready.

    A child may say: `ready`; `started` with the sound's `seconds`; `ended`; `replaced` with the name of a `voice` that
    it does not have; `failed` with a `cause` ("device" or a key of `failures`) and a `detail`; `crashed` with a
    `detail`.
    """

    def __init__(
        self,
        name: str,
        arguments: tuple[str, ...],
        context: Context,
        failures: Mapping[str, VoiceError],
        *,
        reuse: bool = True,
        spare: bool = True,
    ) -> None:
        self._context, self._failures = context, {"device": _NO_DEVICE, **failures}
        self._reuse, self._spare = reuse, spare
        self._standby = Standby(lambda: start("voice", name, *arguments))
        self._child: Child | None = None
        self._closed = False
        self._told: set[str] = set()

    def open(self) -> None:
        """Wait until a child is ready to speak. Raises `VoiceError`."""
        try:
            child = self._ready_child()
            self._attend(child, "ready", _READY_WITHIN, _ignore)
            self._start_spare()
        except ChildGone as gone:
            raise VoiceError("The voice did not start.", "Choose another voice.", str(gone)) from gone
        except VoiceError:
            child.close()
            raise

    def say(self, utterance: Utterance, started: Callable[[], None]) -> None:
        """Speak until the sound ends or `utterance.cut` is thrown. Raises `VoiceCrashed`, `VoiceError`."""
        begun: list[bool] = []

        def begin() -> None:
            begun.append(True)
            started()

        for tries_left in reversed(range(_TRIES)):
            try:
                if not utterance.cut:
                    self._say_with(self._ready_child(), utterance, begin)
                return
            except ChildGone as gone:  # the idle one may have died unnoticed: that is no crash in mid-word
                if not utterance.cut and (begun or not tries_left):
                    raise VoiceCrashed("The voice stopped in the middle of a sentence.", "", str(gone)) from gone
            finally:
                self._let_go()

    def close(self) -> None:
        """Be silent at once and leave no process behind; from any thread."""
        self._closed = True
        self._standby.close()
        child = self._child
        if child is not None:
            child.close()

    def hush(self, child: Child) -> None:
        """End the sound; it runs in the thread that throws the switch."""
        child.kill()

    def manner(self, _: Utterance) -> dict[str, object]:
        """How to speak, as the settings stand now."""
        return manner(self._context)

    def _ready_child(self) -> Child:
        if self._child is None or self._child.is_gone:
            self._let_go()
            self._child = self._standby.take()
            if self._closed:
                self._child.kill()
        return self._child

    def _say_with(self, child: Child, utterance: Utterance, started: Callable[[], None]) -> None:
        """Raises `ChildGone`, `VoiceCrashed`, `VoiceError`."""
        utterance.cut.call(lambda: self.hush(child))
        try:
            child.send("say", text=utterance.text, **self.manner(utterance))
            self._attend(child, "ended", _STARTS_WITHIN, started)
        except VoiceError:
            child.kill()
            raise
        finally:
            utterance.cut.call(None)
            if utterance.cut:  # the throw may not have come as far as the callback
                self.hush(child)

    def _attend(self, child: Child, until: str, within: float, started: Callable[[], None]) -> None:
        """Follow what the child tells until it says `until`. Raises `ChildGone`, `VoiceCrashed`, `VoiceError`."""
        while message := child.receive(within):
            kind = message["kind"]
            if kind == "started":
                within = _ENDS_WITHIN + 2 * message["seconds"]
                started()
                self._start_spare()
            elif kind == "replaced":
                self._tell_replaced(message["voice"])
            elif kind in ("failed", "crashed"):
                raise self._error(message)
            if kind == until:
                return
        child.kill()
        raise VoiceCrashed("The voice got stuck.", "", f"no {until} within {within:.0f} s")

    def _start_spare(self) -> None:
        if self._spare:
            self._standby.fill()

    def _let_go(self) -> None:
        """After an utterance: keep the child for the next one, or clean up after it."""
        child = self._child
        if child is not None and (child.is_gone or not self._reuse or self._closed):
            self._child = None
            child.close()

    def _error(self, message: Message) -> VoiceError:
        if message["kind"] == "crashed":
            return VoiceCrashed("The voice failed.", "", message["detail"])
        error = self._failures[message["cause"]]
        return VoiceError(error.sentence, error.remedy, message["detail"])

    def _tell_replaced(self, voice: str) -> None:
        if voice not in self._told:
            self._told.add(voice)
            remedy = "Change speech.voice or speech.language."
            self._context.notify(Notice(Level.WARNING, f"There is no voice called {voice}; another speaks.", remedy))


def manner(context: Context) -> dict[str, object]:
    """Rate, volume, voice and language of the settings, as a child wants them."""
    return {
        "rate": int(context.number("speech.rate")),
        "volume": int(context.number("speech.volume")),
        "voice": context.text("speech.voice"),
        "language": context.text("speech.language"),
    }


def _ignore() -> None:
    """While a voice opens, no sound starts."""
