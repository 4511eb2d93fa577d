"""A camera of stamped frames, 1280x720 at 30 a second, that cuts to another scene every few seconds.

    python tests/fakes/stamped_film.py mjpeg [--scene 7] [--still] [--events FILE]
    python tests/fakes/stamped_film.py rtp PORT [--scene 7] [--still] [--events FILE]

`mjpeg` prints its address; `rtp` sends H.264 in RTP to a local port, for `rtsp_server.py` to offer. The events are a
JSON line for each scene: its number, its first frame and its wall time.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import TextIO

import cv2
import numpy as np

if __name__ == "__main__":  # as a program it lies outside the tests' path
    sys.path.insert(0, str(Path(__file__).parents[1]))

from fakes.stamps import Pixels, draw, now_ms

SIZE, FPS = (1280, 720), 30
_NOISY = 6
"""Pictures of each scene that differ by noise only, so that a still scene is not a frozen one."""
_ENCODE = "-c:v libx264 -preset ultrafast -tune zerolatency -crf 24 -g 30 -pix_fmt yuv420p -fps_mode passthrough -f rtp"


class Film:
    """Scene after scene; a block moves in each unless it is `still`, when the stamps stand, too.

    Number k always looks the same.
    """

    def __init__(self, seconds_a_scene: float, *, still: bool) -> None:
        self._still = still
        random = np.random.default_rng(3)
        lengths = seconds_a_scene * (0.6 + 0.8 * random.random(10_000))
        self._cuts = np.cumsum(lengths) if seconds_a_scene else np.array([np.inf])
        self._scenes: dict[int, list[Pixels]] = {}

    def scene_at(self, at: float) -> int:
        return int(np.searchsorted(self._cuts, at, side="right"))

    def prepare(self, scene: int) -> None:
        """Paint a scene before it is shown."""
        for old in [number for number in self._scenes if number < scene - 1]:
            self._scenes.pop(old, None)
        if scene not in self._scenes:
            self._scenes[scene] = painted(scene)

    def frame(self, number: int) -> Pixels:
        """The frame of this number, stamped with the clock of now."""
        at = number / FPS
        scene = self.scene_at(at)
        self.prepare(scene)
        picture = self._scenes[scene][number % _NOISY].copy()
        if self._still:  # a stamp that changes is light that changes
            return draw(picture, 0, scene, 0)
        left = int((at * 0.11 % 1) * SIZE[0] * 0.8)
        cv2.rectangle(picture, (left, 500), (left + 160, 620), (40, 30, 20), -1)
        return draw(picture, number, scene, now_ms())


class Live:
    """Plays a film at its own pace, whoever looks."""

    def __init__(self, film: Film, events: TextIO | None) -> None:
        self._film, self._events = film, events
        self._changed = threading.Condition()
        self._newest: tuple[int, Pixels] | None = None
        threading.Thread(target=self._play, name="film", daemon=True).start()
        threading.Thread(target=self._paint, name="painter", daemon=True).start()

    def frames(self) -> Iterator[Pixels]:
        """Each frame as it comes; those that came meanwhile are left out."""
        seen = -1
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest is not None and self._newest[0] > seen)  # noqa: B023 - read at once
                assert self._newest is not None
                seen, picture = self._newest
            yield picture

    def _play(self) -> None:
        started_at, scene = time.monotonic(), -1
        for number in count():
            time.sleep(max(0.0, started_at + number / FPS - time.monotonic()))
            picture = self._film.frame(number)
            if (now := self._film.scene_at(number / FPS)) != scene:
                scene = now
                self._note(scene, number)
            with self._changed:
                self._newest = number, picture
                self._changed.notify_all()

    def _note(self, scene: int, number: int) -> None:
        if self._events:
            line = {"scene": scene & 255, "frame": number, "wall_time": time.time()}
            self._events.write(json.dumps(line) + "\n")
            self._events.flush()

    def _paint(self) -> None:
        """Paint the next scene while the present one is shown."""
        started_at = time.monotonic()
        while True:
            time.sleep(1)
            self._film.prepare(self._film.scene_at(time.monotonic() - started_at) + 1)


class MjpegServer(ThreadingHTTPServer):
    """Offers a film at /live.mjpg; who reads slowly misses frames."""

    daemon_threads = True

    def __init__(self, live: Live) -> None:
        super().__init__(("127.0.0.1", 0), _Stream)
        self.live = live


class _Stream(BaseHTTPRequestHandler):
    server: MjpegServer

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with suppress(ConnectionError):
            for picture in self.server.live.frames():
                jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")

    def log_message(self, *arguments: object) -> None:
        """Nobody reads it."""


def send_rtp(live: Live, port: int) -> None:
    """Encode as a network camera does and send to a local port until ffmpeg ends."""
    raw = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{SIZE[0]}x{SIZE[1]}", "-r", str(FPS), "-i", "-"]
    target = f"rtp://127.0.0.1:{port}?pkt_size=1300"
    command = ["ffmpeg", "-v", "error", *raw, *_ENCODE.split(), target]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as encoder:
        assert encoder.stdin is not None
        with suppress(ConnectionError):
            for picture in live.frames():
                encoder.stdin.write(picture.tobytes())
                encoder.stdin.flush()


def painted(scene: int) -> list[Pixels]:
    """A muted picture of blotches of all sizes, in copies of different noise."""
    random = np.random.default_rng(100 + scene)
    picture = np.full((SIZE[1], SIZE[0], 3), (85, 140, 110)[scene % 3], np.float32)
    for columns in (4, 9, 20, 45, 100):
        rows = max(2, columns * SIZE[1] // SIZE[0])
        blotches = (
            random.random((rows, columns, 1), np.float32) * 0.75 + random.random((rows, columns, 3), np.float32) / 4
        )
        layer = cv2.resize(blotches - 0.5, SIZE, interpolation=cv2.INTER_CUBIC)
        picture += layer * (220 / columns**0.55)
    noise = random.normal(0, 2, (_NOISY, SIZE[1] // 2, SIZE[0] // 2)).astype(np.float32)
    grains = (cv2.resize(layer, SIZE, interpolation=cv2.INTER_NEAREST)[:, :, None] for layer in noise)
    return [np.clip(picture + grain, 30, 220).astype(np.uint8) for grain in grains]


def main() -> None:
    parser = argparse.ArgumentParser(description="A camera of stamped frames.")
    parser.add_argument("kind", choices=["mjpeg", "rtp"])
    parser.add_argument("port", type=int, nargs="?", default=0)
    parser.add_argument("--scene", type=float, default=7.0, help="mean seconds of a scene; 0 for one scene without end")
    parser.add_argument("--still", action="store_true", help="nothing moves")
    parser.add_argument("--events", type=argparse.FileType("w"))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    film = Film(options.scene, still=options.still)
    film.prepare(0)
    film.prepare(1)
    live = Live(film, options.events)
    with suppress(KeyboardInterrupt):
        if options.kind == "rtp":
            send_rtp(live, options.port)
            return
        server = MjpegServer(live)
        print(f"http://127.0.0.1:{server.server_port}/live.mjpg", flush=True)  # noqa: T201 - whoever started it waits
        server.serve_forever()


if __name__ == "__main__":
    main()
