"""A session with a server, from `open` to `close`: what it has, when it sleeps, and what its answers teach."""

import logging
import math
import re
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from narrator.backends import _server_stream as stream
from narrator.backends._gemini_models import Model, catalogue
from narrator.backends._server_address import Address
from narrator.backends._server_client import connect
from narrator.backends._server_errors import (
    AuthFailed,
    BadRequest,
    CannotSee,
    ContextTooLong,
    ContextTooSmall,
    NoCredit,
    Overloaded,
    StillAsleep,
    TimedOut,
    TooLarge,
    TooManyPictures,
    Truncated,
    Unreachable,
    Waking,
    failure,
)
from narrator.backends._server_key import key_for
from narrator.backends._server_models import Found, Search, instead
from narrator.backends._server_presets import Preset, may_think
from narrator.backends._server_told import Asked, expected, limit_of, told
from narrator.errors import BackendError
from narrator.mailbox import Cancel, Closed
from narrator.messages import Delta, Level, Notice, Prompt, Run, Usage
from narrator.seams import Capabilities, Context, Prices, frame_lasts

if TYPE_CHECKING:
    import httpx2

_log = logging.getLogger(__name__)
_ID = "server"
_OPENS_WITHIN = 3.0
_CLOSED_WITHIN = 1.0
_AWAKE = 60.0
"""A server that answered within these seconds does not sleep when it has no room."""
_LOOKS_AGAIN = 2.0
"""Seconds after which it is seen whether the server is awake; asking it goes on meanwhile."""
_GIVEN_UP_FOR = 60.0
_LONGEST_REST = 5.0
"""Seconds between two tries to reach a server that was there: it is told at once when it is back."""
_HEARTBEAT, _FAR_HEARTBEAT = 30.0, 180.0
_PIXELS = 28
"""Side of the square of a picture that costs a token with Qwen's models; answers put it right for others."""
_LETTERS_A_TOKEN = 4
_DOUBTFUL = 0.25
_FURTHEST = 16.0
_LEAST_SIDE = 256
_MOST_IMAGES = 1000
_ADAPTATIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    (r"stream_options|include_usage", {"usage_in_stream": False}),
    (r"max_completion_tokens", {"max_tokens_field": "max_completion_tokens"}),
    (r"system.{0,40}role|role.{0,40}system|system (message|instruction|prompt)s?", {"system_prompt": False}),
    (r"chat_template|reasoning_effort|thinking", {"extra": {}}),
)
"""What a server that refuses a request complains of, and what to do without; the picture was not looked at then."""


