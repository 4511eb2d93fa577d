"""What sight costs, in CPU time: one change check, one search, one reading, and a minute of the whole.

    python tests/benchmarks/sight_cost.py [--seconds 20] [--video FILE]

The video is shown at 1280x720 and 30 frames a second; vtest.avi of Debian's opencv-doc is a good one. Targets: change
under 1 ms, search about 50 ms, reading under 200 ms; 18 CPU-seconds a minute when the scene moves, 6 when it is still.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from itertools import count, cycle, islice

import cv2
import numpy as np

from narrator.mailbox import Latest
from narrator.memory.history import History
from narrator.messages import Frame, Pixels, Scene
from narrator.seams import Context
from narrator.settings import Settings
from narrator.sight.change import ChangeDetector
from narrator.sight.objects import Detector
from narrator.sight.text import Reader
from narrator.sight.watch import Sight

VIDEO = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"
FPS = 30
WARM_UP = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--video", default=VIDEO)
    arguments = parser.parse_args()
    pictures = _pictures(arguments.video)
    change, detector, reader = ChangeDetector(), Detector(), Reader()
    detector.open()
    reader.open()
    times = count()
    rows = [
        ("change, CPU ms a frame", _cost(lambda picture: change.look(picture, next(times) / FPS), pictures, 200), 1),
        ("search, CPU ms", _cost(detector.detect, pictures, 30), 50),
        ("reading without text, CPU ms", _cost(reader.read, pictures, 20), 200),
        ("reading a sign, CPU ms", _cost(reader.read, [_sign()], 20), 200),
        ("moving, CPU s a minute", _minute(cycle(pictures), arguments.seconds), 18),
        ("still with noise, CPU s a minute", _minute(_noisy(pictures[0]), arguments.seconds), 6),
        ("still picture, CPU s a minute", _minute(cycle(pictures[:1]), arguments.seconds), 6),
    ]
    for title, value, target in rows:
        print(f"{title:34}{value:8.2f}   target {target}")


def _pictures(path: str) -> list[Pixels]:
    """The first seconds of the video at 720p, each picture three times: most street clips have 10 a second."""
    video = cv2.VideoCapture(path)
    read = (video.read()[1] for _ in range(100))
    return [cv2.resize(picture, (1280, 720)) for picture in read if picture is not None for _ in range(3)]


def _sign() -> Pixels:
    picture = np.full((720, 1280, 3), 200, np.uint8)
    for row, text in enumerate(("NO PARKING", "AT ANY TIME", "Private road")):
        cv2.putText(picture, text, (200, 200 + 150 * row), cv2.FONT_HERSHEY_SIMPLEX, 3, (30, 30, 30), 8)
    return picture


def _noisy(picture: Pixels) -> Iterator[Pixels]:
    noise = np.random.default_rng(0).integers(0, 5, (8, *picture.shape), np.uint8)
    return cycle([cv2.add(picture, layer) for layer in noise])


def _cost(look: Callable[[Pixels], object], pictures: list[Pixels], times: int) -> float:
    look(pictures[0])
    started = time.process_time()
    for picture in islice(cycle(pictures), times):
        look(picture)
    return (time.process_time() - started) / times * 1000


def _minute(pictures: Iterator[Pixels], seconds: float) -> float:
    frames: Latest[Frame] = Latest()
    context = Context(Settings.defaults().values, lambda notice: print(notice.text))
    sight = Sight(frames, Latest[Scene](), History(1.0, 16_000_000), context, lambda _: None)
    sight.start()
    started, spent_before, spent_here = time.monotonic(), 0.0, 0.0
    for number in count():
        at = started + number / FPS
        time.sleep(max(0.0, at - time.monotonic()))
        if number == int(WARM_UP * FPS):
            spent_before, spent_here = time.process_time(), time.thread_time()
        if at - started > WARM_UP + seconds:
            break
        frames.put(Frame(number, time.monotonic(), time.time(), number / FPS, 0, next(pictures)))
    spent = time.process_time() - spent_before - (time.thread_time() - spent_here)
    sight.close()
    return spent / seconds * 60


if __name__ == "__main__":
    main()
