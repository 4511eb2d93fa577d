"""The child that speaks one utterance with pyttsx3 and ends: the library is not fit for a second one.

What it does wrong in one process, all measured with 2.99: `stop` from another thread hangs; of several `say` before one
`runAndWait` only one is spoken; `runAndWait` may return before the sound has even begun, while the event
"finished-utterance" comes at its end; the first property that is set is now and then lost (3 times in 20; set twice,
never in 120); its player on Linux is a program whose failure it does not tell. So on Linux it only synthesises here, to
a file, and the sound is played by ourselves.
"""

import os
import sys
import wave
from threading import Event
from typing import Any

from narrator.children import Message, Parent
from narrator.voices._player import NoSound, check_device, play

_FINISHES_WITHIN = 60.0
_LOUDEST = 200 if sys.platform == "linux" else 100
"""Percent: only espeak-ng amplifies."""


def main(parent: Parent, _: list[str]) -> None:
    """Answer one `say` with `started` and `ended`, or say `failed`."""
    try:
        import pyttsx3

        engine = pyttsx3.init()
        if sys.platform == "linux":
            check_device()
    except (ImportError, OSError, RuntimeError) as error:
        parent.send("failed", cause="engine", detail=repr(error))
        return
    except NoSound as error:
        parent.send("failed", cause="device", detail=str(error))
        return
    parent.send("ready")
    message = parent.receive()
    assert message is not None
    _set_manner(parent, engine, message)
    if sys.platform == "linux":
        _speak_through_file(parent, engine, message["text"])
    else:
        _speak(parent, engine, message["text"])


def _set_manner(parent: Parent, engine: Any, message: Message) -> None:
    for _ in range(2):  # the first one may be lost
        engine.setProperty("rate", message["rate"])
        engine.setProperty("volume", min(message["volume"], _LOUDEST) / 100)
    wanted = message["voice"] or message["language"]
    matching = [voice for voice in engine.getProperty("voices") if _matches(voice, wanted)]
    if not matching:
        parent.send("replaced", voice=wanted)
    elif engine.getProperty("voice") not in [voice.id for voice in matching]:
        engine.setProperty("voice", matching[0].id)


def _matches(voice: Any, wanted: str) -> bool:
    """By identifier, name or language; "en" matches "en-US" too."""
    wanted = wanted.casefold()
    names = {str(voice.id).casefold(), str(voice.name).casefold()}
    languages = [str(language).casefold().replace("_", "-") for language in voice.languages or ()]
    return wanted in names or any(wanted in (language, language.partition("-")[0]) for language in languages)


def _speak(parent: Parent, engine: Any, text: str) -> None:
    """Leave the sound to the engine."""
    over = Event()
    engine.connect("started-utterance", lambda **_: parent.send("started", seconds=_FINISHES_WITHIN))
    engine.connect("finished-utterance", lambda **_: over.set())
    engine.say(text)
    engine.runAndWait()
    over.wait(_FINISHES_WITHIN)
    parent.send("ended")


def _speak_through_file(parent: Parent, engine: Any, text: str) -> None:
    """Play what the engine writes to a file; that one lies in memory, so that a kill leaves nothing behind."""
    over = Event()
    engine.connect("finished-utterance", lambda **_: over.set())
    descriptor = os.memfd_create("utterance")
    engine.save_to_file(text, f"/proc/self/fd/{descriptor}")
    engine.runAndWait()
    over.wait(_FINISHES_WITHIN)
    with os.fdopen(descriptor, "rb") as sound, wave.open(sound) as file:
        rate, samples = file.getframerate(), file.readframes(file.getnframes())
    play(parent, samples, rate)
