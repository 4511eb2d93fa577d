"""Fetches a model: goes on after cuts and restarts, keeps nothing that is not verified, and is cancelled at once."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import httpx2

from narrator.mailbox import Cancel
from narrator.models import store
from narrator.models.address import Hub
from narrator.models.choose import Choice, Request, chosen, requested
from narrator.models.contents import require_whole
from narrator.models.failures import ModelError, failure
from narrator.models.hub import Busy, HubClient, Listing, Patience
from narrator.models.lock import not_writable, only_one
from narrator.models.parts import DiskFull, Part, drop_others
from narrator.models.progress import CHECKING, FETCHING, WAITING, Meter, Progress, Step
from narrator.models.sizes import in_words
from narrator.models.store import Installed, KeptFile, Record
from narrator.network import Network

Answer = TypeVar("Answer")
_ROOM_TO_SPARE = 1.1
_PATIENCE = Patience()
_FIRST_TRIES = 2
"""Pauses that the first question is worth: whoever mistyped an address should not wait for all."""


def get(
    name: str,
    tell: Callable[[Progress], None],
    cancelled: Cancel,
    hub: Hub | None = None,
    patience: Patience = _PATIENCE,
) -> Installed | None:
    """Fetch a model by its id in the catalogue or its repository; None when cancelled, which keeps what has come.

    One that is here is returned at once. `tell` is called in this thread, some times a second. Throwing `cancelled`,
    from any thread, ends it at once. Raises `ModelError`.
    """
    request = requested(name)
    here = next((model for model in store.installed() if model.name == request.name), None)
    if here:
        return here
    known = store.record_of(request.name)
    if known and not known.repository:  # taken in: files of the user's own, though not what they were
        raise failure("taken", name=request.name)
    hub = hub or Hub.at()
    network, meter = Network(), Meter(request.title)
    installed: Installed | None = None
    try:
        for step in network.stream(_steps(request, hub, patience), cancelled):
            if isinstance(step, Installed):
                installed = step
            elif progress := meter.take(step):
                tell(progress)
    finally:
        network.close()
    return installed


def try_token(hub: Hub, patience: Patience = _PATIENCE) -> str:
    """Ask a hub whether it knows the user's token: a sentence that it does. Raises `ModelError`."""
    if not hub.token():
        raise failure("token_stays" if hub.withholds_token() else "no_token", host=hub.host)

    async def ask() -> bool:
        async with HubClient(hub, patience) as client:
            return await client.token_works()

    network = Network()
    try:
        if network.call(ask(), patience.connect + patience.read):
            return f"{hub.host} knows your token."
    except (httpx2.RequestError, TimeoutError) as error:
        raise _reason(error, hub) from error
    finally:
        network.close()
    raise failure("bad_token", host=hub.host, tokens=hub.token_page)


async def _steps(request: Request, hub: Hub, patience: Patience) -> AsyncGenerator[Step | Installed, None]:
    async with HubClient(hub, patience) as client:
        asking = _Asking(client, patience, request)
        listing = await asking.listing()
        choice = await asking.described(listing, chosen(request, listing, hub.host))
        folder = store.folder_of(request.name)
        with only_one(folder, request.title):
            fetch = _Fetch(client, patience, request, listing, choice, folder)
            try:
                store.begin(request.name)
                async for step in fetch.steps():
                    yield step
                fetch.require_whole()
                yield fetch.keep()
            except OSError as error:
                raise not_writable(folder, error) from error
            finally:
                fetch.close()


