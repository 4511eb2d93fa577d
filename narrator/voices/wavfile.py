"""Writes what is said to one sound file, at the times when it is said and with silence between."""

import os
import struct
import time
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from narrator.children import Child, ChildGone, start
from narrator.errors import VoiceCrashed, VoiceError
from narrator.messages import Utterance
from narrator.seams import Context, VoiceSpec
from narrator.voices._child_voice import manner
from narrator.voices._espeak import NO_ENGINE, SAMPLE_RATE

SPEC = VoiceSpec(
    id="wav",
    title="Sound file",
    help="Writes to one sound file, as `wav:FILE`, with the voice of eSpeak NG.",
    is_heard=False,
)
_BYTES_A_SAMPLE = 2
_HEADER_BYTES = 44
_LONGEST = 0xFFFFFFFF - _HEADER_BYTES
_ANSWERS_WITHIN = 30.0


def create(argument: str, context: Context) -> "WavVoice":
    path = Path(os.path.expanduser(argument)) if argument else None  # noqa: PTH111 - Path.expanduser may raise
    return WavVoice(path, context)


class WavVoice:
    """The file's clock starts with `open` and ends with `close`; its header is right at any moment."""

    def __init__(self, path: Path | None, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._context, self._clock = path, context, clock
        self._file: _WavFile | None = None
        self._opened_at = 0.0
        self._child: Child | None = None
        self._closed = False

    def open(self) -> None:
        """Raises `VoiceError` when the file cannot be written or there is nothing to make sound with."""
        if self._path is None:
            raise VoiceError("The sound file has no name.", "Name it, for example: --voice wav:out.wav")
        if self._file is None:
            try:
                self._file = _WavFile(self._path)
            except OSError as error:
                raise self._unwritable(error) from error
            self._opened_at = self._clock()
        self._samples("")

    def say(self, utterance: Utterance, started: Callable[[], None]) -> None:
        """Write the sound and wait as long as it lasts. What is cut is cut in the file too. Raises `VoiceError`."""
        samples = self._samples(utterance.text)
        if utterance.cut:
            return
        assert self._file is not None
        try:
            self._file.write_at(self._clock() - self._opened_at, samples)
            started()
            if utterance.cut.wait(len(samples) / _BYTES_A_SAMPLE / SAMPLE_RATE):
                self._file.end_at(self._clock() - self._opened_at)
        except (OSError, ValueError) as error:
            if not self._closed:  # closed meanwhile, in the middle of a word
                raise self._unwritable(error) from error

    def close(self) -> None:
        """Lengthen the file to the present moment and leave no process behind."""
        self._closed = True
        if self._child is not None:
            self._child.close()
        if self._file is not None:
            with suppress(OSError, ValueError):
                self._file.end_at(self._clock() - self._opened_at)
            self._file.close()

    def _samples(self, text: str) -> bytes:
        """The sound of a text. Raises `VoiceCrashed`, `VoiceError`."""
        try:
            child = self._running_child()
            child.send("say", text=text, **manner(self._context))
            while message := child.receive(_ANSWERS_WITHIN):
                if message["kind"] == "samples":
                    return b64decode(message["data"])
                if message["kind"] == "failed":
                    raise VoiceError(NO_ENGINE.sentence, NO_ENGINE.remedy, message["detail"])
            child.close()
            raise VoiceCrashed("The voice got stuck.", "", f"no answer within {_ANSWERS_WITHIN:.0f} s")
        except ChildGone as gone:
            raise VoiceCrashed("The voice stopped in the middle of a sentence.", "", str(gone)) from gone

    def _running_child(self) -> Child:
        if self._child is None or self._child.is_gone:
            if self._child is not None:
                self._child.close()
            self._child = start("voice", "espeak", "auto", "samples")
            if self._closed:
                self._child.kill()
        return self._child

    def _unwritable(self, error: Exception) -> VoiceError:
        remedy = "Choose a folder that you can write to, on a disk that is not full."
        return VoiceError(f"The sound file {self._path} cannot be written.", remedy, str(error))


class _WavFile:
    """16-bit mono at `SAMPLE_RATE`; times are seconds from the file's beginning."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._size = 0
        try:
            self._write_header()
        except OSError:
            self._file.close()
            raise

    def write_at(self, seconds: float, samples: bytes) -> None:
        """Put samples there, or after what is already there; silence fills the gap. Raises `OSError`."""
        begin = max(_place(seconds), self._size)
        samples = samples[: max(0, _LONGEST - begin)]
        self._file.seek(_HEADER_BYTES + begin)
        self._write(samples)
        self._size = begin + len(samples)
        self._write_header()

    def end_at(self, seconds: float) -> None:
        """Cut the file there, or fill it with silence until there. Raises `OSError`."""
        size = min(_place(seconds), _LONGEST)
        if size > self._size:  # so that at no moment the header tells of more than there is
            self._file.truncate(_HEADER_BYTES + size)
        self._size = size
        self._write_header()
        self._file.truncate(_HEADER_BYTES + size)

    def close(self) -> None:
        self._file.close()

    def _write_header(self) -> None:
        """The canonical RIFF header of 44 bytes (Microsoft Multimedia Programming Interface 1.0, 1991)."""
        bytes_a_second = SAMPLE_RATE * _BYTES_A_SAMPLE
        header = struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF",
            self._size + _HEADER_BYTES - 8,
            b"WAVE",
            b"fmt ",
            16,
            1,
            1,
            SAMPLE_RATE,
            bytes_a_second,
            _BYTES_A_SAMPLE,
            8 * _BYTES_A_SAMPLE,
            b"data",
            self._size,
        )
        self._file.seek(0)
        self._write(header)

    def _write(self, data: bytes) -> None:
        if self._file.write(data) != len(data):
            raise OSError("the disk is full")


def _place(seconds: float) -> int:
    return max(0, int(seconds * SAMPLE_RATE)) * _BYTES_A_SAMPLE
