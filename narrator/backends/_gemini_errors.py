"""What goes wrong with Gemini: one class a row of the table, its words as data, and which exception means which."""

import re
import ssl
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from socket import gaierror
from typing import Any, TypeVar

from narrator.errors import AnswerCut, BackendBusy, BackendError, BackendRefused, PartMissing

_HOUR = 3600.0
_DAY = 24 * _HOUR
_MIDNIGHT = 8 * _HOUR
"""The service's day begins at midnight in California, in winter at 8 UTC; in summer the hourly try hits it."""
_CLOCK_MAY_DIFFER = 300.0
"""Seconds; Google takes no signed time that is further off."""
_MOST_DETAIL = 400


class AuthFailed(BackendRefused):
    """The key is wrong, expired or blocked."""


class NoKey(AuthFailed):
    """There is no key at all."""


class NoCredentials(AuthFailed):
    """Vertex AI was chosen, and nobody is logged in on this machine."""


class NoProject(AuthFailed):
    """Vertex AI was chosen, with neither a project nor a key."""


class AccessDenied(BackendRefused):
    """The key is right, its project may not do this."""


class WrongRegion(AccessDenied):
    """The service is not offered where the request comes from."""


class ModelNotFound(BackendRefused):
    """There is no such model, and none to take its place."""


class ModelReplaced(BackendError):
    """There is no such model any more; another took its place."""

    told_from = 3  # it has a notice of its own
    reopens = True


class BadAddress(BackendRefused):
    """`gemini.base_url` is no address."""


class BadRequest(BackendError):
    """The service takes the request for wrong: a fault of ours, or a setting that the model does not take."""


class QuotaExceeded(BackendBusy):
    """Too many requests or tokens within a minute. `a_minute` is how many requests are allowed, 0 if not told."""

    reopens = True

    def __init__(
        self, sentence: str, remedy: str = "", detail: str = "", *, rest: float = 0.0, a_minute: float = 0.0
    ) -> None:
        super().__init__(sentence, remedy, detail, rest=rest)
        self.a_minute = a_minute


class DailyQuotaExceeded(QuotaExceeded):
    """No more today; tried again each hour."""


class Overloaded(BackendBusy):
    """The service has no room, or failed."""

    told_from = 3


class Blocked(BackendError):
    """The service declined to answer, before its first word or in the middle."""


class TimedOut(BackendError):
    """No first word, or no end, within the time that we allow."""

    told_from = 3


class NetworkDown(BackendBusy):
    """The service cannot be reached."""


class NameNotFound(NetworkDown):
    """The name of the service has no address: mostly no network at all."""


class NotSecure(NetworkDown):
    """The service's certificate is not trusted, or there is none."""


class ProxyFailed(NetworkDown):
    """The proxy does not pass it on."""


class Redirected(NetworkDown):
    """Somebody else answered and pointed elsewhere; the key does not follow."""


class ClockSkew(BackendBusy):
    """The clock of this machine is too far off for certificates and logins."""


class Truncated(AnswerCut):
    """The answer ended without its end."""


class OutOfTokens(Truncated):
    """The answer reached the most tokens that it may have."""


class BadAnswer(BackendError):
    """The answer is not what the service documents."""

    told_from = 3


class VideoUnreadable(BackendError):
    """A video that is part of a question cannot be read or sent."""


class MissingDependency(PartMissing):
    """google-genai is not installed."""


_WORDS: Mapping[type[BackendError], tuple[str, str]] = {
    AuthFailed: (
        "Gemini does not accept the key.",
        "Give another key in the settings, or with: scene-narrator key set gemini",
    ),
    NoKey: ("No key for Gemini was found.", "scene-narrator key set gemini"),
    NoCredentials: (
        "Nobody is logged in to Vertex AI on this computer.",
        "gcloud auth application-default login",
    ),
    NoProject: (
        "Vertex AI needs a project or a key.",
        "Set gemini.project, or store a key with: scene-narrator key set gemini",
    ),
    AccessDenied: (
        "This Google project may not use Gemini.",
        "Enable the Gemini API for the project, and check its region and its billing.",
    ),
    WrongRegion: (
        "Gemini is not offered in this region.",
        "Use a project with billing, or Vertex AI with a location that has it.",
    ),
    ModelNotFound: ("The model {model} does not exist.", "Choose another in the settings: gemini.model"),
    ModelReplaced: ("The model {model} no longer exists; {other} answers now.", "Choose another in the settings."),
    BadAddress: (
        "The address in gemini.base_url cannot be used.",
        "Give one like https://host/path, or leave it empty.",
    ),
    BadRequest: (
        "Gemini refused the request.",
        "A setting of Gemini may not fit the model; the log says more.",
    ),
    QuotaExceeded: ("Too many requests, waiting {seconds} seconds.", "The pace slows down by itself."),
    DailyQuotaExceeded: (
        "Today's free allowance is used up.",
        "Choose another model or another key, or wait until tomorrow.",
    ),
    Overloaded: ("Gemini is overloaded.", "It is tried again by itself."),
    Blocked: ("Gemini declined to describe this picture.", ""),
    TimedOut: ("Gemini is slow.", "Ask for less detail: a lower history.tokens or gemini.media_resolution."),
    NetworkDown: ("No connection to Gemini.", "Check the network and the proxy; it is tried again by itself."),
    NameNotFound: (
        "No connection to Gemini: its name cannot be looked up.",
        "Check that this computer is online, and the address in gemini.base_url.",
    ),
    NotSecure: (
        "No secure connection to Gemini.",
        "A proxy or a virus scanner may stand between; its certificate must be installed on this computer.",
    ),
    ProxyFailed: ("The proxy does not let Gemini through.", "Check the proxy's address and password in HTTPS_PROXY."),
    Redirected: (
        "Another server answers in Gemini's place.",
        "The network may want a sign-in in the browser first; check the address in gemini.base_url, too.",
    ),
    ClockSkew: ("The clock of this computer is wrong, so Gemini cannot be used.", "Set its date and time."),
    Truncated: ("Gemini's answer broke off.", ""),
    OutOfTokens: ("Gemini's answer was cut at the most tokens that it may have.", "Raise gemini.max_tokens."),
    BadAnswer: ("Gemini's answer could not be read.", "It is tried again by itself; the log says more."),
    VideoUnreadable: ("The video cannot be read.", "Check the file and its size."),
    MissingDependency: ("Gemini support is not installed.", "pip install 'scene-narrator[gemini]'"),
}

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

Kind = TypeVar("Kind", bound=BackendError)


def failure(kind: type[Kind], detail: str = "", **words: object) -> Kind:
    """An error of this kind in its own words; `words` fill their places, `detail` is for the log."""
    sentence, remedy = _WORDS[kind]
    return kind(sentence.format(**words), remedy.format(**words), detail)


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
    detail = _clean(f"{type(error).__name__}: {error}", secret)
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
    if rest:
        limited = failure(QuotaExceeded, f"{detail} {ids}", seconds=f"{rest:.0f}" if rest >= 1 else "a few")
    else:
        limited = QuotaExceeded("Too many requests for now.", _WORDS[QuotaExceeded][1], f"{detail} {ids}")
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
