"""Runs the program on stamped film, with a Gemini of our own to describe it, and tells what each of the three saw."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from figures import App

sys.path.insert(0, str(Path(__file__).parents[1]))

from fakes.stamped_film import painted
from fakes.stamps import age
from fakes.streams import free_port

__all__ = ["MODEL", "SETTLED", "UNPACED", "Camera", "Service", "Watched", "dated", "narrating", "painted", "watch"]
FAKES = Path(__file__).parents[1] / "fakes"
SYSTEM_PYTHON = "/usr/bin/python3"
MODEL = {"first_token": 0.6, "rate": 50, "tokens": 40, "stamps": True}
"""The model of the table: 0.6 s to the first word, 50 words a second, 40 words."""
UNPACED = {
    "narration.min_gap": 0,
    "narration.cut_gap": 0,
    "gemini.min_gap": 0,
    "spending.pace": 1000,
    "spending.hour": 0,
    "spending.day": 0,
    "speech.rate": 900,
}
"""Neither money nor the time that speaking takes slows narration down: what the machine can do shows."""
SETTLED = 8.0
"""Seconds after the start from which on anything is judged."""
_LINE = re.compile(r"Line(\d+)", re.IGNORECASE)

Json = dict[str, Any]


class Service:
    """The fake Gemini as a process of its own."""

    def __init__(self, **behaviour: Any) -> None:
        self._arguments = [sys.executable, str(FAKES / "gemini_service.py"), "--control", json.dumps(behaviour)]
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*self._arguments, "--port", str(self.port)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def control(self, **wishes: Any) -> None:
        """Change how it answers, or let it fail."""
        self._ask("control", json.dumps(wishes).encode())

    def requests(self) -> list[Json]:
        """Every request for an answer so far."""
        found: list[Json] = self._ask("report")["requests"]
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _ask(self, path: str, body: bytes | None = None) -> Json:
        with urllib.request.urlopen(f"{self.url}/{path}", body, timeout=10) as answer:  # noqa: S310 - our own
            told: Json = json.load(answer)
        return told


class Camera:
    """Stamped film, live at `url`: over HTTP as MJPEG, or over RTSP as H.264."""

    def __init__(self, folder: Path, kind: str = "mjpeg", *, scene: float = 7.0, still: bool = False) -> None:
        self._events = folder / f"film-{time.monotonic_ns()}.jsonl"
        film: list[object] = [sys.executable, FAKES / "stamped_film.py", "--scene", scene, "--events", self._events]
        film += ["--still"] if still else []
        self._processes: list[subprocess.Popen[str]] = []
        if kind == "mjpeg":
            self.url = self._run([*film, "mjpeg"]).strip()
            return
        port, rtp = free_port(), free_port()
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
        self._run([SYSTEM_PYTHON, str(FAKES / "rtsp_server.py"), str(port), f"rtp:{rtp}"], own)
        self._processes.append(subprocess.Popen([str(word) for word in [*film, "rtp", rtp]], text=True))
        self.url = f"rtsp://127.0.0.1:{port}/clip"

    def scenes(self) -> list[Json]:
        """Each scene's number, first frame and wall time."""
        return [json.loads(line) for line in self._events.read_text(encoding="utf-8").split("\n")[:-1]]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()

    def _run(self, command: Sequence[object], environment: dict[str, str] | None = None) -> str:
        """Start a program; its first line."""
        words = [str(word) for word in command]
        self._processes.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment))
        stdout = self._processes[-1].stdout
        assert stdout is not None
        return stdout.readline()


