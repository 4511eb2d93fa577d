"""Where a server is, and whether pictures and a key may go there as the address says."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from narrator.backends._server_errors import BadAddress, NoAddress, NotEncrypted, Offline, failure
from narrator.backends._server_presets import presets
from narrator.messages import Level, Notice
from narrator.seams import Context, Value

_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")
_ENDPOINTS = ("/chat/completions", "/completions", "/models")
_NUMBER = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)")
"""How names end that some resolvers read as an address, such as 134744072 or 0x08.8.8.8; the URL Standard has it so."""
_LOOPBACK = tuple(map(ipaddress.ip_network, ("127.0.0.0/8", "::1/128")))
_OWN = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"),
    )
)
"""Addresses within a network, and no others that are kept for documentation or tests: RFC 1918, 3927, 4193, 4291."""
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
    is_written: bool = False
    """In server.url, by the user: not the usual place of a kind of server."""

    @classmethod
    def of(cls, options: Mapping[str, Value]) -> "Address":
        """Never fails; the preset's own address holds when none is set."""
        text = str(options["server.url"]).strip()
        known = presets().get(str(options["server.preset"]))
        usual = known.url if known else ""
        return replace(_parsed(text or usual), is_written=bool(text)) if text or usual else cls(flaw="none")

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
    def key_host(self) -> str:
        """Host and port, also where the scheme tells the port; empty without an address."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"{name}:{self.port or (443 if self.scheme == 'https' else 80)}" if name else ""

    @property
    def is_loopback(self) -> bool:
        address = _ip(self.host)
        return _is_within(address, _LOOPBACK) if address else self.host == "localhost"

    @property
    def is_near(self) -> bool:
        """On this machine or in its own network, as far as the address tells; what a name leads to tells `leads_to`."""
        address = _ip(self.host)
        if address:
            return _is_within(address, (*_LOOPBACK, *_OWN))
        return bool(self.host) and ("." not in self.host or self.host.endswith(_LOCAL_DOMAINS))

    @property
    def is_name(self) -> bool:
        return _ip(self.host) is None

    def leads_to(self, numbers: Iterable[str]) -> bool:
        """True when all these addresses are as near as the name says that they are; at least one is needed."""
        networks = _LOOPBACK if self.is_loopback else (*_LOOPBACK, *_OWN)
        found = [_ip(number) for number in numbers]
        return bool(found) and all(address is not None and _is_within(address, networks) for address in found)

    def require_usable(self, context: Context) -> None:
        """Raises `BackendRefused` when nothing may be sent there; tells of what may be read on the way."""
        if self.flaw:
            raise failure(NoAddress if self.flaw == "none" else BadAddress, self.flaw)
        self.require_network(context)
        allows_http = context.flag("server.allow_http")
        if self.scheme == "https" or (self.is_near and not (allows_http and self.is_name and not self.is_loopback)):
            return
        if not allows_http:
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
    is_name = _ip(host) is not None or (bool(_NAME.fullmatch(host)) and not _NUMBER.fullmatch(host))
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


def _is_within(address: _Ip, networks: Iterable[_Network]) -> bool:
    return any(address in network for network in networks)


def _ip(host: str) -> _Ip | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
