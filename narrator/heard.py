"""What is on its way to the ear, what was heard, what must be told once more: pure bookkeeping of runs and sounds."""

from collections import deque
from dataclasses import dataclass, field

from narrator.messages import Audio, AudioEvent, Reason, Run

_SAID = 12
_SAME_TIME = 1.0
"""Seconds: what two lanes begin to tell within them neither knows of the other."""


@dataclass(slots=True)
class Told:
    """A run whose words are on their way to the ear."""

    run: Run
    offered: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    sounds_over: int = 0
    answered: bool = False
    dropped: bool = False
    hushed: bool = False
    stood_in_for: bool = False
    """Another lane told it, since this one took too long."""

    @property
    def is_silent(self) -> bool:
        """Nothing came of it yet, though it runs."""
        return not self.offered and not self.answered

    @property
    def is_over(self) -> bool:
        return self.answered and self.sounds_over >= len(self.offered)


class Heard:
    """Said means heard. What was dropped is told once more if it is still true; what was hushed is not."""

    def __init__(self) -> None:
        self.under_way: dict[int, Told] = {}
        self.news = 0
        """News up to this number was heard."""
        self.overview_of = -1
        """The newest scene that was described as a whole, or is about to be."""
        self._said: deque[tuple[Run, str]] = deque(maxlen=_SAID)
        self._second_chance = (-1, -1)

    @property
    def said(self) -> tuple[str, ...]:
        """The last captions that were heard, oldest first."""
        return tuple(text for _, text in self._said)

    @property
    def expected(self) -> tuple[str, ...]:
        """What will have been heard when the next words are spoken."""
        under_way = (" ".join(told.offered) for told in self.under_way.values() if told.offered and not told.dropped)
        return (*self.said, *under_way)

    def since(self, run: Run) -> tuple[str, ...]:
        """What others told since this run began, and its prompt could not know."""
        began = run.started_at - _SAME_TIME
        heard = (text for other, text in self._said if other is not run and other.started_at >= began)
        others = (told for told in self.under_way.values() if told.run is not run and told.run.started_at >= began)
        return (*heard, *(" ".join(told.offered) for told in others if told.offered))

    def is_untold(self, revision: int) -> bool:
        """Nothing of this scene as a whole was told, and nothing is on its way to the ear."""
        if self.overview_of < revision:
            return True
        overviews = (told for told in self.under_way.values() if told.run.reason in (Reason.START, Reason.CUT))
        asked = [told for told in overviews if told.run.scene_revision == revision]
        return any(told.is_silent for told in asked) and not any(told.offered for told in asked)

    def is_wish_answered(self, since: float) -> bool:
        """Words for a wish of the user that was made at `since` were heard, or are on their way."""
        coming = any(t.offered for t in self.under_way.values() if _grants(t.run, since))
        return coming or any(_grants(run, since) for run, _ in self._said)

    def is_answered_by_another(self, run: Run) -> bool:
        """What the user wished to hear is being told by another lane already."""
        if run.reason is not Reason.USER:
            return False
        others = (told for told in self.under_way.values() if told.run.lane != run.lane and told.offered)
        return any(_grants(told.run, run.started_at - _SAME_TIME) for told in others)

    def is_wish_asked_elsewhere(self, run: Run) -> bool:
        """Another lane answers, or is about to answer, the wish that this run was for."""
        others = (told.run for told in self.under_way.values() if told.run.lane != run.lane)
        return any(_grants(other, run.started_at - _SAME_TIME) for other in others)

    def told_news(self, lane: str) -> int:
        """News up to this number was heard, or is on its way; a silent run counts for its own lane only."""
        coming = (t.run.news_to for t in self.under_way.values() if not t.dropped and (t.offered or t.run.lane == lane))
        return max([self.news, *coming])

    def open(self, run: Run) -> None:
        self.under_way[run.id] = Told(run)

    def hush(self) -> None:
        """What is under way was silenced on purpose."""
        for told in self.under_way.values():
            told.hushed = True

    def hear(self, audio: Audio) -> Run | None:
        """Take what became of a sound; returns a run that must be asked again, as `end` does."""
        run = audio.utterance.run
        told = self.under_way.get(run.id) if run else None
        if told is None or audio.event is AudioEvent.START:
            return None
        told.sounds_over += 1
        told.dropped = told.dropped or audio.event is AudioEvent.DROPPED
        if audio.event is AudioEvent.END:
            told.heard.append(audio.utterance.text)
        return self._settle(told)

    def end(self, run: Run) -> Run | None:
        """The run ended; returns it when what it told was dropped, is asked for once more and not yet was."""
        told = self.under_way[run.id]
        told.answered = True
        told.dropped = told.dropped or bool(run.cancelled)
        return self._settle(told)

    def forget(self, run: Run) -> None:
        """The run failed before it said anything."""
        del self.under_way[run.id]
        self._want_overview_again(run)

    def _settle(self, told: Told) -> Run | None:
        if not told.is_over:
            return None
        del self.under_way[told.run.id]
        if told.heard:
            self._said.append((told.run, " ".join(told.heard)))
        chance = (told.run.scene_revision, told.run.news_to)
        if told.dropped and not told.hushed and chance > self._second_chance:
            self._second_chance = chance
            self._want_overview_again(told.run)
            return told.run
        self.news = max(self.news, told.run.news_to)
        return None

    def _want_overview_again(self, run: Run) -> None:
        others = (told.run for told in self.under_way.values() if told.run is not run)
        is_asked = any(other.reason.is_overview and other.scene_revision == run.scene_revision for other in others)
        if run.reason.is_overview and self.overview_of == run.scene_revision and not is_asked:
            self.overview_of -= 1


def _grants(run: Run, since: float) -> bool:
    return run.reason is Reason.USER and run.started_at >= since
