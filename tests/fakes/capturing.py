"""Runs a real `Capture` and keeps all that comes out of it; and sources that misbehave on purpose."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pytest
from fakes.waiting import eventually

from narrator import registry
from narrator.capture import Capture
from narrator.errors import SourceError
from narrator.mailbox import Latest
from narrator.messages import Frame, Notice, Picture
from narrator.seams import Context, Source
from narrator.settings import Settings


class EveryFrame(Latest[Frame]):
    """A `Latest` that also remembers every frame that was put."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Frame] = []

    def put(self, item: Frame) -> None:
        self.all.append(item)
        super().put(item)


class Captured:
    """A running capture with its frames and notices."""

    def __init__(self, source: Source, title: str, notices: list[Notice], *, loop: bool) -> None:
        self.frames = EveryFrame()
        self.notices = notices
        self.capture = Capture(source, title, self.frames, notices.append, loop=loop)
        self.capture.start()

    @property
    def told(self) -> list[str]:
        return [notice.text for notice in self.notices]

    def has(self, count: int, within: float = 10.0) -> bool:
        """Whether so many frames come."""
        return eventually(lambda: len(self.frames.all) >= count, within)

    def goes_on(self, within: float = 10.0) -> bool:
        """Whether a frame comes that is captured from now on."""
        now = time.monotonic()
        return eventually(lambda: self.frames.all and self.frames.all[-1].captured_at > now, within)

    def tells(self, text: str, within: float = 10.0) -> bool:
        """Whether this notice comes."""
        return eventually(lambda: text in self.told, within)


StartCapture = Callable[..., Captured]


@pytest.fixture
def captured() -> Iterator[StartCapture]:
    """Starts captures, `captured(address)` or `captured(source=source)`, and closes them."""
    with ExitStack() as stack:

        def start(address: str = "", *, source: Source | None = None, loop: bool = False) -> Captured:
            notices: list[Notice] = []
            context = Context(Settings.defaults().values, notices.append)
            title = registry.source_title(address) if source is None else "the camera"
            made = Captured(source or registry.create_source(address, context), title, notices, loop=loop)
            stack.callback(made.capture.close)
            return made

        yield start


@pytest.fixture
def context() -> Context:
    """The defaults of every setting."""
    return Context(Settings.defaults().values)


class FakeCamera:
    """A live source of 50 pictures a second. It blocks for ever when `stuck` is set, until `release` is called."""

    live = True

    def __init__(self, problems: list[SourceError] | None = None) -> None:
        self.problems = problems or []
        """What the next calls of `open` raise."""
        self.opened_at: list[float] = []
        self.is_open = False
        self.stuck_after = 10**9
        self.error: Exception | None = None
        self._released = threading.Event()

    def open(self) -> None:
        self.opened_at.append(time.monotonic())
        if self.problems:
            raise self.problems.pop(0)
        self.is_open = True

    def read(self) -> Picture | None:
        if self.error is not None:
            raise self.error
        self.stuck_after -= 1
        if self.stuck_after < 0:
            self._released.wait()
        time.sleep(0.02)  # the pace of the device
        return Picture(np.full((4, 6, 3), len(self.opened_at), np.uint8), time.monotonic() - self.opened_at[-1])

    def skip(self) -> float | None:
        return None

    def rewind(self) -> None:
        """It has no beginning."""

    def close(self) -> None:
        self.is_open = False

    def release(self) -> None:
        """Let reads that hang return."""
        self._released.set()


class SlowFilm:
    """A film of 30 pictures a second, each of which takes 0.1 s to read and next to nothing to skip."""

    live = False
    rate = 30

    def __init__(self, pictures: int) -> None:
        self._pictures = pictures
        self._next = 0

    def open(self) -> None:
        self._next = 0

    def read(self) -> Picture | None:
        time.sleep(0.1)  # the work of reading
        at = self.skip()
        return None if at is None else Picture(np.zeros((4, 6, 3), np.uint8), at)

    def skip(self) -> float | None:
        if self._next >= self._pictures:
            return None
        self._next += 1
        return (self._next - 1) / self.rate

    def rewind(self) -> None:
        self._next = 0

    def close(self) -> None:
        """It holds nothing."""
