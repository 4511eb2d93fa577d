"""Finds out what a server has, and wakes one that sleeps: it is asked again and again, and never with a picture."""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from narrator.backends import _server_stream as stream
from narrator.backends._server_errors import (
    BadRequest,
    CannotSee,
    NoModel,
    NotAServer,
    StillAsleep,
    TimedOut,
    Truncated,
    Unreachable,
    Waking,
    failure,
)
from narrator.backends._server_presets import Preset, may_see, recognised
from narrator.backends._server_told import Asked, Refused, expected, missing, told
from narrator.errors import BackendBusy, BackendError
from narrator.messages import Level, Notice

if TYPE_CHECKING:
    import httpx2

_log = logging.getLogger(__name__)
_FIRST_REST = 0.5
_LONGEST_REST = 15.0
_LEAST = 3.0
"""Seconds that one question has in any case."""
_LIST_WITHIN = 60.0
"""Seconds for one answer while a server wakes: some hold a request until they are awake."""
_LONGEST_NAME = 200
_CONTEXTS = ("max_model_len", "n_ctx", "context_length", "max_context_length", "n_ctx_train")
"""What servers call the length of a model's context in their list: vLLM, llama-server, others."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a server told: which kind it is, its models, the one that answers, and the length of its context."""

    preset: Preset
    models: tuple[str, ...]
    model: str
    context_tokens: int = 0
    missing: str = ""
    """The model that was wanted, where the server has but another one, which answers in its place."""


class Search:
    """One search for what a server has, from the first question to the answer, however long the server sleeps.

    All of it happens in the network's loop.
    """

    def __init__(self, client: "httpx2.AsyncClient", asked: Asked, wanted: str, preset: str) -> None:
        self._client, self._asked = client, asked
        self._wanted, self._preset = wanted, preset
        self._sleeps_still = asyncio.Event()
        self._task: asyncio.Task[Found] | None = None

    async def result(self, within: float, wake_within: float, *, warm_up: bool) -> Found | None:
        """What was found, or None when the server sleeps; the search then goes on, for the next call to ask after.

        With `warm_up`, and where a server loads on demand, it counts as awake when it answered with a word. Raises
        `BackendError`.
        """
        if self._task is None:
            self._task = asyncio.create_task(self._run(wake_within, warm_up=warm_up))
            self._task.add_done_callback(_note)
        self._sleeps_still.clear()
        asleep = asyncio.create_task(self._sleeps_still.wait())
        try:
            await asyncio.wait({self._task, asleep}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asleep.cancel()
        return self._task.result() if self._task.done() else None

    def end(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self, wake_within: float, *, warm_up: bool) -> Found:
        loop = asyncio.get_running_loop()
        deadline, rest = loop.time() + wake_within, _FIRST_REST
        while True:
            try:
                async with asyncio.timeout_at(max(deadline, loop.time() + _LEAST)):
                    found = await self.look()
                    if warm_up or found.preset.loads_on_demand:
                        await self.warm_up(found.model)
                return found
            except expected() as error:
                problem = told(error, self._asked)
            if isinstance(problem, Truncated):  # it hung up without a word
                problem = failure(Unreachable, problem.detail, place=self._asked.address.place)
            if not self._may_wake(problem):
                raise problem
            self._sleeps_still.set()
            if loop.time() >= deadline:
                raise failure(StillAsleep, problem.detail, place=self._asked.address.place)
            _log.info("%s sleeps: %s", self._asked.address.place, problem.detail)
            asks = problem.rest if isinstance(problem, BackendBusy) else 0.0
            await asyncio.sleep(min(max(rest, asks), max(0.1, deadline - loop.time())))
            rest = min(_LONGEST_REST, 1.5 * rest)

    async def look(self) -> Found:
        """Read the list of models once. Raises what the client raises, `Refused` and `BackendError`."""
        entries = await self._listed()
        owned_by = next((str(entry["owned_by"]) for entry in entries if entry.get("owned_by")), "")
        preset = recognised(self._preset, self._asked.address.host, owned_by)
        models = tuple(dict.fromkeys(entry["id"] for entry in entries))
        model = self._chosen(entries)
        entry = next((entry for entry in entries if entry["id"] == model), {})
        if _sees(entry) is False:
            raise failure(CannotSee, "by its list of models", model=model)
        is_other = bool(self._wanted) and model not in _named(self._wanted, models or (model,))
        return Found(preset, models, model, _context(entry), self._wanted if is_other else "")

    async def warm_up(self, model: str) -> None:
        """Have it answer one word, without a picture. Raises as `look`."""
        words = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1, "stream": False}
        try:
            await self._read("POST", "/chat/completions", json.dumps(words).encode())
        except Refused as refused:
            if not isinstance(told(refused, replace(self._asked, model=model)), BadRequest):
                raise

    async def _listed(self) -> list[dict[str, Any]]:
        try:
            body = await self._read("GET", "/models")
        except Refused as refused:
            is_unlisted = refused.code in (404, 405, 501) and self._wanted
            if not is_unlisted:
                raise
            return []  # the first request will tell whether the path is right
        data = body.get("data", body.get("models", [])) if isinstance(body, dict) else body
        entries = data if isinstance(data, list) else []
        return [entry for entry in entries if isinstance(entry, dict) and _is_name(entry.get("id"))]

    async def _read(self, verb: str, path: str, content: bytes | None = None) -> Any:
        async with asyncio.timeout(_LIST_WITHIN if path == "/models" else None):
            async with self._client.stream(verb, self._asked.address.base + path, content=content) as response:
                raw = await stream.beginning(response, 4_000_000)
        refused = Refused(response.status_code, response.headers, raw)
        if response.status_code != 200 or refused.is_page:
            raise refused
        try:
            body = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise failure(NotAServer, str(error), place=self._asked.address.place) from error
        if isinstance(body, dict) and body.get("error"):
            raise Refused(500, response.headers, raw)
        return body

    def _chosen(self, entries: Sequence[dict[str, Any]]) -> str:
        """The model that was wanted, by any of its names, else the only one, else the first that sees or seems to.

        Some servers take any name and answer with what they have: the list is what tells. Raises `ModelNotFound` when
        there are several others, `NoModel`.
        """
        models, wanted = [str(entry["id"]) for entry in entries], self._wanted
        if wanted:
            same = _named(wanted, models)
            if len(set(models)) > 1 and not same:
                raise missing(replace(self._asked, model=wanted, listed=tuple(dict.fromkeys(models))))
            return wanted if wanted in same or not models else (same or models)[0]
        if not models:
            raise failure(NoModel, place=self._asked.address.place)
        seeing = [model for model, entry in zip(models, entries, strict=True) if _sees(entry)]
        return next(iter([*seeing, *filter(may_see, models), *models]))

    def _may_wake(self, problem: BackendError) -> bool:
        """Whether it may be awake in a while: near, a port where nobody listens means that nothing was started."""
        if isinstance(problem, Waking | TimedOut):
            return True
        return type(problem) is Unreachable and not self._asked.address.is_near