class Server:
    """Keeps a client from `open` to `close`; opened again before that, it finds out anew what it can do.

    Where it sends to is settled when it is made, as that is what the user agreed to; settings may change later.
    """

    def __init__(self, argument: str, context: Context) -> None:
        self._argument, self._context = argument, context
        self._address = Address.of(context.options)
        self._given_up = Cancel()
        self._client: httpx2.AsyncClient | None = None
        self._search: Search | None = None
        self._secret = ""
        self._found: Found | None = None
        self._found_before = ("", "")
        self._preset: Preset | None = None
        """The kind of server, less what it complained of."""
        self._most_images, self._side = 0, 0
        """What the server turned out to take; 0 when it took all."""
        self._thinks: bool | None = None
        self._answered_at = -math.inf
        self._must_warm_up = self._is_warm = False
        self._tries = 0
        self._correction = 1.0

    def open(self) -> Capabilities:
        """Find out what the server has; while it sleeps it is asked on behind this, and `Waking` raised.

        Raises `BackendError`, `DataFileDamaged`, and `Closed` when it is closed meanwhile.
        """
        if self._client is None:
            self._given_up = Cancel()
            self._address.require_usable(self._context)
            self._secret = key_for(self._address, self._context)
            allows_http = self._context.flag("server.allow_http")
            self._client = connect(self._address, self._secret, allows_http=allows_http)
        if self._given_up:
            self.close()
            raise Closed
        if self._found is None:
            found = self._looked()
            if self._given_up:
                raise Closed
            self._take(found)
        return self._capabilities()

    def describe(self, prompt: Prompt, run: Run) -> Iterator[Delta | Usage]:
        """Ends within 5 ms of a cancel. What is too late for its run is not sent. Raises `BackendError`."""
        if self._client is None or self._found is None or run.cancelled:
            return
        self._address.require_network(self._context)
        may_repeat = True
        while True:
            within = self._within(run)
            reading = stream.Reading(run, prompt, prompt.max_tokens, thinks=self._thinks)
            try:
                yield from self._pieces(prompt, run, within, reading)
            except expected() as error:
                yield from reading.rest()
                problem = told(error, self._asked())
                if run.cancelled:
                    return
                is_dropped = type(problem) is Truncated and not reading.is_answered
                if self._adapt(problem) or (is_dropped and may_repeat):
                    may_repeat = may_repeat and not is_dropped  # once: it may have closed a connection that lay idle
                    continue
                raise self._setback(problem, prompt, reading) from error
            break
        yield from reading.rest()
        if not run.cancelled:
            self._conclude(prompt, reading)

    def token_cost(self, width: int, height: int, detail: str) -> int:
        if self._preset is not None and self._preset.prices and self._found is not None:
            return _gemini(self._found.model).generation.cost(width, height, detail)
        return max(1, round(self._correction * _by_pixels(width, height)))

    def close(self) -> None:
        self._given_up.throw()
        self._disconnect()

    def _disconnect(self) -> None:
        client, self._client, self._found = self._client, None, None
        search, self._search = self._search, None
        if client is not None:
            with suppress(Closed, *expected()):
                self._context.network.call(_end(client, search), _CLOSED_WITHIN)

    def _pieces(self, prompt: Prompt, run: Run, within: stream.Within, reading: stream.Reading) -> Iterator[Delta]:
        asked = self._asked()
        assert self._client is not None
        assert self._preset is not None
        content = stream.body(prompt, asked.model, self._preset, self._context.options)
        pieces = stream.answer(self._client, asked, content, within, reading)
        with closing(self._context.network.stream(pieces, run.cancelled)) as arriving:
            yield from arriving

    def _conclude(self, prompt: Prompt, reading: stream.Reading) -> None:
        self._learn(prompt, reading)
        broken = reading.failure()
        if broken is not None:
            raise broken

    def _within(self, run: Run) -> stream.Within:
        left = run.deadline - time.monotonic()
        if left <= 0:
            raise failure(TimedOut, "too late to be sent", place=self._address.place)
        first_word = self._context.number("server.first_word_within")
        whole = min(left, self._context.number("server.answer_within"))
        return stream.Within(min(first_word, whole), whole)

    def _asked(self) -> Asked:
        found = self._found
        return Asked(self._address, found.model if found else "", found.models if found else (), self._secret)

    def _looked(self) -> Found:
        """What the server has. Raises `Waking` while it sleeps, with the search going on, and other errors of it."""
        if self._search is None:
            wanted = self._argument or self._context.text("server.model")
            asked = replace(self._asked(), model=wanted)
            assert self._client is not None
            self._search = Search(self._client, asked, wanted, self._context.text("server.preset"))
        wake_within = self._context.number("server.wake_within")
        work = self._search.result(_OPENS_WITHIN, wake_within, warm_up=self._must_warm_up)
        try:
            found = self._context.network.call(work, _OPENS_WITHIN + _CLOSED_WITHIN)
        except BackendError as error:
            self._search = None
            self._forget_key(error)
            raise self._rested(error) from error
        except TimeoutError:
            found = None
        if found is None:
            raise failure(Waking, "it sleeps", rest=_LOOKS_AGAIN, place=self._address.place)
        self._search = None
        return found

    def _take(self, found: Found) -> None:
        """Go on with what was found; what earlier answers taught of the same model stays."""
        self._is_warm, self._must_warm_up, self._tries = self._must_warm_up, False, 0
        if self._found_before == (found.preset.id, found.model):
            self._found = found
            return
        self._found_before = (found.preset.id, found.model)
        self._found, self._preset = found, found.preset
        self._most_images, self._side = 0, 0
        self._thinks = None if may_think(found.model) else False
        self._answered_at, self._correction = -math.inf, 1.0
        self._context.offered[_ID] = found.models
        text = f"{found.model} on {self._address.place} describes."
        self._context.notify(instead(found) or Notice(Level.INFO, text, quiet=True))

    def _capabilities(self) -> Capabilities:
        assert self._found is not None
        assert self._preset is not None
        number, is_far = self._context.number, not self._address.is_loopback
        most = int(number("server.max_images"))
        return Capabilities(
            max_images=min(most or self._preset.max_images, self._most_images or _MOST_IMAGES),
            full_side=self._side or int(number("server.side")),
            chat=True,
            system_prompt=True,
            context_tokens=self._found.context_tokens,
            prefix_cache=self._preset.prefix_cache,
            streams=True,
            cancels="socket",
            needs_network=is_far,
            pictures_leave_device=is_far,
            min_gap=max(number("server.min_gap"), self._preset.min_gap),
            heartbeat=_FAR_HEARTBEAT if is_far else _HEARTBEAT,
            prices=self._prices(),
            frame_lasts=frame_lasts(number("server.first_word_within")),
            first_word_within=number("server.first_word_within"),
            answer_within=number("server.answer_within"),
        )

    def _prices(self) -> Prices | None:
        assert self._found is not None
        tokens_in, tokens_out = (self._context.number(f"server.price_{way}") for way in ("in", "out"))
        if tokens_in or tokens_out:
            return Prices(tokens_in, tokens_out, tokens_in)
        is_listed = self._preset is not None and self._preset.prices
        return _gemini(self._found.model).prices_on(date.today()) if is_listed else None

    def _adapt(self, problem: BackendError) -> bool:
        """Do without what a server complains of; True when that is worth another try with the same picture."""
        if not isinstance(problem, BadRequest | Overloaded) or self._preset is None:
            return False
        for pattern, change in _ADAPTATIONS:
            adapted = replace(self._preset, **change)
            if adapted != self._preset and re.search(pattern, problem.detail, re.IGNORECASE):
                _log.info("The server does without %s: %s", ", ".join(change), problem.detail)
                self._preset = adapted
                return True
        return False

    def _setback(self, error: BackendError, prompt: Prompt, reading: stream.Reading) -> BackendError:
        """The error, after what is to be learnt from it."""
        place = self._address.place
        self._forget_key(error)
        if isinstance(error, ContextTooLong | TooLarge | TooManyPictures):
            return self._shrunk(error, len(prompt.pictures))
        if type(error) is Truncated and not reading.is_answered:
            error = failure(Unreachable, error.detail, place=place)
        if isinstance(error, Waking) and time.monotonic() - self._answered_at < _AWAKE:
            return failure(Overloaded, error.detail, rest=error.rest, place=place)
        if type(error) is Unreachable and not self._address.is_near:
            error = failure(Waking, error.detail, place=place)
        if type(error) is TimedOut and self._answered_at == -math.inf and not self._is_warm:
            error = failure(Waking, error.detail, place=place)
        if isinstance(error, Unreachable):
            self._found = None
            self._must_warm_up |= isinstance(error, Waking)  # a proxy may list the models of a server that sleeps
        return self._rested(error)

    def _forget_key(self, error: BackendError) -> None:
        """After a key was not taken: the next opening takes the one that is there then."""
        if isinstance(error, AuthFailed | NoCredit):
            self._disconnect()

    def _rested(self, error: BackendError) -> BackendError:
        """A server that was there is tried again soon: mostly it is started anew."""
        if isinstance(error, StillAsleep):
            error.rest = _GIVEN_UP_FOR
        elif isinstance(error, Unreachable) and not error.rest:
            self._tries += 1
            error.rest = min(_LONGEST_REST, 0.5 * 2**self._tries)
        return error

    def _shrunk(self, error: BackendError, pictures: int) -> BackendError:
        """Ask for less from now on: fewer pictures, then a smaller one; the error when even that is too much."""
        if isinstance(error, TooManyPictures):
            limit = limit_of(error.detail)
            self._most_images = max(1, min(limit or pictures // 2, pictures - 1))
            return failure(CannotSee, error.detail, model=self._asked().model) if pictures <= 1 else error
        if pictures > 1:
            self._most_images = pictures // 2
            return error
        side = self._side or int(self._context.number("server.side"))
        if side <= _LEAST_SIDE:
            return failure(ContextTooSmall, error.detail)
        self._side = max(_LEAST_SIDE, side // 2)
        return error

    def _learn(self, prompt: Prompt, reading: stream.Reading) -> None:
        """Compare what was counted with what we took for granted."""
        self._answered_at, self._tries = time.monotonic(), 0
        self._thinks = reading.thinks if reading.has_spoken or not self._thinks else None
        counted = reading.usage.tokens_in if reading.usage else 0
        texts = [prompt.system, *(part for part in prompt.parts if isinstance(part, str))]
        counted -= sum(map(len, texts)) // _LETTERS_A_TOKEN
        reckoned = sum(_by_pixels(p.picture.width, p.picture.height) for p in prompt.pictures)
        if counted <= 0 or not reckoned:
            return
        ratio = min(_FURTHEST, max(1 / _FURTHEST, counted / reckoned))
        if abs(ratio / self._correction - 1) > _DOUBTFUL:
            _log.info("%d tokens were counted for pictures of %d by the rule", counted, reckoned)
            self._correction = ratio


async def _end(client: "httpx2.AsyncClient", search: Search | None) -> None:
    if search is not None:
        search.end()
    await client.aclose()


def _by_pixels(width: int, height: int) -> int:
    return math.ceil(width / _PIXELS) * math.ceil(height / _PIXELS)


def _gemini(model: str) -> Model:
    return catalogue().model(model.rpartition("/")[2])