@dataclass
class Watched:
    """What came of a run; all times are wall times."""

    since: float
    until: float
    requests: list[Json]
    scenes: list[Json]
    events: dict[str, list[Json]] = field(default_factory=dict)

    def judged(self) -> list[Json]:
        """The requests that count: those after the start has settled."""
        return [request for request in self.requests if self.since <= request["wall_time"] <= self.until]

    def ages(self) -> list[float]:
        """How old the newest picture of each request was when it was at the service."""
        stamped = [request for request in self.judged() if request["stamp"]]
        return [age(request["stamp"]["ms"], request["wall_time"]) for request in stamped]

    def first_words(self) -> dict[int, float]:
        """When the first word of each answer was on the screen, by the number of its request."""
        found: dict[int, float] = {}
        texts: dict[int, str] = {}
        begun: dict[int, float] = {}
        for delta in self.events["delta"]:
            run = delta["run"]
            begun.setdefault(run, delta["at"])
            texts[run] = texts.get(run, "") + delta["text"]
            if match := _LINE.match(texts[run].lstrip()):
                found.setdefault(int(match[1]), begun[run])
        return found

    def cuts(self) -> list[tuple[float, float | None, float | None]]:
        """Of each scene of 3 s or more that was seen to its end: its length, and the waits in seconds for the first
        word about it that Gemini said, and for the first that anybody said; None where there was none."""
        words, runs = self.first_words(), {request["number"]: request for request in self.requests}
        spoken = sorted(delta["at"] for delta in self.events["delta"])
        found = []
        for scene, following in zip(self.scenes, self.scenes[1:], strict=False):
            start, end = scene["wall_time"], following["wall_time"]
            if end - start < 3 or start < self.since or end > self.until:
                continue
            told = [at for number, at in words.items() if _shows(runs.get(number), scene)]
            anyone = next((at for at in spoken if start <= at < end), None)
            found.append((end - start, min(told) - start if told else None, anyone - start if anyone else None))
        return found

    def most_in_flight(self) -> tuple[int, float]:
        """The most requests that the service had at one time, and for how many seconds it had more than one."""
        changes = []
        for request in self.requests:
            end = request["finished_at"] or request["aborted_at"] or float("inf")
            changes += [(request["arrived_at"], 1), (end, -1)]
        most = now = 0
        several, last = 0.0, 0.0
        for at, step in sorted(changes):
            several += at - last if now > 1 and at < float("inf") else 0
            now, last = now + step, at
            most = max(most, now)
        return most, several


@contextmanager
def narrating(
    folder: Path, environment: dict[str, str], service: Service, source: str, **options: Any
) -> Iterator[App]:
    """The program, narrating `source` through `service`; `options` are settings, with `__` for a dot.

    `window=True` opens its window, `loop=True` plays a file again; `backend`, `voice` and `program` are other ones.
    """
    window, program = options.pop("window", False), options.pop("program", ("-m", "narrator"))
    arguments = [
        "--yes",
        "--backend",
        options.pop("backend", "gemini"),
        "--source",
        source,
        "--voice",
        options.pop("voice", "silent"),
    ]
    arguments += [] if window else ["--no-window"]
    arguments += ["--loop"] if options.pop("loop", False) else []
    values = {name.replace("__", "."): value for name, value in options.items()}
    for name, value in {"gemini.base_url": service.url, **values}.items():
        arguments += ["--set", f"{name}={value}"]
    app = App(folder, {**environment, "GEMINI_API_KEY": "test", "LC_ALL": "C.UTF-8"}, *arguments, program=program)
    try:
        yield app
    finally:
        app.close()


def watch(
    folder: Path,
    environment: dict[str, str],
    seconds: float,
    *,
    film: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    **options: Any,
) -> Watched:
    """Narrate stamped film for so many seconds after the start has settled."""
    with (
        Camera(folder, **(film or {})) as camera,
        Service(**{**MODEL, **(model or {})}) as service,
        narrating(folder, environment, service, camera.url, **options) as app,
    ):
        app.wait_for("state")
        time.sleep(SETTLED)
        since = time.time()
        time.sleep(seconds)
        return Watched(since, time.time(), service.requests(), camera.scenes(), dated(app))


def dated(app: App) -> dict[str, list[Json]]:
    """The program's events by kind, each with its wall time as `at`."""
    hello: Json = app.events("hello")[0]
    zero = hello["wall_time"] - hello["t"]
    kinds = ("delta", "caption", "utterance", "notice", "usage", "state", "request")
    return {kind: [{**event, "at": zero + float(str(event["t"]))} for event in app.events(kind)] for kind in kinds}


def _shows(request: Json | None, scene: Json) -> bool:
    """Whether a request's newest picture is of this scene."""
    stamp = request["stamp"] if request else None
    return bool(stamp) and stamp["scene"] == scene["scene"] and stamp["frame"] >= scene["frame"]
