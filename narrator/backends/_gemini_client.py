"""Makes the client that speaks with Gemini: where it is, who pays, and nothing of it in a log."""

import ipaddress
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from narrator.backends._gemini_errors import (
    AuthFailed,
    BadAddress,
    BadLocation,
    MissingDependency,
    NoKey,
    NoProject,
    Offline,
    ProxyFailed,
    failure,
)
from narrator.messages import Level, Notice
from narrator.seams import Context, Value

if TYPE_CHECKING:
    import httpx2
    from google.genai import Client, types

_HOST = "generativelanguage.googleapis.com"
_VERTEX_HOST = "aiplatform.googleapis.com"
_MULTI_REGIONS = ("us", "eu")
_TALKATIVE = ("google_genai", "google.auth", "httpx2", "httpcore2", "urllib3")
_KEPT_ALIVE = 90.0
"""Seconds that an idle connection is kept, so that a request need not wait for a new one."""
_VERTEX_VERSIONS = {"v1beta": "v1beta1"}
_LOCATION = re.compile(r"[A-Za-z0-9-]*")
"""It becomes the first part of a host's name, and must not be able to end it."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where requests go, as the settings and the client's environment say at one moment: what a consent is about."""

    base_url: str
    """The address in place of the service's own; mostly empty."""
    vertex: bool
    project: str
    location: str
    version: str

    @classmethod
    def of(cls, options: Mapping[str, Value]) -> "Service":
        vertex, version = bool(options["gemini.vertex"]), str(options["gemini.api_version"])
        variable = "GOOGLE_VERTEX_BASE_URL" if vertex else "GOOGLE_GEMINI_BASE_URL"
        return cls(
            str(options["gemini.base_url"]) or os.environ.get(variable, ""),
            vertex,
            str(options["gemini.project"]) if vertex else "",
            str(options["gemini.location"]),
            _VERTEX_VERSIONS.get(version, version) if vertex else version,
        )

    @property
    def host(self) -> str:
        """The host that requests go to; of a proxy, which may pass them on from this machine, too."""
        if self.base_url:
            return _host_of(self.base_url)
        if not self.vertex:
            return _HOST
        if self.location in _MULTI_REGIONS:
            return f"aiplatform.{self.location}.rep.googleapis.com"
        return _VERTEX_HOST if self.location in ("", "global") else f"{self.location}-{_VERTEX_HOST}"

    def require_network(self, context: Context) -> None:
        """Raises `Offline` when requests, or the login that goes before them, need what is switched off."""
        if context.flag("network.offline") and (self.project or not _is_this_machine(self.host)):
            raise failure(Offline)


@dataclass(frozen=True, slots=True)
class Connection:
    """The vendor's client and the HTTP clients under it, which it leaves to whoever gave them."""

    client: "Client" = field(repr=False)
    _asynchronous: "httpx2.AsyncClient" = field(repr=False)
    _plain: "httpx2.Client" = field(repr=False)

    async def end(self) -> None:
        """Close every connection, in the loop where they were opened."""
        await self.client.aio.aclose()
        await self._asynchronous.aclose()
        self.client.close()
        self._plain.close()


def connect(service: Service, context: Context, secret: str) -> Connection:
    """A client that has sent nothing yet. Raises `PartMissing`, `AuthFailed`, `BackendRefused`, `ProxyFailed`."""
    service.require_network(context)
    try:
        from google import genai
    except ImportError as error:
        raise failure(MissingDependency, str(error)) from error
    _hush()
    who = _identity(service, secret)
    _check_address(service, context)
    asynchronous, plain = _http_clients(proxies=not _is_this_machine(service.host))
    options = _options(service, context, asynchronous, plain)
    return Connection(genai.Client(**who, http_options=options), asynchronous, plain)


def _identity(service: Service, secret: str) -> dict[str, Any]:
    """Always given in full: what the environment holds besides must not decide who is asked and who pays."""
    if secret and not (secret.isascii() and secret.isprintable()):
        raise failure(AuthFailed, "letters that no key has")
    if not service.vertex:
        if not secret:
            raise failure(NoKey)
        return {"enterprise": False, "api_key": secret}
    if service.project:
        return {"enterprise": True, "project": service.project, "location": service.location or "global"}
    if not secret:
        raise failure(NoProject)
    return {"enterprise": True, "api_key": secret}


def _http_clients(*, proxies: bool) -> tuple["httpx2.AsyncClient", "httpx2.Client"]:
    """A key must not follow a redirect, and the library must take no other way than the one that is tested.

    `proxies` are those of the environment; what is on this machine is not sent to one of them.
    """
    import httpx2

    trusted = httpx2.create_ssl_context()
    limits = httpx2.Limits(keepalive_expiry=_KEPT_ALIVE)
    try:
        asynchronous = httpx2.AsyncClient(verify=trusted, follow_redirects=False, limits=limits, trust_env=proxies)
        return asynchronous, httpx2.Client(verify=trusted, follow_redirects=False, trust_env=proxies)
    except (ValueError, ImportError, httpx2.InvalidURL) as error:  # of the proxy in the environment
        raise failure(ProxyFailed, type(error).__name__) from error


def _options(
    service: Service, context: Context, asynchronous: "httpx2.AsyncClient", plain: "httpx2.Client"
) -> "types.HttpOptions":
    from google.genai import types

    return types.HttpOptions(
        base_url=service.base_url or None,
        api_version=service.version,
        timeout=round(1000 * context.number("gemini.answer_within")),
        httpx_client=plain,
        httpx_async_client=asynchronous,
    )


def _check_address(service: Service, context: Context) -> None:
    if not _LOCATION.fullmatch(service.location):
        raise failure(BadLocation)
    address = service.base_url
    if not address:
        return
    try:
        scheme, name = urlsplit(address).scheme, _host_of(address)
    except ValueError:
        scheme, name = "", ""
    if scheme not in ("http", "https") or not name:
        raise failure(BadAddress)
    if scheme == "http" and not _is_this_machine(name):
        sentence = f"What goes to {name} is not encrypted: pictures and the key can be read on the way."
        context.notify(Notice(Level.WARNING, sentence, "Give an address in gemini.base_url that begins with https."))


def _host_of(address: str) -> str:
    try:
        parts = urlsplit(address)
        return parts.hostname or "" if parts.port is None or parts.port else ""
    except ValueError:
        return ""


def _is_this_machine(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _hush() -> None:
    """At any level of our own log, these would write addresses, headers and what was sent."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
