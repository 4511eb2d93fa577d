"""Speaks with the voice of the system through pyttsx3: SAPI on Windows, NSSpeech on macOS, espeak-ng elsewhere."""

from narrator.errors import VoiceError
from narrator.seams import Context, VoiceSpec
from narrator.voices._child_voice import ChildVoice

SPEC = VoiceSpec(
    id="pyttsx3",
    title="System voice",
    help="The voice that comes with Windows and macOS; on Linux, eSpeak NG by way of pyttsx3.",
    packages=("pyttsx3",),
    default_on=("*",),
)
_NO_ENGINE = VoiceError(
    "The system's voice cannot be used.",
    'On Linux install it: "sudo apt install espeak-ng"; or choose another voice.',
)


def create(argument: str, context: Context) -> ChildVoice:  # noqa: ARG001 - every plug-in is created alike
    return ChildVoice("pyttsx3", (), context, {"engine": _NO_ENGINE}, reuse=False)
