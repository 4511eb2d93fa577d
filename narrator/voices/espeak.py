"""Speaks with espeak-ng: light, fast and there at once, in many languages."""

from narrator.errors import VoiceError
from narrator.seams import Context, VoiceSpec
from narrator.voices._child_voice import ChildVoice
from narrator.voices._espeak import NO_ENGINE

SPEC = VoiceSpec(
    id="espeak",
    title="eSpeak NG",
    help="The voice of eSpeak NG. `espeak:program` and `espeak:library` ask for the system's or the embedded one.",
    platforms=("linux",),
    default_on=("linux",),
)
_ENGINES = ("auto", "program", "library")


def create(argument: str, context: Context) -> ChildVoice:
    engine = argument or "auto"
    wrong = VoiceError(f"eSpeak NG has no engine called {engine}.", "Choose espeak, espeak:program or espeak:library.")
    return ChildVoice("espeak", (engine, "speaker"), context, {"engine": NO_ENGINE if engine in _ENGINES else wrong})
