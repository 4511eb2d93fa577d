"""The HTTP client for one server: nothing it sends, the key above all, can reach another host."""

import logging
from typing import TYPE_CHECKING

from narrator.backends._server_address import Address
from narrator.backends._server_errors import AuthFailed, ProxyFailed, failure

if TYPE_CHECKING:
    import httpx2

_TALKATIVE = ("httpx2", "httpcore2")
_CONNECTS_WITHIN = 5.0
_KEPT_ALIVE = 90.0
"""Seconds that an idle connection is kept, so that a request need not wait for a new one."""


def connect(address: Address, secret: str) -> "httpx2.AsyncClient":
    """A client that has sent nothing yet: TLS is checked, no redirect is followed, no cookie or password is added.

    Proxies of the environment serve for servers that are not near. Deadlines are those of whoever asks. Raises
    `AuthFailed`, `ProxyFailed`.
    """
    import httpx2

    if secret and not (secret.isascii() and secret.isprintable()):
        raise failure(AuthFailed, "letters that no key has", place=address.place)
    for name in _TALKATIVE:  # at any level of our own log, these would write addresses and headers
        logging.getLogger(name).setLevel(logging.CRITICAL)
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    if secret:
        headers["Authorization"] = f"Bearer {secret}"
    try:
        return httpx2.AsyncClient(
            verify=httpx2.create_ssl_context(),
            headers=headers,
            timeout=httpx2.Timeout(None, connect=_CONNECTS_WITHIN),
            limits=httpx2.Limits(keepalive_expiry=_KEPT_ALIVE),
            follow_redirects=False,
            trust_env=not address.is_near,
        )
    except (ValueError, ImportError, httpx2.InvalidURL) as error:  # of the proxy in the environment
        raise failure(ProxyFailed, type(error).__name__, place=address.place) from error
