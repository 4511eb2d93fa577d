"""Talks with a model server through the backend, as a lane would."""

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from fakes.gemini_talk import PICTURE, picture, prompt
from fakes.openai_service import OpenAIService

from narrator.backends import openai_server
from narrator.messages import Citation, Delta, Notice, Priority, Prompt, Reason, Run, Scene, Usage
from narrator.network import Network
from narrator.seams import Backend, Capabilities, Context
from narrator.settings import Settings

__all__ = ["PICTURE", "ServerTalk", "picture", "prompt", "run"]
_ids = count(1)
_SCENE = Scene(1, 0.0, 0.0, 0)


def run(within: float = 30.0) -> Run:
    now = time.monotonic()
    return Run(
        next(_ids), "server", "server", Reason.CHANGE, Priority.NORMAL, now, now + within, now, 0.0, 0, _SCENE, 0
    )


class ServerTalk:
    """One backend, its settings, and the notices that it gave."""

    def __init__(self, url: str, key: str = "") -> None:
        self.options = dict(Settings.defaults().values) | {"server.url": url}
        self.notices: list[Notice] = []
        self.key = key
        self.network = Network()
        self.backend: Backend | None = None
        self.offered: dict[str, tuple[str, ...]] = {}

    @property
    def context(self) -> Context:
        return Context(
            self.options, self.notices.append, key=lambda _: self.key, offered=self.offered, network=self.network
        )

    def set(self, **settings: Any) -> "ServerTalk":
        """Settings by their name after `server.`."""
        self.options |= {f"server.{name}": value for name, value in settings.items()}
        return self

    def open(self, model: str = "") -> Capabilities:
        """A new backend's capabilities."""
        if self.backend is not None:
            self.backend.close()
        self.backend = openai_server.create(model, self.context)
        return self.backend.open()

    def again(self) -> Capabilities:
        """What the same backend tells when it is opened again, as after an error that `reopens`."""
        assert self.backend is not None
        return self.backend.open()

    def ask(self, asked: Prompt | None = None, run_: Run | None = None) -> Iterator[Delta | Usage | Citation]:
        if self.backend is None:
            self.open()
        assert self.backend is not None
        return self.backend.describe(asked or prompt(), run_ or run())

    def text(self, asked: Prompt | None = None) -> str:
        return "".join(part.text for part in self.ask(asked) if isinstance(part, Delta))

    def usage(self, asked: Prompt | None = None) -> list[Usage]:
        return [part for part in self.ask(asked) if isinstance(part, Usage)]

    @property
    def told(self) -> str:
        """All notices as one text."""
        return "\n".join(f"{notice.text} {notice.remedy}" for notice in self.notices)

    def close(self) -> None:
        if self.backend is not None:
            self.backend.close()
        assert self.network.close() is None


@pytest.fixture
def openai_service() -> Iterator[OpenAIService]:
    """A model server of our own, at `url`."""
    with OpenAIService() as service:
        yield service


@pytest.fixture
def server_talk(openai_service: OpenAIService) -> Iterator[ServerTalk]:
    """With that server, not yet open."""
    talk = ServerTalk(openai_service.url)
    yield talk
    talk.close()
