"""What goes wrong with a server: one class a behaviour, and its words as data."""

from collections.abc import Mapping
from typing import TypeVar

from narrator.errors import AnswerCut, BackendBusy, BackendError, BackendRefused


class NoAddress(BackendRefused):
    """Neither `server.url` nor a preset says where the server is."""


class BadAddress(BackendRefused):
    """`server.url` is no address, or holds more than one may."""


class NotEncrypted(BackendRefused):
    """Plain http to a server beyond the own network, which the user has not allowed."""


class Offline(BackendRefused):
    """The network is switched off."""


class AuthFailed(BackendRefused):
    """The server does not take the key."""

    reopens = True


class NoKey(AuthFailed):
    """The server wants a key, and there is none."""


class NoCredit(BackendRefused):
    """The account behind the key may spend nothing more."""

    reopens = True


class WrongPath(BackendRefused):
    """There is a server, but not under this path."""


class NotAServer(BackendRefused):
    """A web page answers, or something else that is no model server."""


class Redirected(BackendRefused):
    """The server points elsewhere; neither the key nor a picture follows."""


class NotSecure(BackendRefused):
    """The server's certificate is not trusted, or it does not speak TLS."""


class ModelNotFound(BackendRefused):
    """The server does not have the model."""


class NoModel(BackendRefused):
    """The server has no model at all."""


class CannotSee(BackendRefused):
    """The model takes no pictures."""


class BadExtra(BackendRefused):
    """`server.extra` is no JSON object."""


class ContextTooSmall(BackendRefused):
    """Not even one small picture fits."""


class TooLarge(BackendError):
    """The request has too many bytes for the server; the next one has fewer pictures."""

    reopens = True


class ContextTooLong(BackendError):
    """The pictures do not fit into the context; the next request has fewer."""

    reopens = True
    told_from = 3


class TooManyPictures(BackendError):
    """The server takes fewer pictures in a request; it told how many."""

    reopens = True
    told_from = 3


class BadRequest(BackendError):
    """The server takes the request for wrong."""

    is_billed = False


class OutOfMemory(BackendError):
    """The server ran out of memory."""


class Blocked(BackendError):
    """The server declined to answer."""

    is_final = True


class BadAnswer(BackendError):
    """The answer is not what the protocol has."""

    told_from = 3


class OnlyThoughts(BackendError):
    """All that came was the model's thinking, which is not spoken."""

    told_from = 2


class Echoed(BackendError):
    """All that came was the prompt, which is not spoken."""

    told_from = 2


class TimedOut(BackendError):
    """No first word within the time that we allow."""

    told_from = 3


class TooMany(BackendBusy):
    """Too many requests; it may be asked again after `rest` seconds."""


class Overloaded(BackendBusy):
    """The server failed or has no room."""

    told_from = 3


class Unreachable(BackendBusy):
    """Nobody answers."""

    reopens = True


class NameNotFound(Unreachable):
    """The server's name has no address."""


class ProxyFailed(Unreachable):
    """The proxy does not pass it on."""


class Waking(Unreachable):
    """The server starts, or loads its model, because it was asked."""


class StillAsleep(Unreachable):
    """It was waited for as long as `server.wake_within` says."""


class Truncated(AnswerCut):
    """The answer ended without its end."""


class OutOfTokens(Truncated):
    """The answer reached the most tokens that it may have."""

    at_length = True


class Endless(AnswerCut):
    """The answer did not end, in time or in length."""


