"""Measures what the product promises, on the product itself, and prints a table.

Run it from the repository's root: `.venv/bin/python tests/benchmarks/figures.py [--minutes 10] [--only NAME]`. It needs
the test packages of `start.py test` (ffmpeg, Xvfb, openbox, xdotool, PulseAudio). Work is CPU time of the process and
its children; waits are wall time, so let nothing else run beside it.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from fakes.displays import running_xvfb
from fakes.sound import NullSink, private_pulse

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "resources" / "demo" / "demo.mp4"
SETTLED = 5.0
"""Seconds after the start from which on CPU time is counted."""
COUNTED = 30.0
ONLY_CAPTURE = ("--set", "sight.objects=false", "--set", "sight.text=false")


class App:
    """The program in a process of its own, with its events."""

    def __init__(
        self, folder: Path, environment: dict[str, str], *arguments: str, program: Sequence[str] = ("-m", "narrator")
    ) -> None:
        self.events_path = folder / f"{time.monotonic_ns()}.jsonl"
        self.started_at = time.monotonic()
        command = [sys.executable, *program, "--events", str(self.events_path), *arguments]
        self.process = psutil.Popen(
            command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def events(self, kind: str) -> list[dict[str, object]]:
        """What it wrote so far of one kind; half a line at the end is left out."""
        if not self.events_path.exists():
            return []
        lines = self.events_path.read_text(encoding="utf-8").split("\n")[:-1]
        return [event for line in lines if (event := json.loads(line))["kind"] == kind]

    def wait_for(self, kind: str, count: int = 1, timeout: float = 60.0) -> dict[str, object]:
        """The first event beyond `count - 1` of a kind."""
        deadline = time.monotonic() + timeout
        while len(found := self.events(kind)) < count:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise SystemExit(f"no {kind} event came; the program said nothing more")
            time.sleep(0.02)
        return found[count - 1]

    @property
    def zero(self) -> float:
        """The monotonic time from which its events count."""
        hello = self.wait_for("hello")
        age = time.time() - float(str(hello["wall_time"])) + float(str(hello["t"]))
        return time.monotonic() - age

    def cpu_seconds_a_minute(self) -> float:
        """CPU time over `COUNTED` seconds, of the process and its living and ended children."""
        before = self._cpu()
        time.sleep(COUNTED)
        return (self._cpu() - before) * 60 / COUNTED

    def close(self) -> float:
        """End it as Ctrl-C does; how many seconds that took."""
        asked_at = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)
        return time.monotonic() - asked_at

    def _cpu(self) -> float:
        times = self.process.cpu_times()
        living = (child.cpu_times() for child in self.process.children(recursive=True))
        now = sum(child.user + child.system for child in living)
        return float(times.user + times.system + times.children_user + times.children_system + now)


class Bench:
    """The places and the environment that every measurement uses."""

    def __init__(self, folder: Path, minutes: float) -> None:
        self.folder, self.minutes = folder, minutes
        self.environment = {
            **os.environ,
            "SCENE_NARRATOR_CONFIG": str(folder / "config"),
            "SCENE_NARRATOR_LOG": str(folder / "log"),
        }
        self.moving = self._film("moving.mp4", "fps=30,scroll=horizontal=0.002")
        self.still = self._film("still.mp4", "fps=30")

    @contextmanager
    def app(self, *arguments: str, **environment: str) -> Iterator[App]:
        app = App(self.folder, {**self.environment, **environment}, *arguments)
        try:
            yield app
        finally:
            app.close()

    @contextmanager
    def desktop(self) -> Iterator[str]:
        """A display with a window manager."""
        with ExitStack() as stack:
            display = stack.enter_context(running_xvfb(size="1400x900x24"))
            manager = stack.enter_context(subprocess.Popen(["openbox"], env={**os.environ, "DISPLAY": display}))
            stack.callback(manager.terminate)
            yield display

    @contextmanager
    def speaker(self) -> Iterator[NullSink]:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        with private_pulse(folder) as socket:
            sink = NullSink(socket)
            yield sink
            sink.close()

    def _film(self, name: str, changes: str) -> str:
        """A minute from the demo's still stretch, changed by an ffmpeg filter, at 1280x720 and 30 pictures a second.

        It is coded as a network camera codes, with no B-pictures and simple tools; a film costs more to decode.
        """
        path = self.folder / name
        changes = f"loop=loop=-1:size=1,{changes}"
        coded = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"]
        command = ["ffmpeg", "-v", "error", "-ss", "30", "-i", str(DEMO), "-vf", changes, "-t", "60", *coded, str(path)]
        subprocess.run(command, check=True)
        return str(path)


def capture_alone(bench: Bench) -> Iterator[tuple[str, str]]:
    """Capture, history and change detection at 720p30, with no window."""
    with bench.app("--no-window", "--loop", "--voice", "silent", "--source", bench.moving, *ONLY_CAPTURE) as app:
        app.wait_for("state", round(SETTLED))
        cpu = app.cpu_seconds_a_minute()
        fps = statistics.median(float(str(state["capture_fps"])) for state in app.events("state")[5:])
    yield "capture, 720p30: pictures a second", f"{fps:.1f}"
    yield "capture + history + change, no window: CPU s a minute (< 4)", f"{cpu:.2f}"


def capture_with_window(bench: Bench) -> Iterator[tuple[str, str]]:
    """The same with the preview painted."""
    arguments = ("--loop", "--voice", "silent", "--source", bench.moving, *ONLY_CAPTURE)
    with bench.desktop() as display, bench.app(*arguments, DISPLAY=display) as app:
        app.wait_for("state", round(SETTLED))
        yield "the same with the window: CPU s a minute (< 12)", f"{app.cpu_seconds_a_minute():.2f}"


def sight(bench: Bench) -> Iterator[tuple[str, str]]:
    """Objects and text on top, on a moving and on a still picture."""
    alone = {}
    for name, film in (("moving", bench.moving), ("still", bench.still)):
        for kind, more in (("without", ONLY_CAPTURE), ("with", ())):
            with bench.app("--no-window", "--loop", "--voice", "silent", "--source", film, *more) as app:
                app.wait_for("state", round(SETTLED))
                alone[name, kind] = app.cpu_seconds_a_minute()
                fps = statistics.median(float(str(state["sight_fps"])) for state in app.events("state")[5:])
        cost = alone[name, "with"] - alone[name, "without"]
        limit = {"moving": 18, "still": 6}[name]
        yield f"objects and text, {name}: CPU s a minute (<= {limit})", f"{cost:.2f} at {fps:.1f} looks a second"


def start_and_close(bench: Bench) -> Iterator[tuple[str, str]]:
    """From the command to the window and its first picture, and from Ctrl-C to the end."""
    opened, pictures, closed = [], [], []
    with bench.desktop() as display:
        for _ in range(6):
            with bench.app("demo", "--voice", "silent", DISPLAY=display) as app:
                search = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "Scene Narrator"]
                subprocess.run(search, env={**os.environ, "DISPLAY": display}, check=True, stdout=subprocess.DEVNULL)
                opened.append(time.monotonic() - app.started_at)
                app.wait_for("caption")
                pictures.append(time.monotonic() - app.started_at)
                closed.append(app.close())
    yield "start to window, warm: s, median (<= 1.0)", f"{statistics.median(opened[1:]):.2f}"
    yield "start to first caption: s, median", f"{statistics.median(pictures[1:]):.2f}"
    yield "close: s, median (<= 2)", f"{statistics.median(closed):.2f}"


def sound(bench: Bench) -> Iterator[tuple[str, str]]:
    """Clause to sound, and key to silence, with the window and sight at full rate."""
    waits, hushes = [], []
    pace = ("--set", "narration.min_gap=0.5")
    with bench.desktop() as display, bench.speaker() as sink:
        environment = {"DISPLAY": display, "PULSE_SERVER": sink.server}
        with bench.app("--loop", "--source", str(DEMO), "--voice", "espeak", *pace, **environment) as app:
            seen = 0
            while len(hushes) < 20:
                seen += 1
                clause = app.wait_for("utterance", seen)
                offered_at = app.zero + float(str(clause["t"]))
                heard_at = sink.wait_for_sound(offered_at, 20)
                waits.append(heard_at - offered_at)
                time.sleep(0.15)
                pressed_at = time.monotonic()
                subprocess.run(["xdotool", "key", "h"], env={**os.environ, "DISPLAY": display}, check=True)
                hushes.append(sink.wait_for_silence(0.3) - pressed_at)
                sink.clear()
                seen = len(app.events("utterance"))
    hushes, waits = sorted(hushes), sorted(waits)
    yield "clause to sound: ms, median / worst (<= 250)", f"{waits[10] * 1000:.0f} / {waits[-1] * 1000:.0f}"
    yield "key pressed to silence: ms, median / p95 (<= 100)", f"{hushes[10] * 1000:.0f} / {hushes[18] * 1000:.0f}"


def memory(bench: Bench) -> Iterator[tuple[str, str]]:
    """Growth after the warm-up, over the demo in a loop."""
    seconds = round(max(3.0, bench.minutes) * 60)
    with bench.app("--no-window", "--loop", "--source", str(DEMO), "--voice", "silent") as app:
        app.wait_for("state", seconds, seconds + 120)
        sizes = [float(str(state["rss_mb"])) for state in app.events("state")]
        lines = app.events("caption")
    warm, end = statistics.median(sizes[110:130]), statistics.median(sizes[-20:])
    yield f"memory after {bench.minutes:g} min: MB (growth since minute 2, < 20)", f"{end:.0f} ({end - warm:+.1f})"
    yield "lines a minute on the demo", f"{len(lines) / bench.minutes:.1f}"


MEASUREMENTS: tuple[Callable[[Bench], Iterator[tuple[str, str]]], ...] = (
    capture_alone,
    capture_with_window,
    sight,
    start_and_close,
    sound,
    memory,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=10, help="length of the memory run")
    parser.add_argument("--only", choices=[measure.__name__ for measure in MEASUREMENTS])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.minutes)
        for measure in MEASUREMENTS:
            if options.only in (None, measure.__name__):
                for name, figure in measure(bench):
                    print(f"{name:<72} {figure}", flush=True)


if __name__ == "__main__":
    main()
