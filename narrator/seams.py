"""What a plug-in is: one file with a `SPEC` at its top and one class behind one of three small interfaces.

A plug-in module imports without its heavy packages; they are imported in `open`. It defines `SPEC` and
`create(...)`: `create(address, context)` for a source, `create(argument, context)` for a backend or a voice, where
`argument` is what follows the colon in `wav:FILE`. `create` does no work and never fails. A source may also define
`title(address)`, what it is called in a sentence ("camera 0", "the stream"), and `choices()`, the addresses that this
machine offers now, each with its title.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from narrator.mailbox import Latest
from narrator.messages import Citation, Delta, Notice, Picture, Prompt, Rectangle, Run, Usage, Utterance
from narrator.network import Network

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, declared once; its type is the type of its default."""

    key: str
    default: Value
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    restarts: str = ""
    """What starts anew when it changes: "source", "voice", "backend" or "" for nothing."""
    path_to: str = ""
    """What it leads to when it may be a path: "file" or "folder"."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What the registry knows of a plug-in without importing anything heavy."""

    id: str
    title: str
    help: str
    packages: tuple[str, ...] = ()
    """Import names that `open` needs beyond the core's own."""
    extra: str = ""
    """The extra of pyproject that brings them."""
    platforms: tuple[str, ...] = ()
    """Values of `sys.platform` it works on; empty for all."""
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceSpec(Spec):
    """How `--source` finds it: by `scheme:` (or a bare scheme word), by file suffix, or as a folder."""

    schemes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    """Lower case with the dot; ("*",) takes every file that no other source claims."""
    folders: bool = False
    example: str = ""
    needs_network: bool = False


@dataclass(frozen=True, slots=True)
class VoiceSpec(Spec):
    """`is_heard` is False for a voice that makes no sound: then captions are announced to a screen reader."""

    is_heard: bool = True
    default_on: tuple[str, ...] = ()
    """Values of `sys.platform` where it is what `auto` means; "*" for where no other is."""


@dataclass(frozen=True, slots=True)
class BackendSpec(Spec):
    """What is known of a describer before it is opened.

    A module whose `is_remote` is True also defines `destination(options) -> str`, the host that pictures would go to
    (empty when that is this machine), and `check(context) -> str`, a sentence that says whether key and service work
    (raises `BackendError`).
    One with a `preference` that needs more than a key also defines `ready(options) -> str`, the title of the model
    that would answer, empty when there is none: no model on this machine, no server named.
    Any backend may define `offers(key, listed) -> [(value, title)]`, what a setting of its may well be (the models
    that it knows, with prices, say), and `ignored(options) -> {key: reason}`, which of its settings have no effect with
    these.
    """

    is_remote: bool = False
    """Pictures leave this machine: the user is asked first, and `network.offline` forbids it."""
    key_variables: tuple[str, ...] = ()
    """Environment variables that may hold its key, the first that is set counts; empty when it takes none."""
    binds_key: bool = False
    """Its key is for one host: the module defines `key_host(options) -> str`, "host:port" or empty, with which a key is
    kept. `Context.key` tells the one that was kept for a host when asked for `id@host:port`, and when asked for the id
    alone that of the environment, which is bound to none."""
    own_domain: str = ""
    """The service's own: to hosts outside of it, a key goes only after the user agreed."""
    needs_key: bool = False
    """Without a key it is no use."""
    preference: int = 0
    """Of those that are ready `auto` takes the one with the highest; 0 for one that is used only when it is named."""
    is_local: bool = False
    """It runs a model on this machine, which the user has fetched or named."""
    is_alone: bool = False
    """No other describer cues it or stands in for it."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a million tokens."""

    tokens_in: float
    tokens_out: float
    cached: float

    def cost(self, tokens_in: int, tokens_out: int, cached: int = 0) -> float:
        """US dollars; `cached` are those of `tokens_in` that were not read anew."""
        fresh = (tokens_in - cached) * self.tokens_in
        return (fresh + cached * self.cached + tokens_out * self.tokens_out) / 1e6


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do, as data that is checked before a call."""

    max_images: int = 0
    full_side: int = 768
    """Longest side in pixels of a picture that is sent whole."""
    details: tuple[str, ...] = ("",)
    """Levels of detail that a picture may be sent with, cheapest first; ("",) where there is but one."""
    per_image_detail: bool = False
    """Pictures of one request may have different levels."""
    frames_a_second: float = 0.0
    """So many pictures of one size, as a video; 0 for pictures of any size and age, and contact sheets of them."""
    chat: bool = False
    system_prompt: bool = False
    context_tokens: int = 0
    prefix_cache: bool = False
    streams: bool = False
    cancels: str = "token"
    """"socket", "token", "process" or "no"."""
    needs_network: bool = False
    pictures_leave_device: bool = False
    min_gap: float = 0.0
    """Seconds that two requests which no cut causes are kept apart."""
    heartbeat: float = 0.0
    """Seconds after which it is asked even when nothing is new; 0 for never."""
    prices: Prices | None = None
    """What its tokens cost; None when it is free of charge."""
    frame_lasts: float = 0.0
    """Seconds that a picture may be old when the words about it begin, where that is more than the user allows all."""
    first_word_within: float = 8.0
    answer_within: float = 20.0
    """Deadlines in seconds that the backend keeps by itself."""


_FIRST_CLAUSE = 5.0
"""Seconds from the first word to the end of the first clause, where words come slowly."""


def frame_lasts(first_word_within: float) -> float:
    """`Capabilities.frame_lasts` of a model that is slow by nature: what it says in its own time is not dropped for it.

    Whether it is still true is asked all the same.
    """
    return first_word_within + _FIRST_CLAUSE


def _ignore(_: Notice) -> None:
    """Stands in where nobody listens to notices."""


def _no_key(_: str) -> str:
    """Stands in where there are no keys."""
    return ""


@dataclass(frozen=True, slots=True)
class Context:
    """What a plug-in may use: its settings by full key, and a way to tell the user something."""

    options: Mapping[str, Value] = field(default_factory=dict)
    notify: Callable[[Notice], None] = _ignore
    excluded: Latest[tuple[Rectangle, ...]] = field(default_factory=Latest)
    """Where our own windows are: a screen source leaves these places out."""
    key: Callable[[str], str] = _no_key
    """The secret key of a describer, by its id; empty when there is none."""
    offered: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The models that a service listed when it was opened last, by the backend's id."""
    network: Network = field(default_factory=Network)
    """Runs what talks to the network."""

    def number(self, key: str) -> float:
        return float(self.options[key])

    def text(self, key: str) -> str:
        return str(self.options[key])

    def flag(self, key: str) -> bool:
        return bool(self.options[key])


