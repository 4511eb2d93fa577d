"""Talks with a torch model: through the backend, as a lane would, and with its child process alone."""

import io
import time
from itertools import count

import pytest
from fakes.tiny_vlms import with_bridge

from narrator import children
from narrator.backends import torch_vlm
from narrator.backends._chat import data_uri, messages
from narrator.messages import (
    Delta,
    EncodedPicture,
    Priority,
    Prompt,
    PromptPicture,
    Reason,
    Run,
    Scene,
    Usage,
)
from narrator.seams import Context
from narrator.settings import Settings

WITHIN = 60.0
_SCENE = Scene(1, 0.0, 0.0, 0)
_ids = count(1)


def picture(width=320, height=180, colour="red", age=0.0):
    """A picture of one colour for a prompt."""
    from PIL import Image

    data = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(data, "JPEG")
    return PromptPicture(EncodedPicture(width, height, data.getvalue()), age)


def prompt(*parts, **fields):
    """A question about one picture, or about these parts."""
    told = {"system": "Say what you see.", "max_tokens": 12, "scene": _SCENE} | fields
    return Prompt(parts=parts or ("Now:", picture(), "What is new?"), **told)


def run():
    now = time.monotonic()
    return Run(next(_ids), "local", "torch", Reason.CHANGE, Priority.NORMAL, now, now + 60, now, 0.0, 0, _SCENE, 0)


class TorchTalk:
    """One backend, its settings, and the notices that it gave."""

    def __init__(self):
        self.options = dict(Settings.defaults().values) | {"torch.threads": 1}
        self.notices = []
        self.backend = None

    def set(self, **settings):
        """Settings by their name after `torch.`."""
        self.options |= {f"torch.{name}": value for name, value in settings.items()}
        return self

    def open(self, model=""):
        """A new backend's capabilities."""
        self.close()
        self.backend = torch_vlm.create(str(model), self.context)
        return self.backend.open()

    @property
    def context(self):
        return Context(self.options, self.notices.append)

    @property
    def pid(self):
        """The child's process id; 0 when there is none."""
        return self.backend._engine.pid

    def ask(self, asked=None, run_=None):
        return self.backend.describe(asked or prompt(), run_ or run())

    def text(self, asked=None):
        return "".join(part.text for part in self.ask(asked) if isinstance(part, Delta))

    def usage(self, asked=None):
        return next(part for part in self.ask(asked) if isinstance(part, Usage))

    def close(self):
        if self.backend is not None:
            self.backend.close()


@pytest.fixture
def torch_talk(torchvision_imports):
    """Not yet open."""
    talk = TorchTalk()
    yield talk
    talk.close()


class TorchChild:
    """The child process, asked for one model after the other: torch is imported once."""

    def __init__(self):
        self._child = children.start("model", "torch")
        self._ids = count(1)
        self.pid = self._child.pid

    def load(self, folder, **options):
        """Its `ready` or `failed` message."""
        told = {"device": "cpu", "precision": "auto", "memory": 0, "threads": 1, "pictures": 0} | options
        return list(self._asked("load", options={"folder": str(folder), **told}))[-1]

    def ask(self, *pictures, task="caption en", most=12, video=False, system=True):
        """All messages of an answer."""
        asked = prompt(*pictures, "What is new?", max_tokens=most)
        chat = messages(asked, has_system=system)
        return self._asked("ask", messages=chat, task=task, max_tokens=most, video=video)

    def ask_about(self, uri):
        chat = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": uri}}]}]
        return list(self._asked("ask", messages=chat, task="ocr", max_tokens=4, video=False))

    def cancel(self):
        self._child.send("cancel", id=self._last)

    def close(self):
        self._child.close()

    def _asked(self, kind, **fields):
        self._last = next(self._ids)
        self._child.send(kind, id=self._last, **fields)
        return self._answer(self._last)

    def _answer(self, id_):
        while True:
            message = self._child.receive(WITHIN)
            assert message is not None, "the child is silent"
            if message.get("id", id_) != id_ or message["kind"] == "telling":
                continue
            yield message
            if message["kind"] in ("done", "failed", "ready", "crashed"):
                return


@pytest.fixture(scope="module")
def torch_child():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", with_bridge()["PYTHONPATH"])
        child = TorchChild()
    yield child
    child.close()


__all__ = ["TorchChild", "TorchTalk", "data_uri", "picture", "prompt", "run"]
