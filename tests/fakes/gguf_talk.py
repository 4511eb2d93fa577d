"""Talks with a tiny GGUF model through the backend, as a lane would."""

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import tiny_gguf

from narrator.backends import gguf
from narrator.messages import (
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
from narrator.seams import Backend, Capabilities, Context
from narrator.settings import Settings

ENGINES = ("xllamacpp", "llama-cpp-python")
_ids = count(1)
_SCENE = Scene(1, 0.0, 0.0, 0)


def picture(colour: str, size: tuple[int, int] = (384, 216)) -> PromptPicture:
    """A picture of one colour of `tiny_gguf.COLOURS`, width x height in pixels."""
    pixels = np.empty((size[1], size[0], 3), np.uint8)
    pixels[:] = tiny_gguf.COLOURS[colour][::-1]
    return PromptPicture(EncodedPicture(*size, cv2.imencode(".jpg", pixels)[1].tobytes()), 0.0)


def prompt(*parts: Any, **fields: Any) -> Prompt:
    """A question about these pictures and texts."""
    told = {"system": "Say what you see.", "max_tokens": 60, "scene": _SCENE} | fields
    return Prompt(parts=parts or ("Now:", picture("red"), "What do you see?"), **told)


def run() -> Run:
    now = time.monotonic()
    return Run(next(_ids), "model", "gguf", Reason.CHANGE, Priority.NORMAL, now, now + 60, now, 0.0, 0, _SCENE, 0)


class Talk:
    """One backend, its settings, and the notices that it gave."""

    def __init__(self, engine: str, files: tiny_gguf.TinyModel) -> None:
        chosen = {"gguf.engine": engine, "gguf.model": str(files.text), "gguf.projector": str(files.projector)}
        self.options = dict(Settings.defaults().values) | chosen
        self.notices: list[Notice] = []
        self.backend: Backend | None = None

    def set(self, **settings: Any) -> "Talk":
        """Settings by their name after `gguf.`."""
        self.options |= {f"gguf.{name}": value for name, value in settings.items()}
        return self

    def open(self, argument: str = "") -> Capabilities:
        """A new backend's capabilities."""
        self.close()
        self.backend = gguf.create(argument, Context(self.options, self.notices.append))
        return self.backend.open()

    def ask(self, asked: Prompt | None = None, run_: Run | None = None) -> Iterator[Delta | Usage]:
        if self.backend is None:
            self.open()
        assert self.backend is not None
        return self.backend.describe(asked or prompt(), run_ or run())

    def text(self, *parts: Any) -> str:
        return "".join(part.text for part in self.ask(prompt(*parts)) if isinstance(part, Delta))

    def usage(self, *parts: Any) -> Usage:
        return next(part for part in self.ask(prompt(*parts)) if isinstance(part, Usage))

    def cost(self, size: tuple[int, int]) -> int:
        assert self.backend is not None
        return self.backend.token_cost(*size, "")

    @property
    def pid(self) -> int:
        """Of the child that holds the model."""
        return int(self.backend._engine.pid)  # type: ignore[union-attr]  # nobody but a test wants to know

    @property
    def told(self) -> list[str]:
        return [notice.text for notice in self.notices]

    def close(self) -> None:
        if self.backend is not None:
            self.backend.close()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tiny_gguf.TinyModel:
    """The model that names the colour of the newest picture."""
    return tiny_gguf.write_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def endless(tmp_path_factory: pytest.TempPathFactory) -> tiny_gguf.TinyModel:
    """The same, which says its sentence for ever."""
    return tiny_gguf.write_model(tmp_path_factory.mktemp("endless"), endless=True)


@pytest.fixture(params=ENGINES)
def gguf_talk(request: pytest.FixtureRequest, tiny: tiny_gguf.TinyModel) -> Iterator[Talk]:
    """With the tiny model, not yet open, through each engine."""
    talk = Talk(request.param, tiny)
    yield talk
    talk.close()
