"""What flows between the threads: frozen facts, each stamped with the time of the picture that it speaks of.

Times named `*_at` are seconds on the monotonic clock (`time.monotonic`); `media_t` is seconds in the file, or
seconds since open for a live source. Boxes are fractions of the picture: 0 at the left and the top, 1 at the right and
the bottom.
"""

from typing import TypeAlias

from narrator.messages.pictures import EncodedPicture, Frame, Moment, Picture, Pixels, Rectangle
from narrator.messages.runs import (
    Ask,
    Caption,
    Citation,
    Delta,
    Meter,
    Priority,
    Prompt,
    PromptPart,
    PromptPicture,
    PromptVideo,
    Reason,
    Request,
    Run,
    Turn,
    Usage,
)
from narrator.messages.scene import CUED, Box, Change, News, NewsKind, Scene, TextLine, Track, Trouble
from narrator.messages.telling import Audio, AudioEvent, Level, Notice, Phase, State, Utterance

Event: TypeAlias = Caption | Delta | Utterance | Audio | Notice | Request | Usage | State
"""What a session publishes."""

__all__ = [
    "CUED",
    "Ask",
    "Audio",
    "AudioEvent",
    "Box",
    "Caption",
    "Change",
    "Citation",
    "Delta",
    "EncodedPicture",
    "Event",
    "Frame",
    "Level",
    "Meter",
    "Moment",
    "News",
    "NewsKind",
    "Notice",
    "Phase",
    "Picture",
    "Pixels",
    "Priority",
    "Prompt",
    "PromptPart",
    "PromptPicture",
    "PromptVideo",
    "Reason",
    "Rectangle",
    "Request",
    "Run",
    "Scene",
    "State",
    "TextLine",
    "Track",
    "Trouble",
    "Turn",
    "Usage",
    "Utterance",
]
