"""A session with Gemini, from `open` to `close`: which model answers, what it can do, and what its answers teach."""

import asyncio
import logging
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from narrator.backends import _gemini_stream as stream
from narrator.backends._gemini_client import Connection, Service, connect
from narrator.backends._gemini_errors import (
    AccessDenied,
    AuthFailed,
    ModelNotFound,
    ModelReplaced,
    QuotaExceeded,
    failure,
)
from narrator.backends._gemini_models import Model, catalogue
from narrator.backends._gemini_request import stops
from narrator.backends._gemini_told import expected, told
from narrator.errors import BackendError, BackendRefused
from narrator.mailbox import Cancel, Closed
from narrator.messages import Citation, Delta, Level, Notice, Prompt, PromptPicture, Run, Usage
from narrator.seams import Capabilities, Context

if TYPE_CHECKING:
    from google.genai import Client

_log = logging.getLogger(__name__)
_ID = "gemini"
_HEARTBEAT = 180.0
_PREPARED_WITHIN = 3.0
_CHECKED_WITHIN = 8.0
_CLOSED_WITHIN = 1.0
_DOUBTFUL = 0.05
"""A counted sum that is further than this share from ours puts the estimate right."""


def try_out(context: Context) -> str:
    """What `gemini.check` does."""
    service = Service.of(context.options)
    secret = context.key(_ID)
    connected = connect(service, context, secret)
    work = connected.client.aio.models.count_tokens
    model = catalogue().model(_wanted("", context))
    try:
        context.network.call(work(model=model.id, contents="Hello"), _CHECKED_WITHIN)
    except expected() as error:
        raise told(error, model.id, secret) from error
    finally:
        _end(connected, context)
    return f"Gemini accepts the key, and {model.title} answers."


