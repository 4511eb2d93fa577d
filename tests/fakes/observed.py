"""Shows pictures to sight's observer, without threads, and keeps what came of them."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from fakes.scenery import Pixels, frame, noise

from narrator.messages import Frame, News, NewsKind, Scene
from narrator.sight.observer import Observer, Pace
from narrator.sight.text import Reader
from narrator.sight.things import Finder

FPS = 10


@dataclass
class Watched:
    """What came of a clip: every Scene with its time, and all news."""

    scenes: list[tuple[float, Scene]] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    looks: int = 0

    @property
    def last(self) -> Scene:
        return self.scenes[-1][1]

    @property
    def kinds(self) -> list[NewsKind]:
        return [news.kind for news in self.news]

    def settled(self, revision: int) -> tuple[float, Scene]:
        """When the scene of this revision could first be told of, and what it was."""
        return next((at, scene) for at, scene in self.scenes if scene.revision == revision and scene.settled)


def watch(
    pictures: Iterable[Pixels],
    finder: Finder | None,
    reader: Reader | None = None,
    *,
    fps: float = FPS,
    pace: Pace | None = None,
    live: bool = False,
    epochs: Iterable[int] | None = None,
) -> Watched:
    """Show the pictures to an observer; text is read at once, between two frames."""
    asked: deque[tuple[Frame, int]] = deque()
    observer = Observer(finder, (lambda *wish: asked.append(wish)) if reader else None, live=live)
    watched = Watched()
    epoch = iter(epochs or ())
    for number, picture in enumerate(pictures):
        shown = frame(picture, number, number / fps, next(epoch, 0))
        keep(watched, observer.see(shown, shown.captured_at, pace or Pace()), shown.captured_at)
        while asked and reader:
            wished, revision = asked.popleft()
            answer = observer.take_text(revision, reader.read(wished.pixels), shown.captured_at)
            keep(watched, answer, shown.captured_at)
    watched.looks = observer.looks
    return watched


def keep(watched: Watched, scene: Scene | None, at: float) -> None:
    if scene is not None:
        watched.scenes.append((at, scene))
        watched.news += [news for news in scene.news if not watched.news or news.number > watched.news[-1].number]


def filmed(picture: Pixels, seconds: float, seed: int = 0) -> Iterator[Pixels]:
    """As a camera gives it, with noise."""
    rng = np.random.default_rng(seed)
    return (noise(picture, 2, rng) for _ in range(int(seconds * FPS)))
