"""What sight makes of the pictures: things, text, light, and what is new."""

from dataclasses import dataclass
from enum import StrEnum


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


CUED = frozenset([NewsKind.APPEARED, NewsKind.LEFT, NewsKind.TROUBLE, NewsKind.CLEAR])
"""What is worth a few words at once, while a model still thinks."""


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
    changed_at: float = 0.0
    """When the picture last moved or was another one, on the clock of `frame_at`: since then it is still."""

    @property
    def newest_news(self) -> int:
        """The number of the newest news, 0 when there is none."""
        return self.news[-1].number if self.news else 0