class Gemini:
    """Keeps a client from `open` to `close`; opened again before that, it only tells anew what it can do.

    Where it sends to is settled when it is made, as that is what the user agreed to; settings may change later.
    """

    def __init__(self, argument: str, context: Context) -> None:
        self._argument, self._context = argument, context
        self._service = Service.of(context.options)
        self._given_up = Cancel()
        self._secret = ""
        self._connection: Connection | None = None
        self._model = catalogue().model(catalogue().default)
        self._offered: dict[str, Any] | None = None
        """The models that the service has, by id; None when it did not tell."""
        self._gone: set[str] = set()
        """Those that turned out not to be there; a second one is not replaced, the trouble is another then."""
        self._rerouted: set[str] = set()
        self._slowest = 0.0
        """Seconds between two requests that the service's own limit allows."""
        self._correction = 1.0

    def open(self) -> Capabilities:
        """Connect, list the models and send a word, so that the first picture need not wait.

        Raises `BackendRefused`, `DataFileDamaged`, and `Closed` when it is closed meanwhile.
        """
        if self._connection is None:
            self._given_up = given_up = Cancel()
            self._secret = self._context.key(_ID)
            _go_on_unless(given_up)
            self._connection = connected = connect(self._service, self._context, self._secret)
            self._offered, self._gone = None, set()
            try:
                self._prepare(connected.client, given_up)
            except (BackendRefused, Closed):
                self._disconnect()
                raise
        return self._capabilities()

    def describe(self, prompt: Prompt, run: Run) -> Iterator[Delta | Usage | Citation]:
        """Ends within 5 ms of a cancel, with the tokens told so far. Nothing is sent twice. Raises `BackendError`."""
        connected = self._connection
        if connected is None or run.cancelled:
            return
        self._service.require_network(self._context)
        model, options = self._model, self._context.options
        reading = stream.Reading(run, stops(options))
        pieces = stream.answer(connected.client, prompt, model, options)
        try:
            with closing(self._context.network.stream(pieces, run.cancelled)) as arriving:
                for piece in arriving:
                    yield from reading.take(piece)
        except expected() as error:
            yield from reading.rest()
            if run.cancelled:
                return
            raise self._setback(told(error, model.id, self._secret)) from error
        if run.cancelled:
            yield from reading.rest()
            return
        yield from reading.rest()
        self._learn(prompt, model, reading)
        broken = reading.failure()
        if broken is not None:
            raise broken

    def token_cost(self, width: int, height: int, detail: str) -> int:
        return round(self._correction * self._model.generation.cost(width, height, detail))

    def close(self) -> None:
        self._given_up.throw()
        self._disconnect()

    def _disconnect(self) -> None:
        connected, self._connection = self._connection, None
        if connected is not None:
            _end(connected, self._context)

    def _capabilities(self) -> Capabilities:
        rule = self._model.generation
        finest = self._context.text("gemini.media_resolution")
        levels = list(rule.levels)
        finest = "high" if finest == "auto" else finest
        levels = levels[: levels.index(finest) + 1] if finest in levels else levels
        return Capabilities(
            max_images=self._model.max_images,
            full_side=rule.full_side,
            details=tuple(levels) or ("",),
            per_image_detail=rule.per_picture,
            chat=True,
            system_prompt=True,
            context_tokens=self._model.context_in,
            streams=True,
            cancels="socket",
            needs_network=True,
            pictures_leave_device=True,
            min_gap=max(self._context.number("gemini.min_gap"), self._slowest),
            heartbeat=_HEARTBEAT,
            prices=self._model.prices_on(_today()),
            first_word_within=self._context.number("gemini.first_word_within"),
            answer_within=self._context.number("gemini.answer_within"),
        )

    def _prepare(self, client: "Client", given_up: Cancel) -> None:
        """Only what the user must mend is raised; a service that is away will be noticed by the first request."""
        wanted = _wanted(self._argument, self._context)
        work = _prepared(client, wanted, given_up)
        try:
            listed, counted = self._context.network.call(work, _PREPARED_WITHIN + _CLOSED_WITHIN)
        except TimeoutError as error:
            listed = counted = error
        _go_on_unless(given_up)
        if not isinstance(listed, BaseException):
            self._offered = {_id(entry.name): entry for entry in listed if _generates(entry)}
            self._context.offered[_ID] = tuple(sorted(self._offered))
        refused = told(counted, wanted, self._secret) if isinstance(counted, expected()) else None
        if isinstance(refused, ModelNotFound):
            self._gone.add(wanted)
        elif isinstance(refused, BackendRefused):
            raise refused
        self._choose(wanted)

    def _choose(self, wanted: str) -> None:
        """Take the wanted model, or the nearest that works, and tell of it."""
        model = catalogue().model(wanted)
        is_missing = wanted in self._gone or (self._offered is not None and wanted not in self._offered)
        is_over = model.live or (self._offered is None and model.is_retired(_today()))
        other = catalogue().successor(wanted, self._usable(), _today()) if is_missing or is_over else ""
        if other:
            sentence = f"The model {wanted} does not exist any more; {catalogue().model(other).title} answers."
            self._tell(Level.WARNING, sentence, f"To choose another, set gemini.model; for example {other}.")
            model = catalogue().model(other)
        elif model.is_known and model.retires_on and not model.is_retired(_today()):
            sentence = f"The model {wanted} ends on {model.retires_on:%d.%m.%Y}."
            self._tell(Level.INFO, sentence, f"Choose {model.replaced_by} in gemini.model.")
        elif not model.is_known:
            sentence = f"The model {wanted} is not known to this version: what it costs is an estimate."
            self._tell(Level.WARNING, sentence, f"A model that is known is {catalogue().default}.")
        self._model, self._correction = self._measured(model), 1.0

    def _measured(self, model: Model) -> Model:
        """The model with what the service itself tells of it, when the catalogue does not know it."""
        listed = (self._offered or {}).get(model.id)
        if model.is_known or listed is None:
            return model
        context_in, max_out = listed.input_token_limit, listed.output_token_limit
        return replace(model, context_in=context_in or model.context_in, max_out=max_out or model.max_out)

    def _usable(self) -> Collection[str] | None:
        return None if self._offered is None else self._offered.keys() - self._gone

    def _tell(self, level: Level, sentence: str, remedy: str) -> None:
        self._context.notify(Notice(level, sentence, remedy))

    def _setback(self, error: BackendError) -> BackendError:
        """The error, after what is to be learnt from it."""
        if isinstance(error, AuthFailed | AccessDenied):
            self._disconnect()  # the next opening takes the key that is there then
        if isinstance(error, QuotaExceeded) and error.a_minute:
            self._slowest = 60 / error.a_minute
        if not isinstance(error, ModelNotFound) or self._gone:
            return error
        gone = self._model.id
        self._gone.add(gone)
        self._choose(gone)
        if self._model.id == gone:
            return error
        return failure(ModelReplaced, error.detail, model=gone, other=self._model.id)

    def _learn(self, prompt: Prompt, model: Model, reading: stream.Reading) -> None:
        """Compare what was counted and who answered with what we took for granted."""
        if reading.version and not reading.version.startswith(model.id) and not model.id.endswith("latest"):
            self._tell_once(reading.version, model)
        reckoned = sum(model.generation.cost(p.picture.width, p.picture.height, p.detail) for p in _pictures(prompt))
        if not reckoned or not reading.pictures:
            return
        if abs(reading.pictures / (reckoned * self._correction) - 1) > _DOUBTFUL:
            _log.warning("%s counts %d tokens where the rule says %d", model.id, reading.pictures, reckoned)
            self._correction = reading.pictures / reckoned

    def _tell_once(self, version: str, model: Model) -> None:
        if version not in self._rerouted:
            self._rerouted.add(version)
            sentence = f"Not {model.id} but {version} answered."
            self._tell(Level.WARNING, sentence, "Its price may differ: choose the model in gemini.model.")


async def _prepared(client: "Client", model: str, given_up: Cancel) -> tuple[Any, Any]:
    """The models that there are, and the tokens of a word; in place of each, why it did not come in time."""
    _go_on_unless(given_up)

    async def listed() -> list[Any]:
        return list((await client.aio.models.list(config={"page_size": 1000})).page)

    async def counted() -> Any:
        return await client.aio.models.count_tokens(model=model, contents="Hello")

    within = (asyncio.wait_for(work, _PREPARED_WITHIN) for work in (listed(), counted()))
    found = await asyncio.gather(*within, return_exceptions=True)
    return found[0], found[1]


def _go_on_unless(given_up: Cancel) -> None:
    if given_up:
        raise Closed


def _end(connected: Connection, context: Context) -> None:
    with suppress(Closed, *expected()):
        context.network.call(connected.end(), _CLOSED_WITHIN)


def _wanted(argument: str, context: Context) -> str:
    return _id(argument or context.text("gemini.model")) or catalogue().default


def _id(name: str | None) -> str:
    return (name or "").rpartition("/")[2]


def _generates(entry: Any) -> bool:
    actions = entry.supported_actions
    return not actions or "generateContent" in actions


def _pictures(prompt: Prompt) -> Iterator[PromptPicture]:
    for parts in (*(turn.parts for turn in prompt.turns), prompt.parts):
        yield from (part for part in parts if isinstance(part, PromptPicture))


def _today() -> date:
    return date.today()
