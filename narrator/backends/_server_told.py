"""Which refusal of a server, and which exception of the client, means which of our errors.

The bodies of refusals differ from server to server; what is looked for in them are words that each one uses.
"""

import json
import re
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from socket import gaierror
from typing import Any
from urllib.parse import urlsplit

from narrator.backends._server_address import Address
from narrator.backends._server_errors import (
    AuthFailed,
    BadAddress,
    BadAnswer,
    BadRequest,
    Blocked,
    CannotSee,
    ContextTooLong,
    ModelNotFound,
    NameNotFound,
    NoCredit,
    NoKey,
    NotAServer,
    NotSecure,
    OutOfMemory,
    Overloaded,
    ProxyFailed,
    Redirected,
    TimedOut,
    TooLarge,
    TooMany,
    TooManyPictures,
    Truncated,
    Unreachable,
    Waking,
    WrongPath,
    failure,
)
from narrator.errors import BackendBusy, BackendError

_HOUR = 3600.0
_WORTH_A_NUMBER = 1.5
_MOST_DETAIL = 400
_MOST_NAMED = 4
_SAYING = ("error", "message", "code", "detail", "msg", "errors")
"""Where bodies say what is wrong; FastAPI's have `detail` and `msg`."""
_POINTING = ("param", "loc")
_ANY: tuple[int, ...] = ()
_BLIND = (
    r"(image|vision|multimodal|image_url)\S* (input |content )?(is|are) not supported|not (a |)multimodal"
    r"|(not|n't) support (image|vision|multimodal)|mmproj|not have vision|content part type: .*image"
    r"|cannot (see|process) image|missing data required for image|image_url is only supported"
)
_TOO_LONG = (
    r"exceed_context_size|context[ _](length|size|window)|maximum (input|context|model)|max_model_len"
    r"|longer than the (model|maximum)|must have less than \d+ tokens|`inputs` tokens|too many tokens"
)
_MODEL_MISSING = (
    r"\bmodels?\b.*(\bnot (exist|found|available)|n't exist)|\b(unknown|invalid|no such|not a valid) model\b"
    r"|\bmodel_not_found\b"
)
_RULES: tuple[tuple[tuple[int, ...], str, type[BackendError]], ...] = (
    (_ANY, r"unexpected endpoint", WrongPath),
    (_ANY, _BLIND, CannotSee),
    (_ANY, r"at most \d+ (image|picture)|too many images|(number of|maximum) images", TooManyPictures),
    (_ANY, _TOO_LONG, ContextTooLong),
    ((200, 400, 403, 404, 410, 422), _MODEL_MISSING, ModelNotFound),
    ((400,), r"api[ _-]?key|unauthori[sz]ed|credentials|access token", AuthFailed),
    ((403, 429), r"insufficient_quota|credit\b|\bbalance\b", NoCredit),
    ((402,), "", NoCredit),
    ((401, 403), "", AuthFailed),
    ((407,), "", ProxyFailed),
    ((413,), "", TooLarge),
    ((429,), "", TooMany),
    ((502, 503, 504), "", Waking),
    (_ANY, r"out of memory|\boom\b|failed to allocate|cuda error", OutOfMemory),
    (_ANY, r"content[ _](filter|policy)|safety", Blocked),
)
"""Status codes with what must stand in the message, the first that fits; no codes: any."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom we asked, for the words of an error; `secret` is kept out of its detail."""

    address: Address
    model: str = ""
    listed: Sequence[str] = ()
    secret: str = field(default="", repr=False)


class Refused(Exception):
    """An answer that is none: its status, its headers and as much of its body as was read."""

    def __init__(self, code: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(f"{code}")
        self.code, self.headers = code, headers
        self.text = body.decode("utf-8", "replace")
        self.kind = headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_page(self) -> bool:
        return "html" in self.kind or self.text.lstrip()[:1] == "<"

    @property
    def message(self) -> str:
        """What the server says, and its own code for it.

        The kind of error, which is "invalid_request_error" for most, would be taken for a part of what it says.
        """
        return self._texts(_SAYING)

    @property
    def complaint(self) -> str:
        """The same, with the field that it is about."""
        return self._texts((*_SAYING, *_POINTING))

    def _texts(self, names: Sequence[str]) -> str:
        try:
            return " ".join(_said(json.loads(self.text), names))
        except (ValueError, RecursionError):
            return "" if self.is_page else self.text

    @property
    def retry_after(self) -> float:
        """Seconds that the server asks to wait, an hour at most; 0 when it does not."""
        told = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"\d{1,9}(\.\d+)?", told):
            return min(_HOUR, float(told))
        try:
            return min(_HOUR, max(0.0, parsedate_to_datetime(told).timestamp() - time.time()))
        except (ValueError, TypeError, IndexError):
            return 0.0


def expected() -> tuple[type[Exception], ...]:
    """What asking may raise; anything else is a fault of ours."""
    import httpx2

    transport = (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError)
    return BackendError, Refused, *transport, ValueError, OSError


