"""A model hub of our own on loopback: listings, Range, redirects, tokens, and everything that goes wrong on the way."""

import hashlib
import json
import re
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

COMMIT = "0" * 39 + "1"
_LISTING = re.compile(r"/api/models/([^/]+/[^/]+)/revision/([^/?]+)")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
_STORED = re.compile(r"/stored/([^/]+/[^/]+)/(.+)")
_RANGE = re.compile(r"bytes=(\d+)-")
_PIECE = 65_536
_LARGE = 10_000
"""Bytes from which a hub keeps a file apart, known by its sha256; smaller ones are known by their git id."""


@dataclass
class Repository:
    """What one repository holds, by path."""

    files: dict[str, bytes]
    is_gated: bool = False
    is_private: bool = False
    licence: str = "apache-2.0"


@dataclass
class Asked:
    """One request, as it came."""

    method: str
    path: str
    range: str
    token: str
    sent: int = 0


@dataclass
class Behaviour:
    """What goes wrong, and how often. A `cut` is the number of bytes of a body after which the line breaks."""

    cuts: list[int] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Statuses, with headers, in place of a file's body."""
    pause: float = 0.0
    """Seconds before each piece of 64 KiB."""
    stalls_at: int = -1
    """Bytes of a body after which nothing more comes, while the line stays up."""
    ignores_range: bool = False
    wrong_range: bool = False
    html: bool = False
    """Every answer is the login page of a network."""
    tells_sizes: bool = True
    """The listing tells sizes and hashes; else they are in the headers of a HEAD."""
    tells_hashes: bool = True
    listing: bytes = b""
    """What is answered in place of a listing."""
    listed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Fields of a file in the listing that are not what they should be, by path."""
    sends: dict[str, bytes] = field(default_factory=dict)
    """Bodies that are sent in place of a file's own, by path."""
    redirects_to: str = ""
    """Where files lie; empty for this hub itself."""


class FakeHub(ThreadingHTTPServer):
    """Serves `repositories` until it is closed, as `with FakeHub() as hub`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Exchange)
        self.repositories: dict[str, Repository] = {}
        self.behaviour = Behaviour()
        self.asked: list[Asked] = []
        self.scheme = "http"
        self.token = "hf_nobodys"
        self.accepted = True
        """Whether the token's owner accepted the terms of what is gated."""
        self.closing = threading.Event()
        self.flowing = threading.Event()
        """Set when the first bytes of a file have gone out."""
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="hub", daemon=True)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    @property
    def bodies(self) -> list[Asked]:
        """The requests for the contents of files."""
        return [asked for asked in self.asked if asked.method == "GET" and "/resolve/" in asked.path]

    def add(self, repository: str, files: dict[str, bytes], **more: Any) -> Repository:
        self.repositories[repository] = Repository(files, **more)
        return self.repositories[repository]

    def speak_tls(self) -> None:
        """With a certificate that nobody signed; its key guards nothing."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.scheme = "https"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients vanish on purpose."""

    def __enter__(self) -> "FakeHub":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join(5)
        self.server_close()


