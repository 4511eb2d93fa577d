"""Asks a stream's server why it gives no pictures: RTSP DESCRIBE or HTTP GET over a socket of our own, within 2 s."""

import hashlib
import re
import secrets
import socket
import time
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from narrator.errors import SourceError, SourceLost, SourceRefused

_PATIENCE = 2.0
_LONG_PATIENCE = 4.0
_MOST_BYTES = 65536
_REDIRECTS = 3
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_REFUSES = "The stream's server refuses the connection."
_SILENT = "The stream's server does not answer."
_SWITCHED_ON = "Check the address and the port, and that the camera or the server is switched on."


class _NotSecureError(Exception):
    """TLS was asked for and the server does not speak it."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: dict[str, str]
    body: str


def why_no_stream(url: str) -> SourceError:
    """What keeps a stream from opening: `SourceRefused` when trying again is no use, else `SourceLost`."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        return SourceLost("Nothing arrives from the stream.", "Check the address and that the sender is running.")
    try:
        return _judge(parts, _ask(parts))
    except ConnectionRefusedError:
        return SourceLost(_REFUSES, _SWITCHED_ON)
    except TimeoutError:
        return SourceLost(_SILENT, _SWITCHED_ON)
    except _NotSecureError as error:
        return SourceRefused("The stream's server has no secure connection there.", _plain(parts), str(error))
    except OSError as error:
        return SourceLost("The stream's server cannot be reached.", "Check the network and the address.", str(error))
    except ValueError:
        return SourceRefused(f"The stream's server does not speak {parts.scheme}.", "Check the address and the port.")


