"""Makes no sound, but takes the time that the words would take: for tests, and for reading instead of listening."""

from collections import deque
from collections.abc import Callable

from narrator.mailbox import Cancel
from narrator.messages import Utterance
from narrator.seams import Context, VoiceSpec

SPEC = VoiceSpec(
    id="silent",
    title="No voice",
    help="Says nothing; captions only.",
    is_heard=False,
)
_SHORTEST = 0.1
_REMEMBERED = 100


def create(argument: str, context: Context) -> "SilentVoice":  # noqa: ARG001 - every plug-in is created alike
    return SilentVoice(context)


class SilentVoice:
    """`spoken` holds the last of what came to its end; `wait(cut, seconds)` tells whether it was cut meanwhile."""

    def __init__(self, context: Context, wait: Callable[[Cancel, float], bool] = Cancel.wait) -> None:
        self._context, self._wait = context, wait
        self.spoken: deque[Utterance] = deque(maxlen=_REMEMBERED)

    def open(self) -> None:
        """Nothing is needed."""

    def say(self, utterance: Utterance, started: Callable[[], None]) -> None:
        """Wait as long as the words would take at the rate of the settings, or until they are cut."""
        if utterance.cut:
            return
        started()
        seconds = len(utterance.text.split()) * 60 / self._context.number("speech.rate")
        if not self._wait(utterance.cut, max(_SHORTEST, seconds)):
            self.spoken.append(utterance)

    def close(self) -> None:
        """Nothing was taken."""
