"""Tries a server once, for `scene-narrator key test server` and the window."""

from contextlib import suppress
from typing import TYPE_CHECKING

from narrator.backends._server_address import Address
from narrator.backends._server_client import connect
from narrator.backends._server_errors import once
from narrator.backends._server_key import key_for
from narrator.backends._server_models import Found, Search, instead
from narrator.backends._server_told import Asked, expected, told
from narrator.mailbox import Closed
from narrator.seams import Context

if TYPE_CHECKING:
    import httpx2

_ANSWERS_WITHIN = 10.0
_CLOSED_WITHIN = 1.0


def try_out(context: Context) -> str:
    """What `openai_server.check` does."""
    address = Address.of(context.options)
    address.require_usable(context)
    secret = key_for(address, context)
    asked = Asked(address, context.text("server.model"), secret=secret)
    client = connect(address, secret, allows_http=context.flag("server.allow_http"))
    try:
        found = context.network.call(_tried(client, asked, context), _ANSWERS_WITHIN)
    except expected() as error:
        raise once(told(error, asked)) from error
    finally:
        with suppress(Closed, *expected()):
            context.network.call(client.aclose(), _CLOSED_WITHIN)
    other = instead(found)
    return f"The server {address.place} works, and {found.model} answers.{f' {other.text}' if other else ''}"


async def _tried(client: "httpx2.AsyncClient", asked: Asked, context: Context) -> Found:
    search = Search(client, asked, asked.model, context.text("server.preset"))
    found = await search.look()
    await search.warm_up(found.model)
    return found
