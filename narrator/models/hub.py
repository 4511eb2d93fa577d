"""Speaks with a hub: what a repository holds, and a file of it from some byte on. No other host sees the token."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx2

from narrator import __version__
from narrator.models.address import Hub, host_of
from narrator.models.failures import ModelError, failure

_MOST_HOPS = 5
_MOST_LISTING = 30_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_ID = re.compile(r"[0-9a-f]{40}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a hub is waited for, in seconds; `pauses` are those between tries that bring no byte."""

    connect: float = 15.0
    read: float = 30.0
    pauses: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    longest_rest: float = 60.0


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file as the hub tells of it: `size` in bytes, -1 when untold; its sha256, or for small files its git id."""

    path: str
    size: int = -1
    sha256: str = ""
    git: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Listing:
    """What a repository holds at a `revision`, which is a commit if the hub tells of one."""

    repository: str
    revision: str
    files: tuple[HubFile, ...]
    licence: str = ""


class Busy(Exception):
    """The hub asks to wait so many seconds; 0 when it does not say."""

    def __init__(self, rest: float, status: int) -> None:
        super().__init__(f"status {status}")
        self.rest, self.status = rest, status


class HubClient:
    """A client for one hub, used within one asyncio loop, as `async with`.

    The token is sent only when the hub asks for it, and only to the hub itself.
    """

    def __init__(self, hub: Hub, patience: Patience) -> None:
        for name in ("httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # they would write addresses and what is in them
        self.hub, self._patience = hub, patience
        self._token = ""
        timeout = httpx2.Timeout(patience.read, connect=patience.connect)
        agent = {"User-Agent": f"scene-narrator/{__version__}", "Accept-Encoding": "identity"}
        near = hub.offline or host_of(hub.url) in ("localhost", "127.0.0.1", "::1")
        self._client = httpx2.AsyncClient(timeout=timeout, headers=agent, follow_redirects=False, trust_env=not near)

    async def __aenter__(self) -> "HubClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def listing(self, repository: str, revision: str, title: str) -> Listing:
        """What a repository holds. Raises `ModelError`, `Busy` and `httpx2.TransportError`."""
        if not _REPOSITORY.fullmatch(repository):
            raise failure("no_repository", host=self.hub.host, repository=repository)
        url = f"{self.hub.url}/api/models/{repository}/revision/{quote(revision, safe='')}?blobs=true"
        async with self.opened("GET", url, {}, {"title": title, "repository": repository}) as response:
            body = await self._body(response)
        try:
            return _listing(repository, revision, json.loads(body))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise failure("unreadable", str(error), host=self.hub.host) from error

    async def described(self, listing: Listing, file: HubFile, title: str) -> HubFile:
        """The file with its size and sha256, asked for one by one where the listing does not have them."""
        if file.size >= 0 and (file.sha256 or file.git):
            return file
        facts = {"title": title, "repository": listing.repository, "file": file.path}
        async with self.opened("HEAD", self.url_of(listing, file), {}, facts, hops=False) as response:
            headers = response.headers
        own_length = "" if response.is_redirect else headers.get("Content-Length") or ""
        size = headers.get("X-Linked-Size") or own_length
        etag = (headers.get("X-Linked-Etag") or headers.get("ETag") or "").removeprefix("W/").strip('"').lower()
        if not size.isdigit() and file.size < 0:
            raise failure("unreadable", "no size", host=self.hub.host)
        return replace(
            file,
            size=file.size if file.size >= 0 else int(size),
            sha256=file.sha256 or (etag if _SHA256.fullmatch(etag) else ""),
            git=file.git or (etag if _GIT_ID.fullmatch(etag) else ""),
        )

    def url_of(self, listing: Listing, file: HubFile) -> str:
        """Where the file is fetched."""
        return f"{self.hub.url}/{listing.repository}/resolve/{quote(listing.revision, safe='')}/{quote(file.path)}"

    async def token_works(self) -> bool:
        """Whether the hub knows the user's token. Raises `ModelError`, `httpx2.TransportError`."""
        self._token = self.hub.token()
        url = f"{self.hub.url}/api/whoami-v2"
        response = await self._answer(self._client.build_request("GET", url, headers=self._authorization()), hops=True)
        await response.aclose()
        return response.status_code == HTTPStatus.OK

    @asynccontextmanager
    async def opened(
        self, method: str, url: str, headers: dict[str, str], facts: dict[str, str], *, hops: bool = True
    ) -> AsyncIterator[httpx2.Response]:
        """An answer that is none of the failures, its body not yet read; redirects are followed when `hops`.

        Raises `ModelError` filled with `facts`, `Busy` for what may pass, and `httpx2.TransportError`.
        """
        response = await self._asked(method, url, headers, hops=hops)
        if response.status_code in (401, 403) and not self._token:
            self._token = await asyncio.to_thread(self.hub.token)
            if self._token:
                await response.aclose()
                response = await self._asked(method, url, headers, hops=hops)
        try:
            self._require_good(response, facts)
            yield response
        finally:
            await response.aclose()

    async def _asked(self, method: str, url: str, headers: dict[str, str], *, hops: bool) -> httpx2.Response:
        request = self._client.build_request(method, url, headers={**headers, **self._authorization()})
        return await self._answer(request, hops=hops)

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    async def _answer(self, request: httpx2.Request, *, hops: bool) -> httpx2.Response:
        """Follow redirects one by one: the client drops the token on the way to another host."""
        for _ in range(_MOST_HOPS):
            response = await self._client.send(request, stream=True)
            following = response.next_request
            if following is None:
                return response
            if not hops and following.url.host != request.url.host:
                return response  # it tells of the file in its headers; where it lies does not matter
            await response.aclose()
            self._require_reachable(request, following)
            request = following
        raise failure("redirected", "too many", host=self.hub.host, other="many other places")

    def _require_reachable(self, request: httpx2.Request, following: httpx2.Request) -> None:
        other = following.url.host
        try:
            self.hub.require_allowed(str(following.url))
        except ModelError as error:
            raise failure("redirected", error.cause, host=self.hub.host, other=other) from error
        if request.url.scheme == "https" and following.url.scheme != "https":
            raise failure("redirected", "not encrypted", host=self.hub.host, other=other)

    def _require_good(self, response: httpx2.Response, facts: dict[str, str]) -> None:
        status = response.status_code
        if response.is_success or response.is_redirect or status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return
        if status in (401, 403):
            raise self._locked(response, facts)
        if status in (404, 410):
            raise failure("no_file" if "file" in facts else "no_repository", host=self.hub.host, **facts)
        if status in (408, 425, 429) or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Busy(_rest(response.headers.get("Retry-After", ""), self._patience.longest_rest), status)
        raise failure("broken", host=self.hub.host, status=status)

    def _locked(self, response: httpx2.Response, facts: dict[str, str]) -> ModelError:
        """Why a model is not given: the hub's own code says whether it has terms, or does not exist for this user."""
        code, words = (response.headers.get(f"X-Error-{name}", "") for name in ("Code", "Message"))
        known = {"host": self.hub.host, "tokens": self.hub.token_page, **facts}
        known["page"] = self.hub.page(facts["repository"])
        detail = f"{response.status_code} {code}"
        if not self._token and self.hub.withholds_token():
            return failure("token_stays", detail, **known)
        if self._token and ("nvalid" in words or "expired" in words):
            return failure("bad_token", detail, **known)
        if code == "GatedRepo":
            return failure("not_accepted" if self._token else "gated", detail, **known)
        if code == "RepoNotFound" or not self._token:
            return failure("no_repository", detail, **known)
        return failure("bad_token" if response.status_code == HTTPStatus.UNAUTHORIZED else "not_accepted", **known)

    async def _body(self, response: httpx2.Response) -> bytes:
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > _MOST_LISTING:
                raise failure("unreadable", "too long", host=self.hub.host)
        return bytes(body)


def _listing(repository: str, revision: str, table: dict[str, Any]) -> Listing:
    commit = str(table.get("sha", ""))
    card = table.get("cardData") or {}
    licence = str(card.get("license", "")) if isinstance(card, dict) else ""
    files = tuple(_file(entry) for entry in table["siblings"])
    return Listing(repository, commit if _COMMIT.fullmatch(commit) else revision, files, licence)


def _file(entry: dict[str, Any]) -> HubFile:
    large = entry.get("lfs") or {}
    size = large.get("size", entry.get("size"))
    sha256, git = str(large.get("sha256", "")).lower(), str(entry.get("blobId") or "").lower()
    return HubFile(
        str(entry["rfilename"]),
        size if isinstance(size, int) and size >= 0 else -1,
        sha256 if _SHA256.fullmatch(sha256) else "",
        git if not large and _GIT_ID.fullmatch(git) else "",  # of a large file it is that of a pointer to it
    )


def _rest(text: str, longest: float) -> float:
    """Seconds of a Retry-After; one that is a date counts as unsaid."""
    return min(longest, float(text)) if text.isdigit() else 0.0
