"""Makes sound of text with espeak-ng: the system's program, or the library in the espeakng-loader wheel.

For use in a child process only: the library is GPL-3 and not ours to load beside the rest, and it may crash. The parent
takes the constants alone.
"""

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from narrator.errors import VoiceError

SAMPLE_RATE = 22_050
"""Samples a second of every espeak-ng voice."""
NO_ENGINE = VoiceError(
    "The voice espeak-ng is not installed.",
    'Install it: "sudo apt install espeak-ng" or "pip install espeakng-loader".',
)

_LOUDEST = 200
_SYNTHESIS_TAKES_AT_MOST = 20.0
_OK = 0
_SYNCHRONOUS = 2
_RATE, _VOLUME = 1, 2
_UTF8, _END_PAUSE = 1, 0x1000
_PIECE_MS = 200


class NoEngine(Exception):
    """espeak-ng is not here, or does not work."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How to speak: words a minute, percent, and the engine's own name of a voice, or a language."""

    rate: int
    volume: int
    voice: str
    language: str

    @property
    def choices(self) -> tuple[str, ...]:
        """What to try in turn; espeak-ng takes a language for a voice too."""
        return tuple(name for name in (self.voice, self.language, "en") if name)


class Synthesizer(Protocol):
    """Text to 16-bit mono samples at `SAMPLE_RATE`."""

    def synthesise(self, text: str, manner: Manner) -> tuple[bytes, str]:
        """The samples, and the voice that they are in: an unknown one gives way. Raises `NoEngine`."""


def create(engine: str) -> Synthesizer:
    """The synthesizer: "program", "library", or "auto" for the first of them that is there. Raises `NoEngine`."""
    if engine == "auto":
        engine = "program" if _program() else "library"
    if engine not in ENGINES:
        raise NoEngine(f"there is no engine called {engine}")
    return ENGINES[engine]()


class EspeakProgram:
    """The system's espeak-ng, started anew for each text."""

    def __init__(self) -> None:
        program = _program()
        if program is None:
            raise NoEngine("there is no program called espeak-ng")
        self._program = program

    def synthesise(self, text: str, manner: Manner) -> tuple[bytes, str]:
        for voice in manner.choices:
            options = ["-b", "1", "-s", str(manner.rate), "-a", str(min(manner.volume, _LOUDEST)), "-v", voice]
            done = subprocess.run(
                [self._program, "--stdout", "--stdin", *options],
                input=_plain(text).encode(),
                capture_output=True,
                timeout=_SYNTHESIS_TAKES_AT_MOST,
                check=False,
            )
            if done.returncode == 0:
                return done.stdout.partition(b"data")[2][4:], voice  # the length before it is a guess: it is a stream
        raise NoEngine(done.stderr.decode(errors="replace"))


class _Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h; only its first word is read."""

    _fields_ = (("type", ctypes.c_int),)


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class EspeakLibrary:
    """The library of the espeakng-loader wheel; one in a process."""

    def __init__(self) -> None:
        try:
            import espeakng_loader

            self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
            folder = espeakng_loader.get_data_path().encode()
        except (ImportError, OSError, RuntimeError) as error:
            raise NoEngine(f"espeakng-loader: {error}") from error
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, _PIECE_MS, folder, 0)
        if rate != SAMPLE_RATE:
            raise NoEngine(f"espeak_Initialize gave {rate}")
        self._callback = _Callback(self._take)  # kept here: the library holds only a pointer
        self._library.espeak_SetSynthCallback(self._callback)
        self._pieces: list[bytes] = []

    def synthesise(self, text: str, manner: Manner) -> tuple[bytes, str]:
        known = (voice for voice in manner.choices if self._library.espeak_SetVoiceByName(voice.encode()) == _OK)
        voice = next(known, None)
        if voice is None:
            raise NoEngine("no voice could be loaded")
        self._library.espeak_SetParameter(_RATE, manner.rate, 0)
        self._library.espeak_SetParameter(_VOLUME, min(manner.volume, _LOUDEST), 0)
        data = _plain(text).encode()
        self._pieces.clear()
        status = self._library.espeak_Synth(data, len(data) + 1, 0, 0, 0, _UTF8 | _END_PAUSE, None, None)
        if status != _OK:
            raise NoEngine(f"espeak_Synth gave {status}")
        return b"".join(self._pieces), voice

    def _take(self, samples: Any, count: int, _: Any) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, count * 2))
        return 0


ENGINES: dict[str, Callable[[], Synthesizer]] = {"program": EspeakProgram, "library": EspeakLibrary}


def _program() -> str | None:
    return shutil.which("espeak-ng")


def _plain(text: str) -> str:
    """Without what espeak-ng takes for a command: `[[` opens phonemes."""
    return text.replace("\0", " ").replace("[[", "[ [")