class _Asking:
    """The questions before the first byte."""

    def __init__(self, client: HubClient, patience: Patience, request: Request) -> None:
        self._client, self._request = client, request
        self._pauses = patience.pauses[:_FIRST_TRIES]

    async def listing(self) -> Listing:
        wanted = self._request
        return await self._persist(lambda: self._client.listing(wanted.repository, wanted.revision, wanted.title))

    async def described(self, listing: Listing, choice: Choice) -> Choice:
        """The choice with the size and the sha256 of every file."""
        files = []
        for file in choice.files:
            ask = partial(self._client.described, listing, file, self._request.title)
            files.append(await self._persist(ask))
        return replace(choice, files=tuple(files))

    async def _persist(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        for pause in (*self._pauses, None):
            try:
                return await ask()
            except (Busy, httpx2.RequestError) as error:
                rest = error.rest if isinstance(error, Busy) else 0.0
                if pause is None or _is_not_trusted(error):
                    raise _reason(error, self._client.hub) from error
            await asyncio.sleep(rest or pause)
        raise AssertionError("the last try returns or raises")


class _Fetch:
    """All files of one model, as one."""

    def __init__(
        self,
        client: HubClient,
        patience: Patience,
        request: Request,
        listing: Listing,
        choice: Choice,
        folder: Path,
    ) -> None:
        self._client, self._patience = client, patience
        self._request, self._listing, self._choice, self._folder = request, listing, choice, folder
        self._parts = [Part(folder, file, choice.told_by) for file in choice.files]
        self._total = sum(file.size for file in choice.files)
        self._kept: list[KeptFile] = []

    async def steps(self) -> AsyncGenerator[Step, None]:
        """Fetch what is missing. Raises `ModelError`, `OSError`."""
        drop_others(self._folder, self._parts)
        for part in self._parts:
            part.claim()
        self._require_room()
        for part in self._parts:
            for _ in part.recall():
                yield self._step(part, CHECKING)
                await asyncio.sleep(0)  # a cancel comes through between two pieces
            async for step in self._filled(part):
                yield step
            self._kept.append(part.finish())

    def require_whole(self) -> None:
        """Raises `ModelError`, and leaves nothing, when what the hub has is not whole; `OSError`."""
        for file in self._choice.files:
            try:
                require_whole(self._folder / file.name)
            except ModelError as error:
                store.wipe(self._folder)
                repository, reason = self._listing.repository, f"{file.name} is not whole"
                raise failure("nothing_fits", error.detail, repository=repository, reason=reason) from error

    def keep(self) -> Installed:
        """Write down that the model is here. Raises `OSError`."""
        request, choice = self._request, self._choice
        licence = request.known.licence if request.known else self._listing.licence
        return store.keep(
            Record(
                request.name,
                choice.engine,
                request.title,
                tuple(self._kept),
                choice.model,
                choice.projector,
                request.repository,
                self._listing.revision,
                licence,
            )
        )

    def close(self) -> None:
        for part in self._parts:
            part.close()

    def _require_room(self) -> None:
        missing = self._total - sum(part.on_disk for part in self._parts)
        free = shutil.disk_usage(self._folder).free
        if missing * _ROOM_TO_SPARE > free:
            needed, left = in_words(missing * _ROOM_TO_SPARE), in_words(free)
            raise failure("no_room", title=self._request.title, needed=needed, free=left, folder=self._folder)

    async def _filled(self, part: Part) -> AsyncGenerator[Step, None]:
        """Ask for the rest until it is all there; only tries that bring nothing count."""
        fruitless = 0
        while not part.is_full:
            before, rest = part.size, 0.0
            try:
                async for _ in self._pour(part):
                    yield self._step(part)
                error: Exception = EOFError("it ended too soon")
            except (Busy, httpx2.RequestError) as broken:
                error, rest = broken, broken.rest if isinstance(broken, Busy) else 0.0
            if part.is_full:
                return
            fruitless = 0 if part.size > before else fruitless + 1
            if fruitless > len(self._patience.pauses) or _is_not_trusted(error):
                raise self._given_up(part, error) from error
            yield self._step(part, WAITING)
            await asyncio.sleep(rest or self._patience.pauses[max(0, fruitless - 1)])

    async def _pour(self, part: Part) -> AsyncGenerator[None, None]:
        """One answer, as it comes. Raises `ModelError`, `Busy`, `httpx2.RequestError`, `OSError`."""
        url = self._client.url_of(self._listing, part.wanted)
        headers = {"Range": f"bytes={part.size}-"} if part.size else {}
        facts = {"title": self._request.title, "repository": self._listing.repository, "file": part.wanted.path}
        async with self._client.opened("GET", url, headers, facts) as response:
            if not self._begins_right(response, part):
                return
            try:
                async for piece in response.aiter_raw():
                    part.append(piece)
                    yield
            except OverflowError:
                part.restart()
                raise self._unreadable("more than announced") from None
            except DiskFull as error:
                raise failure("disk_full", **self._so_far(part)) from error

    def _begins_right(self, response: httpx2.Response, part: Part) -> bool:
        """Whether the body goes on where the part ends; a part that cannot be continued is thrown away."""
        status, headers = response.status_code, response.headers
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.restart()
            return False
        if status == HTTPStatus.PARTIAL_CONTENT:
            span, _, total = headers.get("Content-Range", "").partition("/")
            if not span.startswith(f"bytes {part.size}-") or total not in ("*", str(part.wanted.size)):
                raise self._unreadable(headers.get("Content-Range", "no Content-Range"))
            return True
        if headers.get("Content-Length", str(part.wanted.size)) != str(part.wanted.size):
            raise self._unreadable(f"{headers['Content-Length']} bytes of {headers.get('Content-Type', '')}")
        if part.size:
            part.restart()
        return True

    def _given_up(self, part: Part, error: Exception) -> ModelError:
        if isinstance(error, httpx2.RequestError | EOFError) and not _is_not_trusted(error):
            return failure("cut", repr(error), **self._so_far(part))
        return _reason(error, self._client.hub)

    def _unreadable(self, detail: str) -> ModelError:
        return failure("unreadable", detail, host=self._client.hub.host)

    def _so_far(self, part: Part) -> dict[str, str]:
        step = self._step(part)
        return {"title": self._request.title, "done": in_words(step.done), "total": in_words(self._total)}

    def _step(self, part: Part, doing: str = FETCHING) -> Step:
        """Parts that were not looked at yet count with what lies on the disk."""
        others = sum(other.on_disk for other in self._parts if other is not part)
        return Step(others + part.size, self._total, doing)


def _reason(error: Exception, hub: Hub) -> ModelError:
    """Why a question found no answer."""
    if isinstance(error, Busy):
        cause = "busy" if error.status == HTTPStatus.TOO_MANY_REQUESTS else "broken"
        return failure(cause, str(error), host=hub.host, status=error.status)
    return failure("not_trusted" if _is_not_trusted(error) else "unreachable", repr(error), host=hub.host)


def _is_not_trusted(error: Exception) -> bool:
    return "CERTIFICATE_VERIFY_FAILED" in str(error)
