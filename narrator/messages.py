"""What flows between the threads: frozen facts, each stamped with the time of the picture that it speaks of.

Times named `*_at` are seconds on the monotonic clock (`time.monotonic`); `media_t` is seconds in the file, or
seconds since open for a live source. Boxes are fractions of the picture: 0 at the left and the top, 1 at the right and
the bottom.
"""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, TypeAlias

from narrator.mailbox import Cancel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels: TypeAlias = NDArray[np.uint8]
else:  # numpy costs a tenth of a second, which --help does not have
    Pixels = object
"""Height x width x 3, BGR, read-only: shared by every thread and never changed."""

Rectangle: TypeAlias = tuple[int, int, int, int]
"""Left, top, width and height in pixels of the whole desktop, as the system counts them."""


class Priority(IntEnum):
    """NORMAL narrates; NEXT speaks when the clause in progress ends; NOW ends it."""

    NORMAL = 0
    NEXT = 1
    NOW = 2


class Change(StrEnum):
    """How the picture behaves: still, in motion, or suddenly another one."""

    STATIC = "static"
    CHANGING = "changing"
    CUT = "cut"


class Trouble(StrEnum):
    """Why a picture shows nothing that could be described."""

    BLACK = "black"
    COVERED = "covered"
    FROZEN = "frozen"
    BLURRED = "blurred"


class NewsKind(StrEnum):
    """What sight may notice between one scene and the next."""

    CUT = "cut"
    APPEARED = "appeared"
    LEFT = "left"
    MOVES_LEFT = "moves_left"
    MOVES_RIGHT = "moves_right"
    COMES_CLOSER = "comes_closer"
    GOES_AWAY = "goes_away"
    TEXT = "text"
    DARKER = "darker"
    BRIGHTER = "brighter"
    TROUBLE = "trouble"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Picture:
    """What a source read: pixels and their place in it."""

    pixels: Pixels
    media_t: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A captured picture. `epoch` rises with every loop and reconnect: times of two epochs are never compared."""

    seq: int
    captured_at: float
    wall_time: float
    media_t: float
    epoch: int
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A JPEG with its size in pixels."""

    width: int
    height: int
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Moment:
    """A kept frame: its time and its pictures by longest side, each encoded once."""

    captured_at: float
    media_t: float
    epoch: int
    is_cut: bool
    pictures: tuple[EncodedPicture, ...]


