"""Which key may go to a server: one that was set for it, and that of the environment to where the user says."""

from narrator.backends._server_address import Address
from narrator.messages import Level, Notice
from narrator.seams import Context

_ID = "server"


def key_for(address: Address, context: Context) -> str:
    """The key for this address, empty when there is none.

    The environment's has no host of its own: it goes where `server.url` says, and not to the usual place of a kind of
    server, where anybody on this machine may listen.
    """
    loose = context.key(_ID)
    if loose and address.is_written:
        return loose
    kept = context.key(f"{_ID}@{address.key_host}")
    if loose and not kept:
        text = f"The key in the environment is not sent to {address.place}, which server.url does not name."
        context.notify(Notice(Level.WARNING, text, f"If it is for that server, set server.url to {address.base}."))
    return kept
