"""What is asked of a describer and what comes of it; every message carries its run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TypeAlias

from narrator.mailbox import Cancel
from narrator.messages.pictures import EncodedPicture
from narrator.messages.scene import CUED, News, Scene


class Priority(IntEnum):
    """NORMAL narrates; NEXT speaks when the clause in progress ends; NOW ends it."""

    NORMAL = 0
    NEXT = 1
    NOW = 2


class Reason(StrEnum):
    """Why a request is made; the closed list of `docs/events.md`."""

    START = "start"
    CUT = "cut"
    CHANGE = "change"
    USER = "user"
    HEARTBEAT = "heartbeat"
    CUE = "cue"

    @property
    def is_overview(self) -> bool:
        """Everything that is there is wanted, not only what is new."""
        return self in (Reason.START, Reason.CUT, Reason.USER)


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
    words: int = 30
    """The most words that are wanted."""

    @property
    def news(self) -> tuple[News, ...]:
        """What nobody was told yet, oldest first; for a cue, what matters most of it."""
        fresh = tuple(news for news in self.scene.news if news.number > self.news_after)
        return tuple(news for news in fresh if news.kind in CUED) if self.reason is Reason.CUE else fresh


@dataclass(frozen=True, slots=True)
class PromptPicture:
    """A picture for a model: JPEG, its age in seconds when the prompt was built, and the detail asked for.

    `ages` are those of a contact sheet's tiles, oldest first; `age` is then that of its newest tile.
    """

    picture: EncodedPicture
    age: float
    detail: str = ""
    media_t: float = 0.0
    ages: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptVideo:
    """A whole video file for a model that takes video, with how many pictures a second it looks at."""

    path: str
    mime_type: str
    fps: float = 1.0


PromptPart: TypeAlias = str | PromptPicture | PromptVideo


@dataclass(frozen=True, slots=True)
class Turn:
    """What was asked and answered before: `role` is "user" or "model"."""

    role: str
    parts: tuple[PromptPart, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a backend is asked, in no vendor's terms: text and pictures, oldest first."""

    system: str
    parts: tuple[PromptPart, ...]
    max_tokens: int
    scene: Scene
    news: tuple[News, ...] = ()
    said: tuple[str, ...] = ()
    reason: Reason = Reason.CHANGE
    turns: tuple[Turn, ...] = ()
    """Of a conversation, oldest first; `parts` is its newest question."""
    search: bool = False
    """The model may search the web: for questions only."""
    schema: Mapping[str, object] | None = None
    """A JSON schema that the answer must follow."""

    @property
    def overview(self) -> bool:
        """Everything that is there is wanted, not only what is new."""
        return self.reason.is_overview

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
    frame_lasts: float = 0.0
    """Seconds that its picture may be old when its words begin, where that is more than is allowed to all."""
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
class Citation:
    """A page that an answer rests on."""

    run: Run
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Caption:
    """What one run said, at its end; never an error. `complete` is False when it was cut off."""

    run: Run
    text: str
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt went out."""

    run: Run
    images: int
    tokens_estimated: int


@dataclass(frozen=True, slots=True)
class Meter:
    """What was spent: requests, tokens and US dollars, of this session and of today (all sessions since midnight)."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    cost: float = 0.0
    cost_an_hour: float = 0.0
    """At the pace of the last ten minutes."""
    cost_today: float = 0.0
    limit_today: float = 0.0
    """The cap of a day; 0 for none."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run cost; money in US dollars."""

    run: Run
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    cost: float = 0.0
    estimated: bool = False
    is_far: bool = False
    """The describer is on another machine: its tokens count against the limit even when they have no price."""
    meter: Meter | None = None
    """What all requests took, this one included; filled in by whoever counts them."""
