"""What goes wrong with Gemini: one class a row of the table, and its words as data."""

from collections.abc import Mapping
from typing import TypeVar

from narrator import installing
from narrator.errors import AnswerCut, BackendBusy, BackendError, BackendRefused, PartMissing


class AuthFailed(BackendRefused):
    """The key is wrong, expired or blocked."""

    reopens = True


class NoKey(AuthFailed):
    """There is no key at all."""


class NoCredentials(AuthFailed):
    """Vertex AI was chosen, and nobody is logged in on this machine."""


class NoProject(AuthFailed):
    """Vertex AI was chosen, with neither a project nor a key."""


class AccessDenied(BackendRefused):
    """The key is right, its project may not do this."""

    reopens = True


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


class BadLocation(BackendRefused):
    """`gemini.location` is no name of a region."""


class Offline(BackendRefused):
    """The network is switched off, and the service or its login needs it."""


class BadRequest(BackendError):
    """The service takes the request for wrong: a fault of ours, or a setting that the model does not take."""

    is_final = True
    is_billed = False


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

    is_final = True


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

    at_length = True


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
    BadLocation: (
        "The region in gemini.location cannot be used.",
        "Give one like europe-west4, or leave it at global.",
    ),
    Offline: (
        "Gemini needs the network, which is switched off.",
        "Switch network.offline off. With gemini.project, Vertex AI logs in with Google, wherever it is.",
    ),
    BadRequest: (
        "Gemini refused the request.",
        "A setting of Gemini may not fit the model; the log says more.",
    ),
    QuotaExceeded: ("Too many requests, waiting {wait}.", "The pace slows down by itself."),
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
    MissingDependency: ("Gemini support is not installed.", f"Install it: {installing.command('gemini')}"),
}

Kind = TypeVar("Kind", bound=BackendError)


def failure(kind: type[Kind], detail: str = "", **words: object) -> Kind:
    """An error of this kind in its own words; `words` fill their places, `detail` is for the log."""
    sentence, remedy = _WORDS[kind]
    return kind(sentence.format(**words), remedy.format(**words), detail)
