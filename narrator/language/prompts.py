"""Builds the prompt for one Ask: pure. What it says lies as data in `resources/prompts/`.

The order keeps the start of a request the same for as long as it can be, so that services may cache it: rules, style
and manner; the pictures, oldest first; what was said; the request itself.
"""

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from narrator.errors import UsageError
from narrator.language import styles
from narrator.messages import (
    Ask,
    Box,
    Change,
    EncodedPicture,
    News,
    Prompt,
    PromptPart,
    PromptPicture,
    Reason,
    Scene,
)
from narrator.resources import resource

_TOKENS_A_WORD = 100 / 60
"""100 tokens are 60 to 80 English words, by the rule of thumb that Gemini's documentation gives."""
_ROOM = 2.0
"""So much more than asked for may come: a sentence is not cut, and other languages take more tokens a word."""
_LEAST_TOKENS = 96
_SAID_BYTES = 800
"""Of what was said about 200 tokens are told, four bytes a token, the newest."""
_FOCUS_LETTERS = 200
_MOST_FACTS = 4
_THIRD = 1 / 3


@dataclass(frozen=True, slots=True)
class Manner:
    """How the user wants to be told: style by id, detail 1 to 5, focus in words, language by its code."""

    style: str = styles.DEFAULT
    detail: int = 3
    focus: str = ""
    language: str = "en"


def build(ask: Ask, pictures: Sequence[PromptPicture], manner: Manner, *, absolute_times: bool = False) -> Prompt:
    """The prompt for `ask` with these pictures, oldest first; a style that does not exist gives way to the default.

    With `absolute_times` pictures are labelled by their media time, which never changes, instead of their age.
    """
    return Prompt(
        system=_system(_style(manner.style).text, manner),
        parts=(*_shown(pictures, absolute_times=absolute_times), *_told(ask, manner, absolute_times=absolute_times)),
        max_tokens=max(_LEAST_TOKENS, math.ceil(ask.words * _TOKENS_A_WORD * _ROOM)),
        scene=ask.scene,
        news=ask.news,
        said=ask.said,
        reason=ask.reason,
    )


def preview(style: str, manner: Manner) -> str:
    """The whole prompt as a model gets it for a change, pictures named in brackets. Raises `UsageError`."""
    manner = Manner(styles.find(style).id, manner.detail, manner.focus, manner.language)
    scene = Scene(revision=0, frame_at=0.0, media_t=0.0, epoch=0, change=Change.CHANGING)
    tiles = tuple(float(age) for age in range(20, 2, -2))
    pictures = (
        PromptPicture(EncodedPicture(384, 216, b""), age=tiles[-1], ages=tiles),
        PromptPicture(EncodedPicture(768, 432, b""), age=0.0),
    )
    prompt = build(Ask(Reason.CHANGE, scene, said=("…",)), pictures, manner)
    return "\n".join([prompt.system, "", *map(_in_brackets, prompt.parts)])


def language_name(code: str) -> str:
    """What a language is called in English by its BCP 47 code; empty when it is not known."""
    names, code = _data("languages"), code.replace("_", "-").casefold()
    return str(names.get(code) or names.get(code.partition("-")[0], ""))


def languages() -> Mapping[str, str]:
    """What the languages are called in English, by their codes in lower case."""
    return _data("languages")


def _in_brackets(part: PromptPart) -> str:
    if isinstance(part, PromptPicture):
        return f"[picture, {part.picture.width} x {part.picture.height}]"
    return str(part)


def _style(style_id: str) -> styles.Style:
    try:
        return styles.find(style_id)
    except UsageError:
        return styles.find(styles.DEFAULT)


@cache
def _data(name: str) -> Mapping[str, Any]:
    return tomllib.loads(resource(f"prompts/{name}.toml").read_text(encoding="utf-8"))


def _text(*keys: str) -> str:
    value: Any = _data("rules")
    for key in keys:
        value = value[key]
    return str(value)