class _Exchange(BaseHTTPRequestHandler):
    server: FakeHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments: object) -> None:
        """Nobody reads it."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        asked = Asked(self.command, self.path, self.headers.get("Range") or "", token)
        self.server.asked.append(asked)
        if self.server.behaviour.html:
            return self._send(200, b"<!doctype html><title>Log in</title>" * 9, {"Content-Type": "text/html"})
        if self.path == "/api/whoami-v2":
            return self._whoami(token)
        for pattern, answer in ((_LISTING, self._list), (_STORED, self._store), (_FILE, self._file)):
            if match := pattern.match(self.path):
                return answer(asked, *match.groups())
        return self._refuse(404, "EntryNotFound")

    def _whoami(self, token: str) -> None:
        if token == self.server.token:
            return self._send(200, b'{"name": "nobody"}')
        return self._refuse(401, "", "Invalid username or password.")

    def _locked(self, repository: Repository | None, token: str) -> bool:
        """Answer as the hub does to who may not see it; True when it did."""
        hub = self.server
        if token and token != hub.token:
            self._refuse(401, "", "Invalid credentials in Authorization header")
        elif repository is None or (repository.is_private and not token):
            status = 404 if token else 401
            self._refuse(status, "RepoNotFound")
        elif repository.is_gated and not (token and hub.accepted):
            self._refuse(403 if token else 401, "GatedRepo", "Access to model is restricted.")
        else:
            return False
        return True

    def _list(self, asked: Asked, name: str, revision: str) -> None:
        repository = self.server.repositories.get(name)
        hides = repository is None or repository.is_private
        if hides and self._locked(repository, asked.token):  # what a gated one holds, everybody may know
            return None
        assert repository is not None
        if self.server.behaviour.listing:
            return self._send(200, self.server.behaviour.listing)
        siblings = [self._sibling(path, content) for path, content in repository.files.items()]
        table = {"id": name, "sha": COMMIT, "siblings": siblings, "cardData": {"license": repository.licence}}
        return self._send(200, json.dumps(table).encode(), {"Content-Type": "application/json"})

    def _sibling(self, path: str, content: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"rfilename": path}
        behaviour = self.server.behaviour
        if behaviour.tells_sizes:
            entry |= {"size": len(content), "blobId": git_id(content)}
            if len(content) >= _LARGE:
                entry |= {"blobId": "f" * 40, "lfs": {"sha256": sha256(content), "size": len(content)}}
        return entry | behaviour.listed.get(path, {})

    def _file(self, asked: Asked, name: str, revision: str, path: str) -> None:
        repository = self.server.repositories.get(name)
        if self._locked(repository, asked.token):
            return None
        assert repository is not None
        content, behaviour = repository.files.get(path), self.server.behaviour
        if content is None:
            return self._refuse(404, "EntryNotFound")
        headers = {"X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if behaviour.tells_hashes:
            large = {"X-Linked-Size": str(len(content)), "X-Linked-Etag": f'"{sha256(content)}"'}
            headers |= large if len(content) >= _LARGE else {"ETag": f'"{git_id(content)}"'}
        if behaviour.redirects_to:
            place = f"{behaviour.redirects_to}/stored/{name}/{path}?signature=1"
            return self._send(302, b"", headers | {"Location": place})
        return self._body(asked, behaviour.sends.get(path, content), headers)

    def _store(self, asked: Asked, name: str, path: str) -> None:
        """Where a hub's large files really lie: anybody with the address gets them."""
        content = self.server.repositories[name].files[path.partition("?")[0]]
        self._body(asked, content, {"ETag": '"stored"'})

    def _body(self, asked: Asked, content: bytes, headers: dict[str, str]) -> None:
        behaviour = self.server.behaviour
        if asked.method == "GET" and behaviour.refusals:
            status, more = behaviour.refusals.pop(0)
            return self._send(status, b"no", more)
        wanted = None if behaviour.ignores_range else _RANGE.match(asked.range)
        first = int(wanted[1]) if wanted else 0
        if wanted and first >= len(content):
            return self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        if wanted:
            told = first + 7 if behaviour.wrong_range else first
            headers |= {"Content-Range": f"bytes {told}-{len(content) - 1}/{len(content)}"}
        self.send_response(206 if wanted else 200)
        for key, value in {**headers, "Content-Length": str(len(content) - first)}.items():
            self.send_header(key, value)
        self.end_headers()
        return self._pour(asked, memoryview(content)[first:]) if asked.method == "GET" else None

    def _pour(self, asked: Asked, content: memoryview) -> None:
        behaviour = self.server.behaviour
        cut = behaviour.cuts.pop(0) if behaviour.cuts else len(content)
        stop = min(cut, len(content) if behaviour.stalls_at < 0 else behaviour.stalls_at)
        while asked.sent < stop:
            piece = content[asked.sent : min(stop, asked.sent + _PIECE)]
            if self.server.closing.wait(behaviour.pause):
                break
            self.wfile.write(piece)
            asked.sent += len(piece)
            self.server.flowing.set()
        if asked.sent < len(content):
            if behaviour.stalls_at >= 0:
                self.server.closing.wait(60)
            self.close_connection = True
            self.connection.shutdown(2)

    def _refuse(self, status: int, code: str, message: str = "") -> None:
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": message})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def gguf(size: int, seed: bytes = b"text", architecture: str = "llama") -> bytes:
    """A GGUF file of so many bytes with one tensor that means nothing; a projector is of the architecture "clip"."""
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
    head += _text("general.architecture") + struct.pack("<I", 8) + _text(architecture)
    head += _text("weights") + struct.pack("<I", 1)
    begin = -(-(len(head) + 20) // 32) * 32
    head += struct.pack("<QIQ", (size - begin) // 4, 0, 0)
    return head.ljust(begin, b"\0") + hashlib.shake_128(seed).digest(size - begin)


def safetensors(size: int, seed: bytes = b"weights") -> bytes:
    """A safetensors file of so many bytes with one tensor that means nothing."""
    table = json.dumps({"w": {"dtype": "U8", "shape": [size - 128], "data_offsets": [0, size - 128]}}).ljust(120)
    return struct.pack("<Q", len(table)) + table.encode() + hashlib.shake_128(seed).digest(size - 128)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """A hub of our own, at `url`, with nothing on it."""
    with FakeHub() as running:
        yield running


def main() -> None:
    """Serve a repository `nobody/model` with 100 MB until the input ends, each of the first three answers cut."""
    import sys

    with FakeHub() as hub:
        content, projector = gguf(102_400_000), gguf(1_000_000, b"projector", "clip")
        hub.add("nobody/model", {"model-Q8_0.gguf": content, "mmproj-model-Q8_0.gguf": projector})
        hub.behaviour.cuts = [20_000_000, 30_000_000, 25_000_000]
        print(hub.url, flush=True)  # noqa: T201 - whoever started it reads it
        sys.stdin.read()
        for asked in hub.bodies:
            print(asked.range or "from the start", asked.sent, flush=True)  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
