"""Hands the words to the screen reader that runs, with its own voice, rate and volume."""

from contextlib import suppress

from narrator import installing
from narrator.children import Child, ChildGone
from narrator.errors import VoiceError
from narrator.messages import Priority, Utterance
from narrator.seams import Context, VoiceSpec
from narrator.voices._child_voice import ChildVoice

SPEC = VoiceSpec(
    id="screen-reader",
    title="Screen reader",
    help="NVDA, JAWS, VoiceOver, Orca or Speech Dispatcher speaks; set its rate there.",
    packages=("prism",),
    extra="screen-reader",
)
_FAILURES = {
    "engine": VoiceError("No screen reader is running.", "Start it, or choose another voice."),
    "package": VoiceError(
        "Speaking through the screen reader needs one more package.",
        f"Install it: {installing.command('screen-reader')}",
    ),
}
_ENDS_WITHIN = 0.5


def create(argument: str, context: Context) -> "ScreenReaderVoice":  # noqa: ARG001 - every plug-in is created alike
    return ScreenReaderVoice(context)


class ScreenReaderVoice(ChildVoice):
    """The sound is another process's: to hush is to tell it so, and how long it takes is an estimate."""

    def __init__(self, context: Context) -> None:
        super().__init__("screen-reader", (), context, _FAILURES, spare=False)

    def hush(self, child: Child) -> None:
        with suppress(ChildGone):
            child.send("hush")

    def close(self) -> None:
        """Be silent at once and leave no process of ours behind."""
        child = self._child
        if child is not None:
            with suppress(ChildGone):
                child.send("bye")
            child.wait(_ENDS_WITHIN)
        super().close()

    def manner(self, utterance: Utterance) -> dict[str, object]:
        return {"seconds": self._estimate(utterance.text), "interrupt": utterance.priority is Priority.NOW}

    def _estimate(self, text: str) -> float:
        """Seconds, as if the reader spoke at the rate of the settings: none of them tells when it ends."""
        return len(text.split()) * 60 / self._context.number("speech.rate")
