"""Where a server is, and whether pictures and a key may go there as the address says."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from narrator.backends._server_errors import BadAddress, NoAddress, NotEncrypted, Offline, failure
from narrator.backends._server_presets import presets
from narrator.messages import Level, Notice
from narrator.seams import Context, Value

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")
_ENDPOINTS = ("/chat/completions", "/completions", "/models")
_LOCAL_DOMAINS = (".local", ".internal", ".home.arpa", ".lan", ".localhost")
"""Names that only a local network gives: RFC 6762, RFC 8375, ICANN's reservation of .internal; .lan is usual."""


@dataclass(frozen=True, slots=True)
class Address:
    """The server's address as the settings say at one moment: what a consent is about.

    Requests go to `base` and a path, which is put together from the parts that were judged, and from nothing else.
    `host` is empty when the address cannot be used; `flaw` is then why.
    """

    scheme: str = ""
    host: str = ""
    port: int = 0
    path: str = ""
    flaw: str = ""

    @classmethod
    def of(cls, options: Mapping[str, Value]) -> "Address":
        """Never fails; the preset's own address holds when none is set."""
        text = str(options["server.url"]).strip()
        known = presets().get(str(options["server.preset"]))
        text = text or (known.url if known else "")
        return _parsed(text) if text else cls(flaw="none")

    @property
    def base(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{name}{port}{self.path}"

    @property
    def place(self) -> str:
        """The server as a sentence names it: host, and port if one was given."""
        name = f"[{self.host}]" if ":" in self.host and self.port else self.host
        return f"{name}:{self.port}" if self.port else name

    @property
    def is_loopback(self) -> bool:
        address = _ip(self.host)
        return address.is_loopback if address else self.host == "localhost"

    @property
    def is_near(self) -> bool:
        """On this machine or in its own network, as far as the address tells."""
        address = _ip(self.host)
        if address:
            return address.is_loopback or (address.is_private and not address.is_unspecified)
        return bool(self.host) and ("." not in self.host or self.host.endswith(_LOCAL_DOMAINS))

    def require_usable(self, context: Context) -> None:
        """Raises `BackendRefused` when nothing may be sent there; tells of what may be read on the way."""
        if self.flaw:
            raise failure(NoAddress if self.flaw == "none" else BadAddress, self.flaw)
        self.require_network(context)
        if self.scheme == "https" or self.is_near:
            return
        if not context.flag("server.allow_http"):
            raise failure(NotEncrypted, place=self.place)
        text = f"What goes to {self.place} is not encrypted: pictures and the key can be read on the way."
        context.notify(Notice(Level.WARNING, text, "Give an address in server.url that begins with https."))

    def require_network(self, context: Context) -> None:
        """Raises `Offline`."""
        if context.flag("network.offline") and not self.is_loopback:
            raise failure(Offline, place=self.place)


def _parsed(text: str) -> Address:
    """What a person may write or paste for an address: with or without scheme, /v1, or the path of a call."""
    has_scheme = "://" in text
    try:
        parts = urlsplit(text if has_scheme else f"//{text}")
        host, port = (parts.hostname or "").lower().rstrip("."), parts.port
    except ValueError as error:
        return Address(flaw=str(error))
    is_name = bool(_NAME.fullmatch(host)) or _ip(host) is not None
    if not is_name or "%" in host or port == 0 or parts.scheme not in (("http", "https") if has_scheme else ("",)):
        return Address(flaw="no host, or another scheme than http and https")
    if "@" in parts.netloc or parts.query or parts.fragment or not _PATH.fullmatch(parts.path):
        return Address(flaw="more than scheme, host, port and path")
    path = parts.path.rstrip("/")
    for endpoint in _ENDPOINTS:
        path = path.removesuffix(endpoint)
    found = Address(parts.scheme, host, port or 0, path or "/v1")
    if has_scheme:
        return found
    return Address("http" if found.is_near else "https", host, port or 0, path or "/v1")


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
