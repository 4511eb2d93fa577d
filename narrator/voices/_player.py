"""Plays raw sound through the libraries that a Linux desktop has: PulseAudio's (PipeWire answers to it too), or ALSA's.

For use in a child process: a kill ends the connection, and with it what was queued.
"""

import ctypes
from typing import Protocol

from narrator.children import Parent

_PLAYBACK_PULSE, _S16LE_PULSE = 1, 3
_PLAYBACK_ALSA, _S16LE_ALSA, _INTERLEAVED_ALSA = 0, 2, 3
_BUFFER = 0.2
"""Seconds of sound that wait ready, so that a busy machine does not stutter; a kill drops them."""
_HEAD = 0.02
"""Seconds of sound that must be there before it starts. With 0 PulseAudio never reports the end."""
_FIRST_PIECE = 0.1
"""Seconds of sound after which it counts as started."""
_USUAL_RATE = 22_050
_SERVER_CHOOSES = 0xFFFFFFFF
_BYTES_A_SAMPLE = 2


class NoSound(Exception):
    """There is nothing here that could play sound."""


class Player(Protocol):
    """A stream of 16-bit mono sound to the default device."""

    def write(self, samples: bytes) -> None:
        """Queue samples (at least one); waits while the buffer is full. Raises `NoSound`."""

    def drain(self) -> None:
        """Wait until all that was written was heard. Raises `NoSound`."""

    def close(self) -> None:
        """Release the device."""


def open_player(rate: int) -> Player:
    """A player for `rate` samples a second. Raises `NoSound` when no device can be opened."""
    reasons = []
    for kind in (_PulsePlayer, _AlsaPlayer):
        try:
            return kind(rate)
        except (OSError, NoSound) as error:  # an OSError when the library is not installed
            reasons.append(f"{kind.__name__}: {error}")
    raise NoSound("; ".join(reasons))


def check_device() -> None:
    """Raises `NoSound` when no device can be opened."""
    open_player(_USUAL_RATE).close()


def play(parent: Parent, samples: bytes, rate: int) -> None:
    """Play 16-bit mono samples and tell the parent when they start and end. Raises `NoSound`."""
    if not samples:
        parent.send("ended")
        return
    player = open_player(rate)
    first = int(rate * _FIRST_PIECE) * _BYTES_A_SAMPLE
    player.write(samples[:first])
    parent.send("started", seconds=len(samples) / _BYTES_A_SAMPLE / rate)
    if samples[first:]:
        player.write(samples[first:])
    player.drain()
    parent.send("ended")
    player.close()


class _SampleSpec(ctypes.Structure):
    """`pa_sample_spec` of pulse/sample.h."""

    _fields_ = (("format", ctypes.c_int), ("rate", ctypes.c_uint32), ("channels", ctypes.c_uint8))


class _BufferAttributes(ctypes.Structure):
    """`pa_buffer_attr` of pulse/def.h."""

    _fields_ = tuple((name, ctypes.c_uint32) for name in ("maxlength", "tlength", "prebuf", "minreq", "fragsize"))


class _PulsePlayer:
    def __init__(self, rate: int) -> None:
        self._library = ctypes.CDLL("libpulse-simple.so.0")
        self._library.pa_simple_new.restype = ctypes.c_void_p
        self._error = ctypes.c_int()
        spec = _SampleSpec(_S16LE_PULSE, rate, 1)
        length, head = (int(rate * seconds) * _BYTES_A_SAMPLE for seconds in (_BUFFER, _HEAD))
        buffer = _BufferAttributes(_SERVER_CHOOSES, length, head, _SERVER_CHOOSES, _SERVER_CHOOSES)
        self._stream = ctypes.c_void_p(
            self._library.pa_simple_new(
                None,
                b"Scene Narrator",
                _PLAYBACK_PULSE,
                None,
                b"Speech",
                ctypes.byref(spec),
                None,
                ctypes.byref(buffer),
                ctypes.byref(self._error),
            )
        )
        self._check(0 if self._stream else -1)

    def write(self, samples: bytes) -> None:
        size = ctypes.c_size_t(len(samples))
        self._check(self._library.pa_simple_write(self._stream, samples, size, ctypes.byref(self._error)))

    def drain(self) -> None:
        self._check(self._library.pa_simple_drain(self._stream, ctypes.byref(self._error)))

    def close(self) -> None:
        self._library.pa_simple_free(self._stream)

    def _check(self, status: int) -> None:
        if status < 0:
            raise NoSound(f"PulseAudio error {self._error.value}")


class _AlsaPlayer:
    def __init__(self, rate: int) -> None:
        self._library = ctypes.CDLL("libasound.so.2")
        self._library.snd_pcm_writei.restype = ctypes.c_long
        self._stream = ctypes.c_void_p()
        self._check(self._library.snd_pcm_open(ctypes.byref(self._stream), b"default", _PLAYBACK_ALSA, 0))
        microseconds = int(_BUFFER * 1e6)
        self._check(
            self._library.snd_pcm_set_params(self._stream, _S16LE_ALSA, _INTERLEAVED_ALSA, 1, rate, 1, microseconds)
        )

    def write(self, samples: bytes) -> None:
        while samples:
            frames = ctypes.c_ulong(len(samples) // _BYTES_A_SAMPLE)
            written = self._library.snd_pcm_writei(self._stream, samples, frames)
            if written < 0:  # an underrun is mended, anything else is final
                written = self._library.snd_pcm_recover(self._stream, int(written), 1)
                self._check(written)
            samples = samples[written * _BYTES_A_SAMPLE :]

    def drain(self) -> None:
        self._check(self._library.snd_pcm_drain(self._stream))

    def close(self) -> None:
        self._library.snd_pcm_close(self._stream)

    def _check(self, status: int) -> None:
        if status < 0:
            raise NoSound(f"ALSA error {status}")