_URL = "Check the address in server.url."
_AGAIN = "It is tried again by itself."
_WORDS: Mapping[type[BackendError], tuple[str, str]] = {
    NoAddress: ("No server was chosen.", "Give its address in server.url, or choose one in server.preset."),
    BadAddress: (
        "The address in server.url cannot be used.",
        "Give one like https://host/v1, and the key, if there is one, with: scene-narrator key set server",
    ),
    NotEncrypted: (
        "Pictures would go to {place} without encryption, so nothing was sent.",
        "Give an address that begins with https, or allow it in server.allow_http.",
    ),
    Offline: ("The server {place} needs the network, which is switched off.", "Switch network.offline off."),
    AuthFailed: ("The server {place} does not accept the key.", "Give another with: scene-narrator key set server"),
    NoKey: ("The server {place} wants a key.", "scene-narrator key set server"),
    NoCredit: ("The account at {place} has no credit left.", "Look at the account there, or choose another server."),
    WrongPath: (
        "The server {place} answers, but not under the path {path}.",
        "Check the end of the address in server.url; it mostly ends in /v1.",
    ),
    NotAServer: (
        "What answers at {place} is not a model server.",
        "Check server.url, which mostly ends in /v1. The network may also want a sign-in in the browser first.",
    ),
    Redirected: (
        "The server {place} points to another address, and nothing was sent there.",
        "If you trust {target}, put it in server.url.",
    ),
    NotSecure: (
        "No secure connection to the server {place}.",
        "Its certificate must be trusted by this computer. If it speaks http only, say so in server.url.",
    ),
    ModelNotFound: ("The server has no model {model}.", "{choices}"),
    NoModel: ("The server {place} has no model.", "Load one there, or name it in server.model."),
    CannotSee: (
        "The model {model} reads text only and cannot see.",
        "Choose a model for pictures in server.model; llama-server needs its projector file, too, with --mmproj.",
    ),
    BadExtra: ("What is in server.extra cannot be sent.", 'Give a JSON object, for example {{"top_k": 20}}'),
    ContextTooSmall: (
        "Not even one picture fits into the model's context.",
        "Start the server with a larger context, or lower server.side.",
    ),
    TooLarge: (
        "The request was too large for the server {place}; fewer pictures are sent now.",
        "Raise the limit there, or lower history.tokens.",
    ),
    ContextTooLong: (
        "The pictures did not fit into the model's context; fewer are sent now.",
        "Start the server with a larger context, or lower history.tokens.",
    ),
    TooManyPictures: (
        "The server takes {limit}; no more are sent now.",
        "For vLLM the limit is set with --limit-mm-per-prompt.",
    ),
    BadRequest: (
        "The server refused the request.",
        "A setting of the server may not fit the model; the log says more.",
    ),
    OutOfMemory: (
        "The server ran out of memory.",
        "Choose a smaller model there, or lower history.tokens and server.side.",
    ),
    Blocked: ("The server declined to describe this picture.", ""),
    BadAnswer: ("The server's answer could not be read.", f"{_AGAIN} The log says more."),
    OnlyThoughts: (
        "The model spent its whole answer on thinking.",
        "Choose a model that does not think, or switch it off in server.extra.",
    ),
    Echoed: (
        "The model repeats the question in place of an answer.",
        "Choose a model that is made for chat, or give the server its chat template.",
    ),
    TimedOut: (
        "The server {place} is slow.",
        "Choose a smaller model there, or lower history.tokens and server.side.",
    ),
    TooMany: ("Too many requests to the server, waiting {wait}.", _AGAIN),
    Overloaded: ("The server {place} is overloaded or failed.", f"{_AGAIN} The log says more."),
    Unreachable: ("No server answers at {place}.", f"Start it, or check the address in server.url. {_AGAIN}"),
    NameNotFound: (
        "The name of the server {place} cannot be looked up.",
        f"Check that this computer is online. {_URL}",
    ),
    ProxyFailed: ("The proxy does not let the server {place} through.", "Check the proxy in HTTPS_PROXY."),
    Waking: ("The server {place} is waking up; that may take some minutes.", f"If it goes on: {_URL}"),
    StillAsleep: ("The server {place} did not wake up.", f"Look at it there, or raise server.wake_within. {_AGAIN}"),
    Truncated: ("The server's answer broke off.", ""),
    OutOfTokens: ("The server's answer was cut at the most tokens that it may have.", "Raise server.max_tokens."),
    Endless: ("The server does not end its answers.", "Give the server the model's chat template, or another model."),
}

Kind = TypeVar("Kind", bound=BackendError)


def failure(kind: type[Kind], detail: str = "", *, rest: float = 0.0, **words: object) -> Kind:
    """An error of this kind in its own words; `words` fill their places, `detail` is for the log."""
    sentence, remedy = _WORDS[kind]
    error = kind(sentence.format(**words), remedy.format(**words), detail)
    if isinstance(error, BackendBusy):
        error.rest = rest
    return error


def once(error: BackendError) -> BackendError:
    """The error without a word of what would follow: of a trial nothing does."""
    if isinstance(error, TooMany):
        error.sentence, error.remedy = "Too many requests to the server.", "Wait a little, and try again."
    error.remedy = error.remedy.replace(_AGAIN, "").strip()
    return error