def instead(found: Found) -> Notice | None:
    """That another model answers than the one that was wanted."""
    if not found.missing:
        return None
    text = f"The server has no model {found.missing}; its only one, {found.model}, describes."
    return Notice(Level.WARNING, text, "Load the other there, or empty server.model.")


def _is_name(id_: object) -> bool:
    """It is spoken, and sent back."""
    return isinstance(id_, str) and 0 < len(id_) <= _LONGEST_NAME and id_.isprintable()


def _named(wanted: str, models: Sequence[str]) -> list[str]:
    """Those of the models that go by this name, of which servers leave out a part or put one before."""
    names = (wanted, f"{wanted}:latest", f"models/{wanted}")
    return [model for model in models if model in names or model.rpartition("/")[2] == wanted]


def _sees(entry: dict[str, Any]) -> bool | None:
    """Whether a model takes pictures, where the list tells it, as those of llama-server and OpenRouter do."""
    architecture = entry.get("architecture")
    modalities = architecture.get("input_modalities") if isinstance(architecture, dict) else None
    return "image" in modalities if isinstance(modalities, list) else None


def _note(task: asyncio.Task[Found]) -> None:
    """Look at what ended a search, though nobody may ask after it any more."""
    if not task.cancelled() and task.exception() is not None:
        _log.info("The search ended: %s", task.exception())


def _context(entry: dict[str, Any]) -> int:
    meta = entry.get("meta")
    tables = [entry, meta] if isinstance(meta, dict) else [entry]
    found = [table.get(name) for name in _CONTEXTS for table in tables]
    return next((int(value) for value in found if isinstance(value, int) and value > 0), 0)
