"""Servers of video on loopback: RTSP in a process of its own, HTTP and a silent one in threads."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import pytest
from fakes.clips import numbered_picture

_SERVER = Path(__file__).with_name("rtsp_server.py")
_SYSTEM_PYTHON = "/usr/bin/python3"
"""It has GStreamer's bindings, which come as system packages only."""
_RATE = 25


def free_port() -> int:
    """A TCP port of loopback that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RtspServer:
    """A real RTSP server, at `url`, that can be frozen, killed and started again on the same port."""

    def __init__(self, clip: Path, credentials: str = "") -> None:
        self.port = free_port()
        self._arguments = [str(clip), *([credentials] if credentials else [])]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def url(self, path: str = "clip", user: str = "") -> str:
        return f"rtsp://{user}127.0.0.1:{self.port}/{path}"

    def start(self) -> None:
        """Run the server and wait until it answers."""
        command = [_SYSTEM_PYTHON, str(_SERVER), str(self.port), *self._arguments]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL"))}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def freeze(self) -> None:
        """Let it live and be silent."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, like a power cut."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@pytest.fixture
def rtsp_server(long_clip: Path) -> Iterator[RtspServer]:
    """An RTSP server that plays 40 s of numbered frames to each client at /clip."""
    server = RtspServer(long_clip)
    yield server
    server.kill()


@pytest.fixture
def locked_rtsp_server(long_clip: Path) -> Iterator[RtspServer]:
    """The same behind the name "user" and the password "secret"."""
    server = RtspServer(long_clip, "user:secret")
    yield server
    server.kill()


class HttpServer(ThreadingHTTPServer):
    """Serves numbered MJPEG at /live.mjpg, files of `folder`, and what goes wrong, each under its own path."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.folder = folder
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="http", daemon=True)
        self._thread.start()

    def url(self, path: str, user: str = "") -> str:
        return f"http://{user}127.0.0.1:{self.server_port}/{path}"

    def close(self) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
        self._thread.join(5)


@pytest.fixture
def http_server(tmp_path: Path) -> Iterator[HttpServer]:
    """An HTTP server of files put into its `folder`, of MJPEG, and of errors."""
    server = HttpServer(tmp_path)
    yield server
    server.close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A TCP port where connections are taken and nothing is ever said."""
    with closing(socket.socket()) as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        yield server.getsockname()[1]


class _Answer(BaseHTTPRequestHandler):
    server: HttpServer

    def do_GET(self) -> None:
        with suppress(ConnectionError):
            self._answers().get(self.path, self._file)()

    def log_message(self, *arguments: object) -> None:
        """Nobody reads it."""

    def _answers(self) -> dict[str, Callable[[], None]]:
        return {
            "/live.mjpg": self._mjpeg,
            "/page": lambda: self._say(200, b"<html>A page</html>", "text/html"),
            "/locked": lambda: self._say(401, b"", WWW_Authenticate='Basic realm="camera"'),
            "/broken": lambda: self._say(503, b""),
            "/moved": lambda: self._say(302, b"", Location="/page"),
        }

    def _say(self, status: int, body: bytes, kind: str = "text/plain", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _file(self) -> None:
        path = self.server.folder / self.path.lstrip("/")
        if path.is_file():
            self._say(200, path.read_bytes(), "video/mp4")
        else:
            self._say(404, b"")

    def _mjpeg(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        number = 0
        while not self.server.stopping.wait(1 / _RATE):
            jpeg = cv2.imencode(".jpg", numbered_picture(number))[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")
            number += 1
