"""One source and all that looks at it: capture, sight, memory, director and lanes, wired and closed together."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from narrator import registry
from narrator.capture import Capture
from narrator.director import Director, Wish
from narrator.errors import NarratorError
from narrator.inference import Describer, Lane, Speaker, Surroundings, forget
from narrator.language.prompts import Manner
from narrator.mailbox import Guarded, Latest
from narrator.memory.album import Album
from narrator.memory.history import History
from narrator.memory.layouts import Limits
from narrator.messages import Audio, Event, Frame, Prompt, Run, Scene
from narrator.pace import Pace
from narrator.seams import BackendSpec, Context
from narrator.settings import Settings
from narrator.sight.watch import Sight
from narrator.standing import Purse

LOCAL = "local"
"""The lane of the program's own sight."""
EMBEDDED = "embedded"
_BUILT_IN = "The built-in describer goes on."
_DRAIN = 5.0
"""Seconds that the last words are waited for."""
_MOST_BYTES = 4_000_000
"""Of all pictures of one request."""


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where a pipeline's words and figures go, and what may be spent."""

    speaker: Speaker
    publish: Callable[[Event], None]
    purse: Purse | None = None
    record: Callable[[Run, Prompt, int], None] = forget


class Pipeline:
    """Runs from `start` to `close`. Raises `UsageError`.

    `source` is an address. `backends` are ids, or `id:argument`: the one that narrates last, those that answer before
    it the fastest first.
    """

    def __init__(
        self, source: str, backends: Sequence[str], settings: Callable[[], Settings], context: Context, outlets: Outlets
    ) -> None:
        self.frames: Latest[Frame] = Latest()
        self.scenes: Latest[Scene] = Latest()
        self._settings, self._context = settings, context
        taken = registry.create_source(source, context)
        title = registry.source_title(source)
        self.capture = Capture(taken, title, self.frames, context.notify, loop=settings().flag("loop"))
        self._memory = History(settings().number("history.interval"), settings().whole("history.max_bytes"))
        self.sight = Sight(
            self.frames,
            self.scenes,
            self._memory,
            context,
            self._on_cut,
            on_screen=registry.source_spec(source).id == "screen",
            is_live=lambda: taken.live,
        )
        self._director = Director(pace(settings()), outlets.purse)
        self._around = Surroundings(
            Guarded(self._director),
            self.scenes,
            outlets.speaker,
            outlets.publish,
            lambda: manner(settings()),
            outlets.record,
        )
        self._lanes: tuple[Lane, ...] = ()
        self._leaving: list[threading.Thread] = []
        self._enlist(backends)
        self._is_started = False

    def start(self) -> None:
        self._is_started = True
        for lane in self._lanes:
            lane.start()
        self.sight.start()
        self.capture.start()

    def use(self, backends: Sequence[str]) -> None:
        """Go on with other describers, with all that was seen; the old ones end beside them."""
        leaving = self._lanes
        with self._around.director as director:
            for lane in leaving:
                director.dismiss(lane.name)
        for lane in leaving:
            lane.leave()
        self._enlist(backends)
        change = threading.Thread(target=_change, args=(leaving, self._begun(self._lanes)), name="change", daemon=True)
        change.start()
        self._leaving.append(change)

    def _begun(self, lanes: tuple[Lane, ...]) -> tuple[Lane, ...]:
        """Start the program's own sight at once; returns the others, which need the memory of those before."""
        if not self._is_started:
            return ()
        lanes[0].start()
        return lanes[1:]

    def retry(self, backend_id: str) -> None:
        """Something was mended, such as its key: a describer is opened anew, and asked at once if it rests."""
        for lane in self._lanes:
            if lane.describer == backend_id:
                lane.retry()

    def describe(self) -> None:
        """The user wishes to hear what is there, before anything else."""
        self._director.tell(Wish.DESCRIBE)
        for lane in self._lanes:
            lane.give_way()
        self.scenes.nudge()

    def pause(self) -> None:
        """Stop asking; hold a file, release a camera."""
        self.tell(Wish.HOLD)
        self.cancel()
        self.capture.pause()

    def resume(self) -> None:
        self.capture.resume()
        self.tell(Wish.GO_ON)

    def cancel(self) -> None:
        """End what the describers have in flight."""
        for lane in self._lanes:
            lane.cancel()

    def tell(self, fact: Wish | Audio) -> None:
        """Tell the director and wake the lanes."""
        self._director.tell(fact)
        self.scenes.nudge()

    def keep_pace(self, pace: Pace) -> None:
        """Take another pace from now on."""
        with self._around.director as director:
            director.pace = pace
        self.scenes.nudge()

    def say_what_is_left(self, drain: Callable[[float], bool], closing: threading.Event) -> None:
        """The source is over: let the last news be told; `drain` waits for the voice for some seconds."""
        deadline = time.monotonic() + _DRAIN
        self.tell(Wish.FINISH)
        while time.monotonic() < deadline and not closing.wait(0.2):
            drain(deadline - time.monotonic())
            if all(lane.idle.is_set() for lane in self._lanes) and self._around.speaker.free_in() <= 0:
                break
        self.tell(Wish.HOLD)

    def wait_idle(self, timeout: float) -> None:
        """Wait until each describer's last decision was to wait, or for `timeout` s each."""
        for lane in self._lanes:
            lane.idle.wait(timeout)

    @property
    def failure(self) -> NarratorError | None:
        """Why nothing at all can be described."""
        return self._lanes[0].failure

    def narrating(self, now: float) -> str:
        """The id of the describer that narrates."""
        with self._around.director as director:
            leader = director.leader(now, self.scenes.peek())
        return next((lane.describer for lane in self._lanes if lane.name == leader), "")

    def close(self) -> list[threading.Thread]:
        """End everything, what asks first; returns the threads that did not end in time."""
        left = [lane.close() for lane in self._lanes]
        for ending in self._leaving:
            ending.join(1)
            left.append(ending if ending.is_alive() else None)
        left += [self.sight.close(), self.capture.close()]
        self.scenes.close()
        self.frames.close()
        return [thread for thread in left if thread is not None]

    def _enlist(self, backends: Sequence[str]) -> None:
        """A lane for the program's own sight, and one above it for each describer, the last one highest."""
        *_, chosen = backends
        spec = registry.spec_of("backends", chosen)
        is_alone = spec.id == EMBEDDED or (isinstance(spec, BackendSpec) and spec.is_alone)
        names = [chosen if is_alone else EMBEDDED, *([] if is_alone else backends)]
        self._lanes = ()
        for name in names:
            self._lanes = (*self._lanes, self._new_lane(name))

    def _new_lane(self, backend: str) -> Lane:
        """The next lane; of two models of one kind the second has a number."""
        spec, rank = registry.spec_of("backends", backend), len(self._lanes)
        twins = sum(lane.describer == spec.id for lane in self._lanes)
        name = LOCAL if not rank else f"{spec.id}-{twins + 1}" if twins else spec.id
        with self._around.director as director:
            director.enlist(name, rank)
        others = f"{self._lanes[-1].title} goes on." if rank > 1 else _BUILT_IN if rank else ""
        describer = Describer(name, spec.id, spec.title, registry.create_backend(backend, self._context), others)
        album = Album(self.frames, self._memory, lambda: limits(self._settings()))
        return Lane(describer, album, self._around)

    def _on_cut(self, revision: int) -> None:
        for lane in self._lanes:
            lane.preempt(revision)
        self.scenes.nudge()


def _change(leaving: Sequence[Lane], coming: Sequence[Lane]) -> None:
    """End lanes, and only then start others. One that was closed meanwhile ends at once."""
    for lane in leaving:
        lane.close()
    for lane in coming:
        lane.start()


def pace(settings: Settings) -> Pace:
    """The director's pace from the settings."""
    return Pace(
        min_gap=settings.number("narration.min_gap"),
        cut_gap=settings.number("narration.cut_gap"),
        overview=settings.flag("narration.overview"),
        cues=settings.flag("narration.cues"),
        rate=settings.number("speech.rate"),
        detail=settings.whole("narration.detail"),
    )


def manner(settings: Settings) -> Manner:
    """How a model is told to speak, from the settings."""
    return Manner(
        style=settings.text("narration.style"),
        detail=settings.whole("narration.detail"),
        focus=settings.text("narration.focus"),
        language=settings.text("speech.language"),
    )


def limits(settings: Settings) -> Limits:
    """What one request may hold, from the settings; the describer's own limit of pictures comes on top."""
    return Limits(
        pictures=1_000,
        tokens=settings.whole("history.tokens"),
        bytes=_MOST_BYTES,
        span=settings.number("history.span"),
    )
