"""The sight thread, with real frames in real time: it sees, keeps, tells and ends."""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pytest
from fakes.scenery import Pixels, landscape, photo, sign
from fakes.waiting import eventually

from narrator.mailbox import Latest
from narrator.memory.history import History
from narrator.messages import Frame, Notice, Scene
from narrator.seams import Context, Value
from narrator.settings import Settings
from narrator.sight.watch import Sight

ROOT = Path(__file__).resolve().parents[2]
FPS = 20
BROKEN = np.zeros((4, 4), np.uint8)


@dataclass
class Room:
    """A sight with everything around it."""

    options: dict[str, Value] = field(default_factory=dict)
    frames: Latest[Frame] = field(default_factory=Latest)
    scenes: Latest[Scene] = field(default_factory=Latest)
    history: History = field(default_factory=lambda: History(0.5, 16_000_000))
    notices: list[Notice] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    shown: int = 0
    sight: Sight = field(init=False)

    def __post_init__(self) -> None:
        self.options = {**Settings.defaults().values, **self.options}
        context = Context(self.options, self.notices.append)
        self.sight = Sight(self.frames, self.scenes, self.history, context, self._on_cut)

    def _on_cut(self, revision: int) -> None:
        scene = self.scenes.peek()
        assert scene
        assert scene.revision == revision, "the scene is there before its cut is told"
        self.cuts.append(revision)

    def show(self, picture: Pixels) -> None:
        now = time.monotonic()
        self.frames.put(Frame(self.shown, now, time.time(), self.shown / FPS, 0, picture))
        self.shown += 1

    def play(self, pictures: Iterable[Pixels], until: Callable[[], object], within: float = 15.0) -> bool:
        """Show the pictures in real time until something is so."""
        deadline = time.monotonic() + within
        for picture in pictures:
            self.show(picture)
            if eventually(until, 1 / FPS):
                return True
            if time.monotonic() > deadline:
                break
        return False

    @property
    def scene(self) -> Scene:
        return self.scenes.peek() or Scene(-1, 0, 0, 0)


@contextmanager
def room(**options: Value) -> Iterator[Room]:
    opened = Room({key.replace("_", ".", 1): value for key, value in options.items()})
    opened.sight.start()
    try:
        yield opened
    finally:
        started = time.monotonic()
        assert opened.sight.close() is None
        assert time.monotonic() - started < 2
        assert not {"sight", "text"} & {thread.name for thread in threading.enumerate()}


def labels(scene: Scene) -> list[str]:
    return [track.label for track in scene.tracks]


def test_it_sees_reads_keeps_and_tells_a_cut() -> None:
    with room() as opened:
        assert opened.play(repeat(photo("astronaut")), lambda: opened.scene.settled)
        assert labels(opened.scene) == ["person"]
        assert opened.play(repeat(sign("PLATFORM", "TWENTY")), lambda: opened.scene.text and opened.scene.settled)
        assert [line.text for line in opened.scene.text] == ["PLATFORM", "TWENTY"]
        assert opened.cuts == [1]
        assert opened.sight.fps > 1
        assert [moment.is_cut for moment in opened.history.moments()].count(True) == 1
        assert len(opened.history.moments()) >= 2
        assert opened.notices == []


def test_a_single_frame_is_enough() -> None:
    with room(sight_text=False) as opened:
        opened.show(photo("astronaut"))
        assert eventually(lambda: opened.scene.settled)
        assert labels(opened.scene) == ["person"]


def test_a_frame_that_cannot_be_looked_at_is_told_once_and_passed_over() -> None:
    with room(sight_text=False) as opened:
        pictures = chain([photo("astronaut")], [BROKEN, BROKEN] * 3, repeat(photo("astronaut")))
        assert opened.play(pictures, lambda: opened.scene.settled)
        assert labels(opened.scene) == ["person"]
        assert [notice.text for notice in opened.notices] == ["Looking at a picture failed; the next one is tried."]


def test_parts_that_are_switched_off_are_off() -> None:
    with room(sight_objects=False, sight_text=False) as opened:
        assert opened.play(repeat(photo("astronaut")), lambda: opened.scene.settled)
        assert (opened.scene.tracks, opened.scene.text) == ((), ())


def test_it_never_holds_up_who_captures() -> None:
    with room() as opened:
        picture, slowest = landscape(1, (1280, 720)), 0.0
        for number in range(100):
            started = time.thread_time()
            opened.show(np.roll(picture, 8 * number, axis=1))
            slowest = max(slowest, time.thread_time() - started)
            eventually(lambda: False, 0.005)
        assert slowest < 0.02


def test_muting_counts_from_the_next_look() -> None:
    with room(sight_text=False) as opened:
        assert opened.play(repeat(photo("astronaut")), lambda: labels(opened.scene) == ["person"])
        opened.options["sight.mute"] = "Person, dining table"
        noisy = (np.roll(photo("astronaut"), number, axis=1) for number in range(1000))
        assert opened.play(noisy, lambda: not opened.scene.tracks)


def test_it_ends_when_the_frames_do() -> None:
    opened = Room()
    opened.sight.start()
    opened.show(photo("coffee"))
    opened.frames.close()
    assert eventually(lambda: "sight" not in {thread.name for thread in threading.enumerate()})
    assert opened.sight.close() is None


def test_closing_before_the_start_is_nothing() -> None:
    assert Room().sight.close() is None


LOOK = """
import sys, time
import cv2
from narrator.memory.history import History
from narrator.mailbox import Latest
from narrator.messages import Frame
from narrator.seams import Context
from narrator.settings import Settings
from narrator.sight.watch import Sight

frames, scenes = Latest(), Latest()
tell = lambda notice: print(notice.level, "|", notice.text, "|", notice.remedy, flush=True)
context = Context(Settings.defaults().values, tell)
sight = Sight(frames, scenes, History(1, 10**7), context, print)
sight.start()
picture, version = cv2.imread(sys.argv[1]), 0
for number in range(300):
    frames.put(Frame(number, time.monotonic(), time.time(), number / 20, 0, picture))
    version, scene = scenes.wait(version, 0.05)
    if scene and scene.settled:
        print([track.label for track in scene.tracks])
        break
sight.close()
"""

REMEDY = "Install Scene Narrator again."
NO_OBJECTS = "The program's file weights/nanodet.onnx is {}. People and things will not be recognised."
NO_TEXT = "The program's file weights/PP-OCRv6_rec_tiny.onnx is {}. Text will not be read."


@pytest.mark.parametrize(
    ("file", "sentence", "seen"),
    [("nanodet.onnx", NO_OBJECTS, "[]"), ("PP-OCRv6_rec_tiny.onnx", NO_TEXT, "['person']")],
)
@pytest.mark.parametrize("state", ["damaged", "missing"])
def test_a_damaged_model_is_told_and_the_rest_goes_on(
    tmp_path: Path, file: str, sentence: str, seen: str, state: str
) -> None:
    shutil.copytree(ROOT / "narrator", tmp_path / "narrator", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "resources", tmp_path / "resources", ignore=shutil.ignore_patterns("demo"))
    model = tmp_path / "resources" / "weights" / file
    if state == "missing":
        model.unlink()
    else:
        model.write_bytes(model.read_bytes()[:-1] + b"?")
    script = tmp_path / "look.py"  # its folder comes first on the import path
    script.write_text(LOOK, encoding="utf-8")
    command = [sys.executable, str(script), str(ROOT / "tests" / "data" / "astronaut.jpg")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert set(done.stdout.splitlines()) == {f"error | {sentence.format(state)} | {REMEDY}", seen}
    assert "Traceback" not in done.stderr
