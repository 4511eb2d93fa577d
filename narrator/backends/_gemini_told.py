"""Which exception of Gemini's client, and which refusal of the service, means which of our errors."""

import re
import ssl
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from socket import gaierror
from typing import Any

from narrator.backends._gemini_errors import (
    AccessDenied,
    AuthFailed,
    BadAddress,
    BadAnswer,
    BadRequest,
    ClockSkew,
    DailyQuotaExceeded,
    ModelNotFound,
    NameNotFound,
    NetworkDown,
    NoCredentials,
    NotSecure,
    Overloaded,
    ProxyFailed,
    QuotaExceeded,
    Redirected,
    TimedOut,
    Truncated,
    WrongRegion,
    failure,
)
from narrator.errors import BackendBusy, BackendError

_HOUR = 3600.0
_DAY = 24 * _HOUR
_MIDNIGHT = 8 * _HOUR
"""The service's day begins at midnight in California, in winter at 8 UTC; in summer the hourly try hits it."""
_CLOCK_MAY_DIFFER = 300.0
"""Seconds; Google takes no signed time that is further off."""
_WORTH_A_NUMBER = 1.5
_MOST_DETAIL = 400
_REFUSALS: tuple[tuple[tuple[int, ...], str, type[BackendError]], ...] = (
    ((400, 403), r"user location|not available in your country|region", WrongRegion),
    ((400, 401, 403), r"API_KEY_(?!SERVICE)|key (not valid|expired|not found|was reported)|unregistered", AuthFailed),
    ((401,), "", AuthFailed),
    ((402, 403), "", AccessDenied),
    ((404,), "", ModelNotFound),
    ((407,), "", ProxyFailed),
    ((408, 499, 500, 502, 503, 504, 529), "", Overloaded),
)
"""Status codes with what must stand in the reason, the status or the message, the first that fits."""


def expected() -> tuple[type[Exception], ...]:
    """What asking may raise; anything else is a fault of ours. google-genai must be installed."""
    import httpx2
    from google.auth.exceptions import GoogleAuthError
    from google.genai.errors import APIError

    transport = (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError)
    return BackendError, APIError, GoogleAuthError, *transport, ValueError, OSError


def told(error: BaseException, model: str, secret: str) -> BackendError:
    """What an exception of the client means; `secret` is kept out of the detail."""
    from google.auth.exceptions import GoogleAuthError
    from google.genai.errors import APIError

    if isinstance(error, BackendError):
        return error
    if isinstance(error, APIError):
        return _refusal(_Refusal(error), model, secret)
    detail = type(error).__name__
    if not isinstance(error, ValueError):  # what cannot be read is quoted in the text of these: words of an answer
        detail = _clean(f"{detail}: {error}", secret)
    if isinstance(error, GoogleAuthError):
        return failure(_login_kind(error), detail)
    return failure(_transport_kind(error), detail)


class _Refusal:
    """The parts of an error that the service sent: tolerant of any shape."""

    def __init__(self, error: Any) -> None:
        body = error.details if isinstance(error.details, dict) else {}
        inner = body.get("error")
        body = inner if isinstance(inner, dict) else body
        self.code = int(error.code or 0)
        self.status, self.message = str(body.get("status") or ""), str(body.get("message") or "")
        details = body.get("details")
        self._details = [item for item in details if isinstance(item, dict)] if isinstance(details, list) else []
        self.headers: Mapping[str, str] = getattr(error.response, "headers", None) or {}

    @property
    def text(self) -> str:
        """All that a rule may look at."""
        return " ".join([self.status, self.message, *(str(item.get("reason", "")) for item in self._details)])

    @property
    def violations(self) -> Iterator[Mapping[str, Any]]:
        for item in self._details:
            found = item.get("violations")
            yield from (entry for entry in found if isinstance(entry, dict)) if isinstance(found, list) else ()

    @property
    def retry_after(self) -> float:
        """Seconds that the service asks to wait; 0 when it does not."""
        delays = [str(item["retryDelay"]) for item in self._details if "retryDelay" in item]
        delays.append(str(self.headers.get("retry-after", "")))
        found = (re.fullmatch(r"(\d+(\.\d+)?)s?", delay.strip()) for delay in delays)
        return next((float(match[1]) for match in found if match), 0.0)

    @property
    def seconds_off(self) -> float:
        """How far the clock of this machine is from the service's; 0 when that is not told."""
        try:
            return abs(parsedate_to_datetime(self.headers["date"]).timestamp() - time.time())
        except (KeyError, ValueError, TypeError):
            return 0.0


