"""A torch model from `open` to `close`, from the program's side: the model itself runs in a child process."""

import logging
import math
from collections.abc import Iterator

from narrator.backends import _paligemma as paligemma
from narrator.backends._chat import messages, newer_half
from narrator.backends._torch_choice import ENGINE, chosen, is_there, wanted
from narrator.backends._torch_costs import Costs
from narrator.backends._torch_speech import Parsed, Sentence, Speech, Words
from narrator.children import Message
from narrator.engines.failures import ContextTooLong, failure
from narrator.engines.parent import Engine
from narrator.errors import AnswerCut
from narrator.messages import Delta, Level, Notice, Prompt, Reason, Run, Usage
from narrator.models.store import Installed
from narrator.seams import Capabilities, Context, frame_lasts

_log = logging.getLogger(__name__)
_TITLE = "Torch"
_HEARTBEAT = 30.0
_LONGEST_NAME = 100
_DEVICES = {"cuda": "the graphics card", "mps": "the graphics card", "cpu": "the processor"}
_FORMS = {"int8": ", in 8 bits", "4bit": ", in 4 bits"}
_PARSED = ("detect", "ocr")


class Torch:
    """`argument` is a folder or a name, which counts before the setting `torch.model`."""

    def __init__(self, argument: str, context: Context) -> None:
        self._argument, self._context = argument, context
        self._engine = Engine(ENGINE, _TITLE)
        self._is_closed = False
        self._ready: Message = {}
        self._costs = Costs(())
        self._has_begun = self._is_announced = False

    def open(self) -> Capabilities:
        """Start a child and have it load the model. Raises `BackendError`, and `Closed` when closed meanwhile."""
        if self._is_closed:
            self._engine, self._is_closed = Engine(ENGINE, _TITLE), False
        engine, model = self._engine, self._chosen()
        engine.model = model.title
        self._tell(f"{model.title} is loading.", quiet=self._has_begun)
        self._has_begun = True
        self._ready = engine.load(self._options(model), self._tell)
        if self._ready["device"] == "cpu":
            engine.expect(self._context.number("torch.first_word_within"))
        self._costs = Costs(self._ready["costs"])
        where = _DEVICES[self._ready["device"]] + _FORMS.get(self._ready["form"], "")
        self._tell(f"{model.title} describes, on {where}.")
        if not self._is_announced:
            self._warn_of_language(model.title)
        self._is_announced = True
        return self._capabilities()

    def describe(self, prompt: Prompt, run: Run) -> Iterator[Delta | Usage]:
        """Ends at once when cancelled. Raises `BackendError`.

        When the pictures do not fit, the newer half of them is asked about at once, and fewer for a while.
        """
        try:
            yield from self._answer(prompt, run)
            if not run.cancelled:
                self._costs.did_fit()
        except ContextTooLong as error:
            fewer = newer_half(prompt)
            if fewer is None:
                raise
            self._costs.did_not_fit()
            _log.info("%s With the newer half of them it is asked again.", error.sentence)
            yield from self._answer(fewer, run)

    def token_cost(self, width: int, height: int, detail: str) -> int:  # noqa: ARG002 - there are no levels of detail
        """As the model's own processor counts them, or near it: nothing is asked of the child."""
        tiles = int(self._ready["max_images"]) if self._ready["is_sheet"] else 1
        return math.ceil(self._costs.of(width, height) / tiles)

    def close(self) -> None:
        self._is_closed = True
        self._engine.close()

    def _answer(self, prompt: Prompt, run: Run) -> Iterator[Delta | Usage]:
        if self._is_closed or run.cancelled:
            return
        task, words = self._task(prompt)
        speech = self._speech(task, words)
        request = self._request(prompt, task, words)
        within = [self._context.number(f"torch.{name}") for name in ("first_word_within", "answer_within")]
        try:
            for message in self._engine.ask(request, run.cancelled, *within):
                if message["kind"] == "usage":
                    yield Usage(run, message["tokens_in"], message["tokens_out"], message["cached"])
                elif text := speech.feed(message["text"]):
                    yield Delta(run, text)
        except AnswerCut:
            if text := speech.rest(is_whole=False):
                yield Delta(run, text)
            raise
        if not run.cancelled and (text := speech.rest(is_whole=True)):
            yield Delta(run, text)

    def _chosen(self) -> Installed:
        model = chosen(self._argument, self._context.options)
        if model is not None:
            return model
        name = wanted(self._argument, self._context.options)
        if not name:
            raise failure("no_model", title=_TITLE, setting="torch.model")
        raise failure("not_a_checkpoint" if is_there(name) else "model_missing", model=_short(name))

    def _options(self, model: Installed) -> Message:
        names = ("device", "precision", "memory", "threads", "pictures")
        return {"folder": str(model.model)} | {name: self._context.options[f"torch.{name}"] for name in names}

    def _capabilities(self) -> Capabilities:
        return Capabilities(
            max_images=int(self._ready["max_images"]),
            full_side=int(self._ready["side"]),
            frames_a_second=1.0 if self._context.flag("torch.video") and self._ready["has_video"] else 0.0,
            chat=bool(self._ready["has_chat"]),
            system_prompt=True,
            context_tokens=int(self._ready["context"]),
            streams=True,
            cancels="token",
            heartbeat=_HEARTBEAT,
            frame_lasts=frame_lasts(self._context.number("torch.first_word_within")),
            first_word_within=self._context.number("torch.first_word_within"),
            answer_within=self._context.number("torch.answer_within"),
        )

    def _request(self, prompt: Prompt, task: str, words: str) -> Message:
        asked = self._context.text("torch.prompt").strip()
        if task and not asked:
            asked = paligemma.asked(task, self._language, words)
        return {
            "messages": messages(prompt, has_system=bool(self._ready["has_system"])),
            "task": asked,
            "max_tokens": prompt.max_tokens,
            "video": self._context.flag("torch.video"),
        }

    def _task(self, prompt: Prompt) -> tuple[str, str]:
        """What PaliGemma does, and the words that it needs for that; ("", "") for other models."""
        if self._ready["family"] != paligemma.FAMILY:
            return "", ""
        own, _, rest = self._context.text("torch.prompt").strip().partition(" ")
        if own in paligemma.TASKS:
            return own, rest
        if prompt.turns:
            return "answer", next((part for part in reversed(prompt.parts) if isinstance(part, str)), "")
        task = self._context.text("torch.task")
        if task == "auto":
            task = "describe" if prompt.reason is Reason.USER else "caption"
        return task, self._context.text("torch.words")

    def _speech(self, task: str, words: str) -> Speech:
        if task in _PARSED:
            return Parsed(task, self._language, words)
        if self._ready["has_chat"]:
            return Words(thinks_first=bool(self._ready["thinks_first"]))
        return Sentence()

    @property
    def _language(self) -> str:
        return self._context.text("speech.language")

    def _warn_of_language(self, title: str) -> None:
        if self._ready["family"] == paligemma.FAMILY and not paligemma.language(self._language):
            text = f"{title} does not speak this language: it describes in English."
            self._context.notify(Notice(Level.WARNING, text, "Choose another model, or English in speech.language."))

    def _tell(self, text: str, *, quiet: bool = False) -> None:
        """Aloud the first time; when it is loaded again after a failure, that was told."""
        self._context.notify(Notice(Level.INFO, text, quiet=quiet or self._is_announced))


def _short(name: str) -> str:
    """Fit to be spoken, whatever was typed."""
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
