"""What reaches the user: sound, notices and how the session fares."""

from dataclasses import dataclass, field
from enum import StrEnum

from narrator.mailbox import Cancel
from narrator.messages.runs import Meter, Priority, Run


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
    cut: Cancel = field(default_factory=Cancel)


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
    meter: Meter = field(default_factory=Meter)
    narrating: str = ""
    """The describer that narrates now: another than `backend` while that one rests or is not ready."""
    ahead: tuple[str, ...] = ()
    """The describers that answer before `backend`, the fastest first."""