@dataclass(frozen=True, slots=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def centre_x(self) -> float:
        return (self.left + self.right) / 2

    @property
    def centre_y(self) -> float:
        return (self.top + self.bottom) / 2


@dataclass(frozen=True, slots=True)
class Track:
    """One confirmed thing that is followed. `label` is a COCO class; `score` its detector score, 0 to 1."""

    id: int
    label: str
    score: float
    box: Box
    colour: str = ""
    """A plain colour name of the middle of the box, empty when not sure."""
    entered_from: str = ""
    """"left", "right", "top" or "bottom" when it came in over that edge, else empty."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text that was read, with the reader's confidence, 0 to 1."""

    text: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class News:
    """One thing that sight noticed; numbers rise by one and never repeat."""

    number: int
    at: float
    kind: NewsKind
    track: Track | None = None
    text: tuple[TextLine, ...] = ()
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """What sight knows now. `revision` rises at every cut; `news` holds the newest few, oldest first."""

    revision: int
    frame_at: float
    media_t: float
    epoch: int
    change: Change = Change.CHANGING
    tracks: tuple[Track, ...] = ()
    text: tuple[TextLine, ...] = ()
    brightness: float = 0.5
    """Mean luminance, 0 black to 1 white."""
    trouble: Trouble | None = None
    news: tuple[News, ...] = ()
    settled: bool = False
    """True once objects have been looked for long enough after a cut or the start to give an overview."""

    @property
    def newest_news(self) -> int:
        """The number of the newest news, 0 when there is none."""
        return self.news[-1].number if self.news else 0


class Reason(StrEnum):
    """Why a request is made; the closed list of `docs/events.md`."""

    START = "start"
    CUT = "cut"
    CHANGE = "change"
    USER = "user"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class Ask:
    """The director's wish for one answer."""

    reason: Reason
    scene: Scene
    priority: Priority = Priority.NORMAL
    news_after: int = 0
    """News up to this number was heard, or will be."""
    said: tuple[str, ...] = ()
    """The last captions that were heard, oldest first."""

    @property
    def news(self) -> tuple[News, ...]:
        """What nobody was told yet, oldest first."""
        return tuple(news for news in self.scene.news if news.number > self.news_after)


@dataclass(frozen=True, slots=True)
class PromptPicture:
    """A picture for a model: JPEG, its age in seconds when the prompt was built, and the detail asked for."""

    picture: EncodedPicture
    age: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a backend is asked, in no vendor's terms: text and pictures, oldest first."""

    system: str
    parts: tuple[str | PromptPicture, ...]
    max_tokens: int
    scene: Scene
    news: tuple[News, ...] = ()
    said: tuple[str, ...] = ()
    reason: Reason = Reason.CHANGE

    @property
    def overview(self) -> bool:
        """Everything that is there is wanted, not only what is new."""
        return self.reason in (Reason.START, Reason.CUT, Reason.USER)

    @property
    def pictures(self) -> tuple[PromptPicture, ...]:
        return tuple(part for part in self.parts if isinstance(part, PromptPicture))


@dataclass(frozen=True, slots=True)
class Run:
    """One request to one backend and all that comes of it; every later message carries its run."""

    id: int
    lane: str
    backend: str
    reason: Reason
    priority: Priority
    started_at: float
    deadline: float
    frame_at: float
    media_t: float
    epoch: int
    scene: Scene
    news_to: int
    cancelled: Cancel = field(default_factory=Cancel)

    @property
    def scene_revision(self) -> int:
        return self.scene.revision

    def cancel(self) -> None:
        """Safe from any thread; wakes a lane that waits for its backend."""
        self.cancelled.throw()


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a run's answer, as it arrives."""

    run: Run
    text: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """A clause to be spoken. `run` is None for a notice. `cut` ends its sound; `Run.cancelled` only its making."""

    id: int
    run: Run | None
    text: str
    priority: Priority
    offered_at: float
    is_first: bool = True
    """The first clause of its run: age is judged here."""
    is_last: bool = True
    """The last clause of its run: when its sound ends the run was heard."""
    cut: Cancel = field(default_factory=Cancel)


@dataclass(frozen=True, slots=True)
class Caption:
    """What one run said, at its end; never an error. `complete` is False when it was cut off."""

    run: Run
    text: str
    complete: bool = True


class AudioEvent(StrEnum):
    START = "start"
    END = "end"
    CUT = "cut"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Audio:
    """What became of an utterance's sound."""

    utterance: Utterance
    event: AudioEvent
    at: float


class Level(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about the program itself, in one sentence, with the remedy. It is never a caption."""

    level: Level
    text: str
    remedy: str = ""
    quiet: bool = False
    """Shown but not spoken."""


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt went out."""

    run: Run
    images: int
    tokens_estimated: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run cost; money in US dollars."""

    run: Run
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    cost: float = 0.0
    estimated: bool = False


class Phase(StrEnum):
    """What the session is doing."""

    STARTING = "starting"
    NARRATING = "narrating"
    PAUSED = "paused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class State:
    """How the session fares, about once a second; newest wins."""

    phase: Phase
    source: str
    backend: str
    voice: str
    capture_fps: float
    sight_fps: float
    drops: int
    rss_mb: float
    frame_to_word: float | None
    """Seconds from the picture to its first word, of the newest run that spoke."""


Event: TypeAlias = Caption | Delta | Utterance | Audio | Notice | Request | Usage | State
