"""Describes with no language model: what sight recognised, put into sentences by rule. Keeps nothing between calls."""

from collections.abc import Iterator

from narrator.messages import Delta, Prompt, Reason, Run
from narrator.seams import BackendSpec, Capabilities, Context
from narrator.wording import Wording

SPEC = BackendSpec(
    id="embedded",
    title="Built in",
    help="Names people, animals, vehicles, things and text. Needs no key, no network and no graphics card.",
)
_MEMORY = 3
"""How many of the last lines are not said again. Each sentence about comings and goings has one form more than
this, so that something that happens again after a quiet hour is told again."""


def create(argument: str, context: Context) -> "Embedded":  # noqa: ARG001 - every plug-in is created alike
    return Embedded(context)


class Embedded:
    """Answers from the prompt's scene and news alone."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._wording: Wording | None = None

    def open(self) -> Capabilities:
        """Raises `DataFileDamaged` when the words cannot be read."""
        self._wording = Wording(str(self._context.options.get("speech.language", "en")))
        return Capabilities(streams=True, cancels="token")

    def describe(self, prompt: Prompt, run: Run) -> Iterator[Delta]:
        """A delta for each sentence. A user who asks always gets an answer."""
        for sentence in self._sentences(prompt):
            if run.cancelled:
                return
            yield Delta(run, sentence + " ")

    def token_cost(self, width: int, height: int, detail: str) -> int:  # noqa: ARG002 - it is shown no pictures
        return 0

    def close(self) -> None:
        self._wording = None

    def _sentences(self, prompt: Prompt) -> list[str]:
        assert self._wording is not None, "describe comes after open"
        said = prompt.said[-_MEMORY:]
        if prompt.reason is Reason.USER:
            return self._wording.answer(prompt.scene, said)
        if prompt.overview:
            return self._wording.overview(prompt.scene, said, is_cut=prompt.reason is Reason.CUT)
        return self._wording.news(prompt.scene, prompt.news, said)
