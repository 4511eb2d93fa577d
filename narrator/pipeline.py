"""One source and all that looks at it: capture, sight, memory, director and lane, wired and closed together."""

import threading
from collections.abc import Callable

from narrator import registry
from narrator.budget import Planned
from narrator.capture import Capture
from narrator.director import Director, Pace, Wish
from narrator.history import History
from narrator.inference import Lane, Speaker
from narrator.mailbox import Latest
from narrator.messages import Audio, Event, Frame, Moment, Scene
from narrator.seams import Context
from narrator.settings import Settings
from narrator.sight.watch import Sight


class Pipeline:
    """Runs from `start` to `close`. `source` is an address; `backend` an id, or `id:argument`. Raises `UsageError`."""

    def __init__(
        self,
        source: str,
        backend: str,
        settings: Settings,
        context: Context,
        speaker: Speaker,
        publish: Callable[[Event], None],
    ) -> None:
        self.frames: Latest[Frame] = Latest()
        self.scenes: Latest[Scene] = Latest()
        taken = registry.create_source(source, context)
        title = registry.source_title(source)
        self.capture = Capture(taken, title, self.frames, context.notify, loop=settings.flag("loop"))
        memory = History(settings.number("history.interval"), settings.whole("history.max_bytes"))
        is_screen = registry.source_spec(source).id == "screen"
        self.sight = Sight(
            self.frames,
            self.scenes,
            memory,
            context,
            self._on_cut,
            on_screen=is_screen,
            is_live=lambda: taken.live,
        )
        self.director = Director(pace(settings))
        self._pictures = _Pictures(self.frames, memory)
        self._context, self._speaker, self._publish = context, speaker, publish
        self.lane = self._new_lane(backend)
        self._is_started = False

    def start(self) -> None:
        self._is_started = True
        self.lane.start()
        self.sight.start()
        self.capture.start()

    def use(self, backend: str) -> threading.Thread | None:
        """Go on with another describer; returns the old one's thread if it did not end in time."""
        lane = self._new_lane(backend)
        left = self.lane.close()
        self.lane = lane
        if self._is_started:
            lane.start()
        return left

    def pause(self) -> None:
        """Stop asking; hold a file, release a camera."""
        self.tell(Wish.HOLD)
        self.lane.cancel()
        self.capture.pause()

    def resume(self) -> None:
        self.capture.resume()
        self.tell(Wish.GO_ON)

    def tell(self, fact: Wish | Audio) -> None:
        """Tell the director and wake the lane."""
        self.director.tell(fact)
        self.scenes.nudge()

    def close(self) -> list[threading.Thread]:
        """End everything, what asks first; returns the threads that did not end in time."""
        left = [self.lane.close(), self.sight.close(), self.capture.close()]
        self.scenes.close()
        self.frames.close()
        return [thread for thread in left if thread is not None]

    def _new_lane(self, backend: str) -> Lane:
        backend_id = registry.spec_of("backends", backend).id
        describer = registry.create_backend(backend, self._context)
        return Lane(
            "local", backend_id, describer, self.director, self.scenes, self._pictures, self._speaker, self._publish
        )

    def _on_cut(self, revision: int) -> None:
        self.lane.preempt(revision)
        self.scenes.nudge()


def pace(settings: Settings) -> Pace:
    """The director's pace from the settings."""
    return Pace(
        min_gap=settings.number("narration.min_gap"),
        cut_gap=settings.number("narration.cut_gap"),
        overview=settings.flag("narration.overview"),
    )


class _Pictures:
    """What a lane may show its model: the kept moments, and the newest frame at the moment of asking."""

    def __init__(self, frames: Latest[Frame], memory: History) -> None:
        self._frames, self._memory = frames, memory

    def moments(self) -> tuple[Moment, ...]:
        return self._memory.moments()

    def newest(self) -> tuple[Frame, Planned] | None:
        frame = self._frames.peek()
        return (frame, Planned(self._memory.newest(frame), frame.captured_at)) if frame else None
