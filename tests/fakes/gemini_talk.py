"""Talks with the fake Gemini service through the backend and the vendor's own client, as a lane would."""

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fakes.gemini_requests import picture_size
from fakes.gemini_service import GeminiService

from narrator.backends import gemini
from narrator.messages import (
    Citation,
    Delta,
    EncodedPicture,
    Notice,
    Priority,
    Prompt,
    PromptPicture,
    Reason,
    Run,
    Scene,
    Usage,
)
from narrator.network import Network
from narrator.seams import Backend, Context
from narrator.settings import Settings

KEY = "AIza-a-key-that-nobody-may-see"
JPEG = (Path(__file__).parents[1] / "data" / "coffee.jpg").read_bytes()
PICTURE = EncodedPicture(*picture_size(JPEG), JPEG)
_ids = count(1)
_SCENE = Scene(1, 0.0, 0.0, 0)


def prompt(*parts: Any, **fields: Any) -> Prompt:
    """A question about one picture, or about these parts."""
    told = {"system": "Say what you see.", "max_tokens": 60, "scene": _SCENE} | fields
    return Prompt(parts=parts or ("Now:", picture()), **told)


def picture(detail: str = "", age: float = 0.0) -> PromptPicture:
    return PromptPicture(PICTURE, age, detail)


def run() -> Run:
    now = time.monotonic()
    return Run(next(_ids), "cloud", "gemini", Reason.CHANGE, Priority.NORMAL, now, now + 20, now, 0.0, 0, _SCENE, 0)


class Talk:
    """One backend, its settings, and the notices that it gave."""

    def __init__(self, url: str, key: str = KEY) -> None:
        self.options = dict(Settings.defaults().values) | {"gemini.base_url": url}
        self.notices: list[Notice] = []
        self.key = key
        self.network = Network()
        self.backend: Backend | None = None

    @property
    def context(self) -> Context:
        return Context(self.options, self.notices.append, key=lambda _: self.key, network=self.network)

    def set(self, **settings: Any) -> "Talk":
        """Settings by their name after `gemini.`."""
        self.options |= {f"gemini.{name}": value for name, value in settings.items()}
        return self

    def open(self, model: str = "") -> Any:
        """A new backend's capabilities."""
        if self.backend is not None:
            self.backend.close()
        self.backend = gemini.create(model, self.context)
        return self.backend.open()

    def ask(self, asked: Prompt | None = None, run_: Run | None = None) -> Iterator[Delta | Usage | Citation]:
        if self.backend is None:
            self.open()
        assert self.backend is not None
        return self.backend.describe(asked or prompt(), run_ or run())

    def text(self, asked: Prompt | None = None) -> str:
        return "".join(part.text for part in self.ask(asked) if isinstance(part, Delta))

    def usage(self, asked: Prompt | None = None) -> Usage:
        return next(part for part in self.ask(asked) if isinstance(part, Usage))

    @property
    def told(self) -> str:
        """All notices as one text."""
        return "\n".join(f"{notice.text} {notice.remedy}" for notice in self.notices)

    def close(self) -> None:
        if self.backend is not None:
            self.backend.close()
        assert self.network.close() is None


@pytest.fixture
def talk(gemini_service: GeminiService) -> Iterator[Talk]:
    """With the fake service, not yet open."""
    talk = Talk(gemini_service.url)
    yield talk
    talk.close()