def _refusal(refusal: _Refusal, model: str, secret: str) -> BackendError:
    detail = _clean(f"{refusal.code} {refusal.text}", secret)
    if refusal.code == 429:
        return _quota(refusal, detail)
    kind = _refusal_kind(refusal)
    if kind is AuthFailed and refusal.seconds_off > _CLOCK_MAY_DIFFER:
        kind = ClockSkew
    error = failure(kind, detail, model=model)
    if isinstance(error, BackendBusy):
        error.rest = refusal.retry_after
    return error


def _refusal_kind(refusal: _Refusal) -> type[BackendError]:
    for codes, pattern, kind in _REFUSALS:
        if refusal.code in codes and re.search(pattern, refusal.text, re.IGNORECASE):
            return kind
    if 300 <= refusal.code < 400:
        return Redirected
    return BadRequest if refusal.code < 500 else Overloaded


def _quota(refusal: _Refusal, detail: str) -> QuotaExceeded:
    violations = list(refusal.violations)
    ids = [str(entry.get("quotaId", "")) for entry in violations]
    values = [str(entry.get("quotaValue", "")) for entry in violations]
    if any("PerDay" in id_ for id_ in ids) or "0" in values or re.search(r"limit: 0\b", refusal.message):
        error = failure(DailyQuotaExceeded, f"{detail} {ids}")
        error.rest = min(_HOUR, (_MIDNIGHT - time.time()) % _DAY or _DAY)
        return error
    rest = refusal.retry_after
    wait = f"{rest:.0f} seconds" if rest >= _WORTH_A_NUMBER else "a little"
    limited = failure(QuotaExceeded, f"{detail} {ids}", wait=wait)
    limited.rest = rest
    allowed = [
        float(value)
        for id_, value in zip(ids, values, strict=True)
        if "Requests" in id_ and "PerMinute" in id_ and value.isdigit()
    ]
    limited.a_minute = min(allowed, default=0.0)
    return limited


def _login_kind(error: Exception) -> type[BackendError]:
    from google.auth.exceptions import DefaultCredentialsError, TransportError

    if isinstance(error, TransportError):
        return _transport_kind(error) if _cause(error, (gaierror, ssl.SSLError)) else NetworkDown
    if re.search(r"clock|\biat\b|\bexp\b|short-lived", str(error)):
        return ClockSkew
    return NoCredentials if isinstance(error, DefaultCredentialsError) else AuthFailed


def _transport_kind(error: BaseException) -> type[BackendError]:
    import httpx2

    unverified = _cause(error, (ssl.SSLCertVerificationError,))
    if unverified is not None:
        return ClockSkew if re.search("not yet valid|expired", str(unverified), re.IGNORECASE) else NotSecure
    kinds: tuple[tuple[tuple[type[BaseException], ...], type[BackendError]], ...] = (
        ((ssl.SSLError,), NotSecure),
        ((gaierror,), NameNotFound),
        ((httpx2.ProxyError,), ProxyFailed),
        ((httpx2.UnsupportedProtocol, httpx2.InvalidURL), BadAddress),
        ((httpx2.ConnectTimeout, httpx2.ConnectError), NetworkDown),
        ((httpx2.TimeoutException, TimeoutError), TimedOut),
        ((httpx2.HTTPError, httpx2.StreamError), Truncated),
        ((OSError,), NetworkDown),
    )
    return next((kind for types, kind in kinds if _cause(error, types)), BadAnswer)


def _cause(error: BaseException, kinds: tuple[type[BaseException], ...]) -> BaseException | None:
    """The first of an exception and what led to it that is of these kinds."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, kinds):
        found = found.__cause__ or found.__context__
    return found


def _clean(text: str, secret: str) -> str:
    """One line for the log, without the secret."""
    text = text.replace(secret, "…") if secret else text
    return " ".join(text.split())[:_MOST_DETAIL]