def why_silent(url: str) -> SourceError | None:
    """What keeps an RTSP server from saying a word within 4 s; None when it speaks or nobody can tell.

    Asked before OpenCV opens the stream, because OpenCV lets the whole process open nothing else, no file either, for
    as long as it waits for an answer.
    """
    parts = urlsplit(url)
    if not parts.scheme.startswith("rtsp"):
        return None  # HTTP may lead through a proxy, and UDP has nobody to ask
    try:
        with socket.create_connection(
            (parts.hostname or "", parts.port or _PORTS[parts.scheme]), _LONG_PATIENCE
        ) as talk:
            if parts.scheme == "rtsp":
                talk.sendall(f"OPTIONS {_without_user(parts)} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
                talk.recv(1)
    except ConnectionRefusedError:
        return SourceLost(_REFUSES, _SWITCHED_ON)
    except TimeoutError:
        return SourceLost(_SILENT, _SWITCHED_ON)
    except OSError:
        return None
    return None


def why_no_host(url: str) -> SourceError | None:
    """What is wrong with the host's name, found by looking it up, which may block; None when it is known."""
    try:
        host, port = urlsplit(url.encode().decode()).hostname, urlsplit(url).port
    except ValueError:  # letters that cannot be encoded are one too; OpenCV would crash on them
        return SourceRefused("The address of the stream is not valid.", "Check the host and the port in it.")
    if not host:
        return None if urlsplit(url).scheme == "udp" else SourceRefused("The address names no host.", _EXAMPLE)
    try:
        socket.getaddrinfo(host, port)
    except OSError:
        return SourceLost(f"No computer called {host} can be found.", "Check the address and the network.")
    except UnicodeError:
        return SourceRefused("The address of the stream is not valid.", "Check the host in it.")
    return None


_EXAMPLE = "For example: rtsp://192.168.1.20/stream"


def _judge(parts: SplitResult, answer: _Answer) -> SourceError:
    """What an answer means; one that looks well came from a stream without pictures, or one that has just come back."""
    status = answer.status
    if status in (401, 403):
        return _unauthorised(parts)
    if status in (404, 410, 454):
        return SourceRefused("The stream's server has no stream at this address.", "Check the path in the address.")
    if 400 <= status < 500:
        return SourceRefused(f"The stream's server refused, with code {status}.", "Check the address.")
    if status >= 500:
        remedy = "Wait, or restart the camera or the server."
        return SourceLost(f"The stream's server is in trouble, code {status}.", remedy)
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/html"):
        remedy = "Give the address of the video itself, not of the page that shows it."
        return SourceRefused("The address leads to a web page, not to a video.", remedy)
    is_rtsp = parts.scheme.startswith("rtsp")
    if kind.startswith(("text/", "audio/", "application/json")) or (is_rtsp and "m=video" not in answer.body):
        return SourceRefused("There is no video at this address.", "Check the path in the address.")
    return SourceLost("The stream gives no pictures.", "Check that the camera or the sender is running.")


def _unauthorised(parts: SplitResult) -> SourceRefused:
    if parts.username:
        return SourceRefused("The stream's server did not accept the name or the password.", "Check them.")
    remedy = f"Put them into the address: {parts.scheme}://name:password@host/path"
    return SourceRefused("The stream's server wants a name and a password.", remedy)


def _plain(parts: SplitResult) -> str:
    return f"Check the address; try {parts.scheme.removesuffix('s')} instead of {parts.scheme}."


def _ask(parts: SplitResult) -> _Answer:
    """The server's answer, after up to three redirects and, if it wants a password that we have, with that.

    Raises `OSError` and, for no answer in the protocol, `ValueError`.
    """
    deadline = time.monotonic() + _PATIENCE
    answer = _exchange(parts, "", deadline)
    for _ in range(_REDIRECTS):
        target = answer.headers.get("location", "")
        if not 300 <= answer.status < 400 or not target:
            break
        parts = urlsplit(urljoin(parts.geturl(), target))
        answer = _exchange(parts, "", deadline)
    challenge = answer.headers.get("www-authenticate", "")
    if answer.status == 401 and parts.username and challenge:
        answer = _exchange(parts, _authorization(parts, challenge), deadline)
    return answer


def _exchange(parts: SplitResult, authorization: str, deadline: float) -> _Answer:
    if parts.scheme not in _PORTS:
        raise ValueError(parts.scheme)
    port = parts.port or _PORTS[parts.scheme]
    with socket.create_connection((parts.hostname or "", port), _left(deadline)) as plain:
        plain.settimeout(_left(deadline))
        connection = _secured(plain) if parts.scheme in ("rtsps", "https") else plain
        connection.sendall(_request(parts, authorization).encode())
        return _parsed(_received(connection, deadline))


def _secured(plain: socket.socket) -> socket.socket:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # as FFmpeg does: cameras sign their own certificates
    context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(plain)
    except ssl.SSLError as error:
        raise _NotSecureError(str(error)) from error


def _request(parts: SplitResult, authorization: str) -> str:
    extra = f"Authorization: {authorization}\r\n" if authorization else ""
    if parts.scheme.startswith("rtsp"):
        line = f"DESCRIBE {_without_user(parts)} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n"
    else:
        host = parts.netloc.rpartition("@")[2]
        line = f"GET {_path(parts)} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
    return f"{line}User-Agent: scene-narrator\r\n{extra}\r\n"


def _received(connection: socket.socket, deadline: float) -> bytes:
    """The head of the answer and what comes with it; a server that drips cannot hold us."""
    data = b""
    while not _is_complete(data) and len(data) < _MOST_BYTES:
        connection.settimeout(_left(deadline))
        piece = connection.recv(_MOST_BYTES)
        if not piece:
            break
        data += piece
    return data


def _is_complete(data: bytes) -> bool:
    """The whole head and, for RTSP, the whole description; the body of HTTP may be an endless video."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    return data.startswith(b"HTTP") or len(body) >= (int(length[1]) if length else 0)


def _parsed(data: bytes) -> _Answer:
    head, _, body = data.decode("latin-1").partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    status = re.match(r"(?:RTSP|HTTP)/\d\.\d (\d{3})", first)
    if not status:
        raise ValueError(first)
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in reversed(list(pairs))}
    return _Answer(int(status[1]), headers, body)


def _authorization(parts: SplitResult, challenge: str) -> str:
    """The answer to a Basic or Digest challenge (RFC 7617, RFC 7616 with MD5, which RTSP cameras use)."""
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if challenge.lower().startswith("basic"):
        return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
    asked = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))
    is_rtsp = parts.scheme.startswith("rtsp")
    method, uri = ("DESCRIBE", _without_user(parts)) if is_rtsp else ("GET", _path(parts))
    realm, nonce = asked.get("realm", ""), asked.get("nonce", "")
    secret, action = _md5(f"{user}:{realm}:{password}"), _md5(f"{method}:{uri}")
    given = f'username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}"'
    if "qop" not in asked:
        return f'Digest {given}, response="{_md5(f"{secret}:{nonce}:{action}")}"'
    ours = secrets.token_hex(8)
    response = _md5(f"{secret}:{nonce}:00000001:{ours}:auth:{action}")
    return f'Digest {given}, qop=auth, nc=00000001, cnonce="{ours}", response="{response}"'


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _without_user(parts: SplitResult) -> str:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
