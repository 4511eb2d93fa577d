"""Which hub models are fetched from, and which of the user's tokens it may see."""

import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from narrator.describers import is_loopback
from narrator.models.catalogue import catalogue
from narrator.models.failures import failure
from narrator.privacy.keys import find_key

TOKEN_ID = "hub"  # noqa: S105 - the name under which the token is kept
TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""The environment variables that hold a token for the catalogue's own hub; any other hub never sees it."""
_OTHER_HUBS_VARIABLE = "SCENE_NARRATOR_HUB_TOKEN"


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub: its address without a slash at the end. When `offline`, it may only be on this machine."""

    url: str
    offline: bool = False

    @classmethod
    def at(cls, address: str = "", *, offline: bool = False) -> "Hub":
        """The hub of this address; of `HF_ENDPOINT` when it is empty, else the catalogue's own.

        Raises `ModelError` for an address that cannot be, or where what is fetched could be changed on the way.
        """
        address = (address or os.environ.get("HF_ENDPOINT", "") or catalogue().hub).strip().rstrip("/")
        hub = cls(address, offline)
        hub.require_allowed(address)
        return hub

    @property
    def host(self) -> str:
        return host_of(self.url)

    @property
    def is_own(self) -> bool:
        """Whether it is the catalogue's own."""
        own, this = urlsplit(catalogue().hub), urlsplit(self.url)
        return (this.scheme.lower(), this.netloc.lower()) == (own.scheme, own.netloc)

    @property
    def token_page(self) -> str:
        """Where tokens are made."""
        return f"{self.url}/settings/tokens"

    def page(self, repository: str) -> str:
        """Where a person reads of a repository and accepts its terms."""
        return f"{self.url}/{repository}"

    def require_allowed(self, url: str) -> None:
        """Raises `ModelError` for a URL that nothing may be fetched from."""
        try:
            parts = urlsplit(url)
            scheme, host = parts.scheme.lower(), parts.hostname or ""
            usable = scheme in ("http", "https") and bool(host) and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if not usable or "@" in parts.netloc:
            raise failure("bad_address", address=_shown(url))
        if self.offline and not is_loopback(host):
            raise failure("offline")
        if scheme == "http" and not _is_near(host):
            raise failure("not_encrypted", host=host)

    def token(self) -> str:
        """The token that this hub may see, or nothing. May wait 2 s for the key store."""
        if not self.is_own:
            return os.environ.get(_OTHER_HUBS_VARIABLE, "").strip()
        found = find_key(TOKEN_ID, TOKEN_VARIABLES)
        return found.value if found else ""

    def withholds_token(self) -> bool:
        """Whether there is a token that this hub may not see."""
        return not self.token() and find_key(TOKEN_ID, TOKEN_VARIABLES) is not None


def host_of(url: str) -> str:
    """The host of a URL, empty when there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_near(host: str) -> bool:
    """This machine, or one that is not on the internet."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost"


def _shown(url: str) -> str:
    """Without what may be a password."""
    return url if "@" not in url else "What was given"