def told(error: BaseException, asked: Asked) -> BackendError:
    """What an exception means."""
    if isinstance(error, BackendError):
        return error
    if isinstance(error, Refused):
        return _refusal(error, asked)
    kind = _transport_kind(error)
    return failure(kind, _clean(f"{type(error).__name__}: {error}", asked.secret), place=asked.address.place)


def missing(asked: Asked) -> ModelNotFound:
    """That the server has no such model, with those that it has."""
    return failure(ModelNotFound, "by its list of models", model=asked.model, choices=_choices(asked))


def limit_of(detail: str) -> int:
    """The most pictures that a refusal tells of; 0 when it tells none."""
    found = re.search(r"at most (\d+)|max\w* (?:of )?(\d+)", detail, re.IGNORECASE)
    return int(found[1] or found[2]) if found else 0


def _refusal(refused: Refused, asked: Asked) -> BackendError:
    message = refused.message
    kind = _refusal_kind(refused, message)
    if kind is AuthFailed and not asked.secret:
        kind = NoKey
    detail = _clean(f"{refused.code} {refused.complaint or refused.text}", asked.secret)
    error = failure(kind, detail, **_words(refused, asked, detail))
    if isinstance(error, BackendBusy):
        error.rest = refused.retry_after
    return error


def _refusal_kind(refused: Refused, message: str) -> type[BackendError]:
    if 300 <= refused.code < 400:
        return Redirected
    if refused.is_page and refused.code < 400:
        return NotAServer
    for codes, pattern, kind in _RULES:
        if (not codes or refused.code in codes) and re.search(pattern, message, re.IGNORECASE):
            return kind
    if refused.code in (404, 405, 501):
        return ModelNotFound if re.search(r"\bmodel\b", message, re.IGNORECASE) else WrongPath
    if refused.code < 400:
        return BadAnswer
    return BadRequest if refused.code < 500 else Overloaded


def _words(refused: Refused, asked: Asked, detail: str) -> dict[str, Any]:
    rest = refused.retry_after
    return {
        "place": asked.address.place,
        "path": asked.address.path,
        "model": asked.model,
        "choices": _choices(asked),
        "target": _origin(refused.headers.get("location", "")) or "the other address",
        "limit": _at_most(limit_of(detail)),
        "wait": f"{rest:.0f} seconds" if rest >= _WORTH_A_NUMBER else "a little",
    }


def _at_most(limit: int) -> str:
    return f"{limit} picture{'' if limit == 1 else 's'} at most" if limit else "fewer pictures"


def _choices(asked: Asked) -> str:
    """Which models there are, the nearest to the wanted name first."""
    near = get_close_matches(asked.model, asked.listed, _MOST_NAMED, 0.3)
    names = list(dict.fromkeys([*near, *asked.listed]))[:_MOST_NAMED]
    if not names:
        return "Choose another in server.model."
    more = " and others" if len(asked.listed) > len(names) else ""
    return f"It has {', '.join(names)}{more}. Choose one in server.model."


def _origin(location: str) -> str:
    """Scheme, host and path of where a redirect points to, without what may be secret in it."""
    try:
        parts = urlsplit(location)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if not host or not host.isascii() or not parts.path.isascii():
        return ""
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"[:200]


def _transport_kind(error: BaseException) -> type[BackendError]:
    import httpx2

    kinds: tuple[tuple[tuple[type[BaseException], ...], type[BackendError]], ...] = (
        ((ssl.SSLError,), NotSecure),
        ((gaierror,), NameNotFound),
        ((httpx2.ProxyError,), ProxyFailed),
        ((httpx2.UnsupportedProtocol, httpx2.InvalidURL), BadAddress),
        ((httpx2.ConnectTimeout, httpx2.ConnectError), Unreachable),
        ((httpx2.TimeoutException, TimeoutError), TimedOut),
        ((httpx2.HTTPError, httpx2.StreamError), Truncated),
        ((OSError,), Unreachable),
    )
    return next((kind for types, kind in kinds if _caused_by(error, types)), BadAnswer)


def _caused_by(error: BaseException | None, kinds: tuple[type[BaseException], ...]) -> bool:
    while error is not None and not isinstance(error, kinds):
        error = error.__cause__ or error.__context__
    return error is not None


def _said(value: Any, names: Sequence[str]) -> list[str]:
    """The texts and numbers under these names in a body."""
    if isinstance(value, dict):
        return [text for name in names for text in _said(value.get(name), names)]
    if isinstance(value, list):
        return [text for entry in value for text in _said(entry, names)]
    return [str(value)] if isinstance(value, str | int | float) and not isinstance(value, bool) else []


def _clean(text: str, secret: str) -> str:
    """One line for the log, without the secret, and without a picture that a server may send back."""
    text = text.replace(secret, "…") if secret else text
    text = re.sub(r"data:image/[^\s\"']*", "data:image…", text)
    text = re.sub(r"[A-Za-z0-9+/=_-]{120,}", "…", text)
    return " ".join(text.split())[:_MOST_DETAIL]
