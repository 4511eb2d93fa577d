"""Reads one run's answer as it comes: what of it is shown, what is spoken, and what it took."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from narrator.errors import AnswerCut
from narrator.language.novelty import Novelty
from narrator.language.phrasing import Clauses, speakable
from narrator.messages import Citation, Delta, Prompt, Run, Usage
from narrator.seams import Capabilities

_LETTERS_A_TOKEN = 4
_FREE = Capabilities()


def estimate(prompt: Prompt, token_cost: Callable[[int, int, str], int]) -> int:
    """All input tokens of a request: pictures by the describer's rule, text at four letters a token."""
    letters = len(prompt.system) + sum(len(part) for part in prompt.parts if isinstance(part, str))
    pictures = ((p.picture.width, p.picture.height, p.detail) for p in prompt.pictures)
    return letters // _LETTERS_A_TOKEN + sum(token_cost(*picture) for picture in pictures)


def _nobody(_run: Run) -> tuple[str, ...]:
    """Stands in where no other describer tells anything."""
    return ()


class Answer:
    """Of a model, what it repeats and its word for "nothing new" are left out; the embedded describer's is taken as is.

    `told_since` gives what other describers told since a run began: that is not said again either.

    After the answer was read: `text` is what was kept of it, `is_whole` is False when it did not come to its end,
    whatever ended it; of one that was cut, `broke_off` is why.
    """

    def __init__(
        self,
        run: Run,
        prompt: Prompt,
        told_since: Callable[[Run], Iterable[str]] = _nobody,
        *,
        by_model: bool,
        language: str = "en",
    ) -> None:
        self.run, self._told_since = run, told_since
        self._novelty = Novelty.of(prompt, language) if by_model else None
        self._clauses = Clauses(waits=self._novelty.may_repeat) if self._novelty else Clauses()
        self._kept: list[str] = []
        self._received = 0
        self._usage: Usage | None = None
        self._is_read = False
        self.broke_off: AnswerCut | None = None

    def read(self, parts: Iterable[Delta | Usage | Citation]) -> Iterator[Delta | str]:
        """The deltas to show and the clauses to speak, each once it is certain; ends when the run is cancelled."""
        try:
            for part in parts:
                if isinstance(part, Usage):
                    self._usage = part
                elif isinstance(part, Delta) and not self.run.cancelled:
                    self._received += len(part.text)
                    yield from self._take(self._novelty.feed(part.text) if self._novelty else part.text)
        except AnswerCut as error:
            self.broke_off = error
            return
        if self.run.cancelled:
            return
        yield from self._take(self._novelty.flush() if self._novelty else "")
        yield from self._spoken(self._clauses.flush())
        self._is_read = True

    @property
    def text(self) -> str:
        """The clauses that were kept, as one line."""
        return " ".join(self._kept)

    @property
    def has_begun(self) -> bool:
        """Something came: words, or a count of tokens."""
        return bool(self._received) or self._usage is not None

    @property
    def is_whole(self) -> bool:
        return self._is_read and not self.run.cancelled

    @property
    def is_enough(self) -> bool:
        """It is whole, or was cut at its length after something of it had been kept."""
        is_long = self.broke_off is not None and self.broke_off.at_length and bool(self._kept)
        return self.is_whole or (is_long and not self.run.cancelled)

    def usage(self, tokens_estimated: int, able: Capabilities = _FREE) -> Usage:
        """What the describer reported, else an estimate, and its cost: what was cancelled counts as billed."""
        found = self._usage
        if found is None:
            found = Usage(self.run, tokens_estimated, self._received // _LETTERS_A_TOKEN, estimated=True)
        cost = able.prices.cost(found.tokens_in, found.tokens_out, found.cached) if able.prices else 0.0
        return replace(found, cost=cost, is_far=able.pictures_leave_device)

    def _take(self, text: str) -> Iterator[Delta | str]:
        if text:
            yield Delta(self.run, text)
            yield from self._spoken(self._clauses.feed(text))

    def _spoken(self, clauses: Iterable[str]) -> Iterator[str]:
        for clause in clauses:
            if self._novelty:
                self._novelty.hear(self._told_since(self.run))
            fresh = self._novelty.fresh(clause) if self._novelty else clause
            if fresh:
                self._kept.append(speakable(fresh))
                yield fresh
