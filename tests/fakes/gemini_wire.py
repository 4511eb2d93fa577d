"""Bytes on the wire of the fake Gemini service: a server that hangs up when told, whole answers, events, breaks."""

import json
import select
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fakes.gemini_requests import Asked, Json

_RESET = struct.pack("ii", 1, 0)


class WireServer(ThreadingHTTPServer):
    """Serves on loopback in threads of its own until `close`, which ends every connection."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="gemini", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self.shutdown()
        self._thread.join(5)
        with self._lock:
            for connection in self._open:
                _hang_up(connection)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients vanish on purpose."""


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


class Wire(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments: object) -> None:
        """Nobody reads it."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(
        self,
        code: int,
        body: Any,
        asked: Asked | None = None,
        kind: str = "application/json; charset=UTF-8",
        **headers: str,
    ) -> None:
        if asked is not None:
            asked.status = code
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(payload)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def start_events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, body: Json | bytes) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        line = b"data: " + payload + b"\r\n\r\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def end_events(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.connection.close()
        self.close_connection = True

    def drop(self) -> None:
        _hang_up(self.connection)
        self.close_connection = True

    def wait_until(self, at: float) -> None:
        self.wait(at - time.monotonic())

    def wait(self, seconds: float) -> None:
        """Let time pass; raises `ConnectionAbortedError` as soon as the client goes away."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], left)
            if not readable:
                return
            if not self.connection.recv(1, socket.MSG_PEEK):
                raise ConnectionAbortedError
            time.sleep(min(left, 0.01))
