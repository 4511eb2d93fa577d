"""Real sound with no sound card: a private PulseAudio whose silent speaker is recorded, and a recogniser of words.

"Loud" is the first or last sample over 300 of 32768; its time is that of the recorder's chunk, whose place in the
chunk is taken into account. No hardware's buffer is in it.
"""

import os
import subprocess
import threading
import time
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

RATE = 48_000
LOUD = 300
_RECOGNISER_RATE = 16_000
_STARTS_WITHIN = 20.0

_SCRIPT = """
load-module module-native-protocol-unix socket={socket} auth-anonymous=1
load-module module-null-sink sink_name=speaker rate=48000 format=s16le channels=1
set-default-sink speaker
"""


class NullSink:
    """The recording of a silent speaker. Times are monotonic seconds."""

    def __init__(self, socket: Path) -> None:
        self.server = f"unix:{socket}"
        command = ["parec", "-d", "speaker.monitor", "--format=s16le", "--channels=1", f"--rate={RATE}", "--raw"]
        self._process = subprocess.Popen(
            [*command, "--latency-msec=5"],
            env=os.environ | {"PULSE_SERVER": self.server},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        self._changed = threading.Condition()
        self._chunks: list[tuple[float, NDArray[np.int16]]] = []
        self._last_loud: float | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self._wait(lambda: self._chunks, _STARTS_WITHIN, "the recorder hears not even silence")

    def clear(self) -> None:
        """Forget what was recorded."""
        with self._changed:
            self._chunks.clear()
            self._last_loud = None

    def wait_for_sound(self, after: float, timeout: float = 10.0) -> float:
        """When the first loud sample after the time `after` came."""
        self._wait(lambda: (self._last_loud or 0) > after, timeout, "nothing was heard")
        return min(self._loud_times(after))

    def wait_for_silence(self, lasting: float = 0.3, timeout: float = 30.0) -> float:
        """Wait until nothing was loud for `lasting` s: when the last loud sample came, 0.0 for none since `clear`."""
        self._wait(lambda: self._heard_until - (self._last_loud or 0.0) > lasting, timeout, "it never fell silent")
        return max(self._loud_times(0.0), default=0.0)

    def loud_seconds(self) -> float:
        """How much of the recording lies between its first and its last loud sample."""
        times = self._loud_times(0.0)
        return max(times) - min(times) if times else 0.0

    def samples(self) -> NDArray[np.int16]:
        with self._changed:
            parts = [samples for _, samples in self._chunks]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._thread.join(10)

    @property
    def _heard_until(self) -> float:
        return self._chunks[-1][0] if self._chunks else 0.0

    def _loud_times(self, after: float) -> list[float]:
        """The first and last loud sample of every chunk that has one."""
        times = []
        with self._changed:
            chunks = list(self._chunks)
        for at, samples in chunks:
            loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > LOUD)
            if loud.size:
                times += [at - float(samples.size - place) / RATE for place in (loud[0], loud[-1])]
        return [at for at in times if at > after]

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            left = b""
            while data := stream.read(65_536):
                data = left + data
                whole = len(data) // 2 * 2
                left = data[whole:]
                samples = np.frombuffer(data[:whole], "<i2")
                with self._changed:
                    now = time.monotonic()
                    self._chunks.append((now, samples))
                    if samples.size and np.abs(samples.astype(np.int32)).max() > LOUD:
                        self._last_loud = now
                    self._changed.notify_all()

    def _wait(self, ready, timeout: float, otherwise: str) -> None:  # type: ignore[no-untyped-def] # a lambda
        with self._changed:
            if not self._changed.wait_for(ready, timeout):
                pytest.fail(otherwise)


@contextmanager
def private_pulse(folder: Path) -> Iterator[Path]:
    """A PulseAudio of our own with its socket in `folder`, which it yields; works as root and beside the user's."""
    socket = folder / "pulse.sock"
    (folder / "pulse.pa").write_text(_SCRIPT.format(socket=socket))
    mine = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "PULSE_RUNTIME_PATH": str(folder / "pulse")}
    flags = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm", "--use-pid-file=no"]
    server = subprocess.Popen(
        ["pulseaudio", *flags, "-F", str(folder / "pulse.pa")],
        env=os.environ | mine,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(socket)
        yield socket
    finally:
        server.terminate()
        server.wait(10)
        socket.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def _recorded_speaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NullSink]:
    with private_pulse(tmp_path_factory.mktemp("pulse")) as socket:
        sink = NullSink(socket)
        yield sink
        sink.close()


@pytest.fixture
def null_sink(_recorded_speaker: NullSink, monkeypatch: pytest.MonkeyPatch) -> NullSink:
    """What programs started in the test play is recorded here."""
    monkeypatch.setenv("PULSE_SERVER", _recorded_speaker.server)
    _recorded_speaker.wait_for_silence()
    _recorded_speaker.clear()
    return _recorded_speaker


@pytest.fixture
def no_sound_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing can play sound, until `private_pulse` is started in the folder that this gives."""
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path / 'pulse.sock'}")
    monkeypatch.setenv("ALSA_CONFIG_PATH", os.devnull)
    return tmp_path


def write_wav(path: Path, samples: NDArray[np.int16], rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def recognise(path: Path, sentences: Sequence[str]) -> str:
    """Which of the lower-case `sentences` a recogniser hears in a mono wav file; "" when none.

    It tells words at 200 words a minute or slower (Pocketsphinx, US English). Faint noise is added: near-silent input
    breaks the recogniser.
    """
    from pocketsphinx import Decoder

    with wave.open(str(path)) as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
    decoder = Decoder(samprate=_RECOGNISER_RATE, loglevel="FATAL")
    grammar = f"#JSGF V1.0; grammar heard; public <heard> = ( {' | '.join(sentences)} )+;"
    decoder.add_jsgf_string("heard", grammar)
    decoder.activate_search("heard")
    noise = np.random.default_rng(0).normal(0, 20, int(samples.size * _RECOGNISER_RATE / rate))
    at = np.arange(noise.size) * rate / _RECOGNISER_RATE
    heard = np.interp(at, np.arange(samples.size), samples.astype(np.float64)) + noise
    decoder.start_utt()
    decoder.process_raw(heard.clip(-32768, 32767).astype("<i2").tobytes(), no_search=False, full_utt=True)
    decoder.end_utt()
    return decoder.hyp().hypstr if decoder.hyp() else ""


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN
    while not path.exists():
        if time.monotonic() > deadline:
            pytest.fail(f"{path.name} did not appear")
        threading.Event().wait(0.02)