class Source(Protocol):
    """Where pictures come from. All calls but `close` come from one thread at a time.

    A thread whose `read` blocks is abandoned: after `close` another may `open`, while the old `read` still waits.
    """

    live: bool
    """True: the newest picture counts. False: `capture` paces by `media_t`."""

    def open(self) -> None:
        """Raises `SourceRefused` (final) or `SourceLost` (may be tried again, with `open` on the same object)."""

    def read(self) -> Picture | None:
        """The next picture (waits for it when live), or None at the end. Raises `SourceLost`."""

    def skip(self) -> float | None:
        """Pass over the next picture undecoded: its `media_t`, or None at the end. Only asked when not live."""

    def rewind(self) -> None:
        """Start again from the first picture. Only asked when not live."""

    def close(self) -> None:
        """Release everything; safe from another thread and when not open."""


class Backend(Protocol):
    """Who describes. `describe` runs in the lane's thread."""

    def open(self) -> Capabilities:
        """Load what is needed. Raises `BackendError`, `DataFileDamaged`."""

    def describe(self, prompt: Prompt, run: Run) -> Iterator[Delta | Usage | Citation]:
        """Yield the answer as it comes, and the tokens it took; end early when `run.cancelled`.

        The tokens that were told before a cancel may still come last, as an estimate. No delta at all means: nothing
        new. Of `Usage` the last one counts; its `cost` is reckoned by whoever reads it.
        Raises `BackendError`.
        """

    def token_cost(self, width: int, height: int, detail: str) -> int:
        """Tokens that a picture of this size costs at a level of `Capabilities.details`; usable once open."""

    def close(self) -> None:
        """Release everything."""


class Voice(Protocol):
    """Who speaks. `say` runs in the speech thread; `close` may come from another."""

    def open(self) -> None:
        """Get ready to speak; called again some time after it, or `say`, raised `VoiceError`. Raises `VoiceError`."""

    def say(self, utterance: Utterance, started: Callable[[], None]) -> None:
        """Speak and block until the sound has ended or `utterance.cut` was thrown; call `started` at the first sound.

        Raises `VoiceCrashed` when the engine died (a second `say` may work), `VoiceError` when it cannot speak now.
        """

    def close(self) -> None:
        """Be silent at once and leave no process behind."""