def _system(style: str, manner: Manner) -> str:
    lines = [
        _text("rules").strip(),
        _text("style").format(text=style),
        _text("detail", str(min(5, max(1, manner.detail)))),
    ]
    if manner.focus.strip():
        lines.append(_text("focus").format(focus=_quotable(manner.focus)[:_FOCUS_LETTERS]))
    name = language_name(manner.language)
    key = "language" if name else "unknown_language"
    return "\n".join([*lines, _text(key).format(language=name or _quotable(manner.language))])


def _shown(pictures: Sequence[PromptPicture], *, absolute_times: bool) -> Iterable[PromptPart]:
    for picture in pictures:
        if absolute_times:  # a label never changes, also when the picture is the newest no more
            yield _label_at(picture)
        else:
            yield _text("label", "newest") if picture is pictures[-1] and not picture.ages else _label(picture)
        yield picture


def _label(picture: PromptPicture) -> str:
    if picture.ages:
        oldest, newest = (max(0, round(age)) for age in (picture.ages[0], picture.ages[-1]))
        return _text("label", "sheet").format(count=len(picture.ages), oldest=oldest, newest=newest)
    seconds = max(1, round(picture.age))
    return _text("label", "second_ago") if seconds == 1 else _text("label", "ago").format(seconds=seconds)


def _label_at(picture: PromptPicture) -> str:
    newest = picture.media_t
    if not picture.ages:
        return _text("label", "at").format(time=_clock(newest))
    oldest, count = newest - (picture.ages[0] - picture.ages[-1]), len(picture.ages)
    return _text("label", "sheet_at").format(count=count, oldest=_clock(oldest), newest=_clock(newest))


def _told(ask: Ask, manner: Manner, *, absolute_times: bool) -> Iterable[str]:
    """What comes after the pictures: the time, what was said, what sight noticed, and the request."""
    if absolute_times:
        yield _text("label", "clock").format(time=_clock(ask.scene.media_t))
    said = _latest(ask.said)
    if said:
        yield "\n".join([_text("label", "said"), *(f'- "{line}"' for line in said)])
    facts = [fact for fact in map(_fact, ask.news) if fact][-_MOST_FACTS:]
    if facts:
        yield _text("label", "noticed").format(facts="; ".join(facts))
    yield _request(ask, manner)


def _request(ask: Ask, manner: Manner) -> str:
    reason = Reason.CHANGE if ask.reason is Reason.CUE else ask.reason
    request = _text("request", reason.value).format(words=ask.words)
    missing = _data("rules")["focus_missing"].get(reason.value, "") if manner.focus.strip() else ""
    return f"{request} {missing}".strip()


def _latest(said: Sequence[str]) -> list[str]:
    """The newest lines that fit, oldest first."""
    kept: list[str] = []
    room = _SAID_BYTES
    for line in filter(None, map(_quotable, reversed(said))):
        room -= len(line.encode())
        if room < 0 and kept:
            break
        kept.append(line)
    return kept[::-1]


def _fact(news: News) -> str:
    """A few words about a piece of news; empty for what a model sees better by itself."""
    words = _data("rules")["noticed"].get(news.kind.value, "")
    if news.text:
        return str(words).format(text=", ".join(f'"{_quotable(line.text)}"' for line in news.text)) if words else ""
    if news.track is None:
        return "" if "{" in words else str(words)
    return str(words).format(what=news.track.label, where=_place(news.track.box))


def _place(box: Box) -> str:
    place = "left" if box.centre_x < _THIRD else "right" if box.centre_x > 1 - _THIRD else "middle"
    return _text("place", place)


def _quotable(text: str) -> str:
    """One line without the mark that ends a quotation: what was read somewhere stays data."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(text.translate(_MARKS).split())


_MARKS = str.maketrans(dict.fromkeys('"“”„«»‟＂', "'"))


def _clock(seconds: float) -> str:
    """0:54, 1:02:03."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
