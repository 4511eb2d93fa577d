"""What a key did, in a few words: shown at the foot of the window and told to assistive technology."""

from narrator.messages import Phase
from narrator.session import Session
from narrator.settings import Settings
from narrator_ui.status import PHASES

_SETTINGS = {
    "slower": ("speech.rate", "Rate {} words a minute"),
    "faster": ("speech.rate", "Rate {} words a minute"),
    "quieter": ("speech.volume", "Volume {} %"),
    "louder": ("speech.volume", "Volume {} %"),
    "bigger_text": ("window.font_size", "Text size {} %"),
    "smaller_text": ("window.font_size", "Text size {} %"),
    "change_theme": ("window.theme", "Colours: {}"),
    "more_detail": ("narration.detail", "Detail {} of 5"),
    "less_detail": ("narration.detail", "Detail {} of 5"),
}
SPOKEN = frozenset({"more_detail", "less_detail"})
"""Whose effect is not heard by itself, so that our own voice says it."""
_SAID_ANYWAY = {"hush": "Hushed", "copy_caption": "Caption copied"}
_NEED_A_CAPTION = {"repeat": "Nothing was said yet", "copy_caption": "There is no caption yet"}


def effect(id_: str, before: Settings, session: Session, *, has_captions: bool) -> str:
    """The words for an action that was just done; empty when its effect is plain to see or to hear."""
    if id_ in _SETTINGS:
        key, words = _SETTINGS[id_]
        value = session.settings.values[key]
        return words.format(value) + ("" if value != before.values[key] else ", no further")
    if id_ == "start_pause":
        return PHASES[session.phase]
    if id_ == "describe" and session.phase in (Phase.PAUSED, Phase.ENDED):
        return f"{PHASES[session.phase]}: start first"
    if id_ in _NEED_A_CAPTION and not has_captions:
        return _NEED_A_CAPTION[id_]
    return _SAID_ANYWAY.get(id_, "")
