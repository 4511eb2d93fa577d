"""The HTTP client for one server: nothing it sends, the key above all, can reach another host."""

import asyncio
import logging
import socket
from typing import TYPE_CHECKING

from narrator.backends._server_address import Address
from narrator.backends._server_errors import AuthFailed, NotEncrypted, ProxyFailed, failure

if TYPE_CHECKING:
    import httpx2

_TALKATIVE = ("httpx2", "httpcore2")
_CONNECTS_WITHIN = 5.0
_KEPT_ALIVE = 90.0
"""Seconds that an idle connection is kept, so that a request need not wait for a new one."""


def connect(address: Address, secret: str, *, allows_http: bool) -> "httpx2.AsyncClient":
    """A client that has sent nothing yet: TLS is checked, no redirect is followed, no cookie or password is added.

    Proxies of the environment serve for servers that are not near. Unless it `allows_http` anywhere, what is not
    encrypted goes only to addresses that are near, whatever the name. Deadlines are those of whoever asks. Raises
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
    limits = httpx2.Limits(keepalive_expiry=_KEPT_ALIVE)
    must_look = address.scheme == "http" and address.is_name and not allows_http
    try:
        return httpx2.AsyncClient(
            verify=httpx2.create_ssl_context(),
            headers=headers,
            timeout=httpx2.Timeout(None, connect=_CONNECTS_WITHIN),
            limits=limits,
            transport=_near_only(address, limits) if must_look else None,
            follow_redirects=False,
            trust_env=not address.is_near,
        )
    except (ValueError, ImportError, httpx2.InvalidURL) as error:  # of the proxy in the environment
        raise failure(ProxyFailed, type(error).__name__, place=address.place) from error


def _near_only(address: Address, limits: "httpx2.Limits") -> "httpx2.AsyncBaseTransport":
    """Connects to the numbers that the server's name stands for, and to none unless all of them are near.

    The name is looked up once for a client, and again when none of them answers: between a look at what a name stands
    for and a connection to the name, that could change.
    """
    import httpx2

    class NearOnly(httpx2.AsyncHTTPTransport):
        def __init__(self) -> None:
            super().__init__(trust_env=False, limits=limits)
            self._numbers: list[str] = []

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            numbers = self._numbers or await _numbers(address)
            problem: httpx2.TransportError | None = None
            for number in numbers:
                request.url = request.url.copy_with(host=number)  # the header Host keeps the name
                try:
                    response = await super().handle_async_request(request)
                except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                    problem = error
                    continue
                self._numbers = [number]
                return response
            self._numbers = []
            assert problem is not None
            raise problem

    return NearOnly()


async def _numbers(address: Address) -> list[str]:
    """What the server's name stands for. Raises `NotEncrypted` when that is not near, and `gaierror`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(address.host, address.port or 80, type=socket.SOCK_STREAM)
    numbers = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not address.leads_to(numbers):
        raise failure(NotEncrypted, f"the name stands for {', '.join(numbers)}", place=address.place)
    return numbers
