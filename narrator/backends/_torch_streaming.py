"""An answer as it is made, that ends within a layer's time of a cancel: only in the child process."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from narrator.backends._reasoning import is_part_of_mark
from narrator.mailbox import Cancel, Closed, Fifo

_CAPACITY = 100_000
_UNFINISHED = "\ufffd"
"""What a letter of which tokens are still missing decodes to."""


class Stopped(Exception):
    """The run was cancelled in the middle of a step."""


class Brake:
    """Stops a model between two layers, while it reads the prompt, too: a large one takes seconds for that.

    The library itself looks only between two tokens.
    """

    def __init__(self, model: Any) -> None:
        self._cancelled = Cancel()
        for layers in model.modules():
            if isinstance(layers, torch.nn.ModuleList):
                for layer in layers:
                    layer.register_forward_pre_hook(self._look)

    def follow(self, cancelled: Cancel) -> None:
        """Stop for this switch from now on."""
        self._cancelled = cancelled

    def _look(self, *_: object) -> None:
        if self._cancelled:
            raise Stopped


class Letters:
    """What tokens read, without a tokenizer's special ones, but with those that begin or end thoughts."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        special = {token: text for token, text in tokenizer.added_tokens_decoder.items() if text.special}
        read = {token for token, text in special.items() if is_part_of_mark(text.content)}
        self._unread = frozenset((*special, *tokenizer.all_special_ids)) - read if read else None
        """None where the tokenizer itself may leave out all special ones."""

    def of(self, tokens: Sequence[int]) -> str:
        if self._unread is None:
            return str(self._tokenizer.decode(tokens, skip_special_tokens=True))
        return str(self._tokenizer.decode([token for token in tokens if token not in self._unread]))


class Words:
    """What `generate` hands tokens to: their text, without the prompt's, goes into a queue."""

    def __init__(self, letters: Letters) -> None:
        self._letters = letters
        self._is_past_prompt = False
        self._given = ""
        self.tokens: list[int] = []
        self.pieces: Fifo[str] = Fifo(_CAPACITY)

    def put(self, tokens: Any) -> None:
        """The prompt's tokens come first, then one by one the answer's."""
        if not self._is_past_prompt:
            self._is_past_prompt = True
            return
        self.tokens += tokens.flatten().tolist()
        self._give(self._letters.of(self.tokens))

    def end(self) -> None:
        """Give out what was held, and no more."""
        if self.tokens:
            self._give(self._letters.of(self.tokens), is_last=True)
        self.pieces.close()

    def _give(self, text: str, *, is_last: bool = False) -> None:
        if text.endswith(_UNFINISHED) and not is_last:
            return
        fresh = text[len(self._given) :]
        if fresh:
            self._given = text
            self.pieces.put(fresh)


class Generation:
    """One answer: its text piece by piece, then `tokens`, and `is_whole`: the model itself ended it."""

    def __init__(self, model: Any, letters: Letters, brake: Brake) -> None:
        self._model, self._brake = model, brake
        self._words = Words(letters)
        self._failure: BaseException | None = None

    @property
    def tokens(self) -> int:
        return len(self._words.tokens)

    @property
    def is_whole(self) -> bool:
        ends = self._model.generation_config.eos_token_id
        known = ends if isinstance(ends, list) else [ends]
        return bool(self._words.tokens) and self._words.tokens[-1] in known

    def pieces(self, inputs: Any, cancelled: Cancel, **settings: Any) -> Iterator[str]:
        """Raises whatever the model does; ends early when cancelled, or when nobody takes the pieces any more."""
        given_up = Cancel()
        cancelled.call(given_up.throw)
        self._brake.follow(given_up)
        thread = threading.Thread(target=self._generate, args=(inputs, settings), name="generate", daemon=True)
        thread.start()
        try:
            while not cancelled:
                piece = self._words.pieces.get()
                if piece:
                    yield piece
        except Closed:
            pass
        finally:
            cancelled.call(None)
            given_up.throw()
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _generate(self, inputs: Any, settings: dict[str, Any]) -> None:
        try:
            with torch.inference_mode():
                self._model.generate(**inputs, streamer=self._words, **settings)
        except Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - the top of the thread: it is raised again where the answer is read
            self._failure = error
        finally:
            self._words.end()
