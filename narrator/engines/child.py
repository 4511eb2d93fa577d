"""The child's end: loads a model, answers one request after the other, and hears a cancel while it does."""

import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Protocol

from narrator.children import Message, Parent, end_own_group
from narrator.engines.failures import EngineFailed
from narrator.mailbox import Cancel, Closed, Fifo

STOPS_WITHIN = 2.0
"""Seconds after a cancel until a model that goes on is ended with its process, unless the cancel says otherwise."""


class Model(Protocol):
    """What an engine does in its own process, where heavy packages may be imported."""

    def load(self, options: Message, tell: Callable[[str], None]) -> Message:
        """Load; `tell` says in a sentence what takes its time. What the parent may know of it, as JSON.

        Raises `EngineFailed`.
        """

    def answer(self, request: Message, cancelled: Cancel) -> Iterator[Message]:
        """Messages of kind "text" (`text`) and "usage" (`tokens_in`, `tokens_out`, `cached`), as they come.

        Ends soon after `cancelled`. Raises `EngineFailed`.
        """


def serve(parent: Parent, model: Model) -> None:
    """Do what the parent asks until it is gone.

    It asks with `load` (`options`), `ask` (`id` and the engine's own fields) and `cancel` (`id`, `within` seconds). It
    hears `telling`, `ready`, then for each request `text`, `usage` and `done`, or `failed` (`cause`, `detail`,
    `facts`), all with its `id`.
    """
    work: Fifo[tuple[Message, Cancel]] = Fifo(100)
    threading.Thread(target=_listen, args=(parent, work), name="requests", daemon=True).start()
    while True:
        try:
            taken = work.get()
        except Closed:
            return
        if taken is not None:
            _do(parent, model, *taken)


def _do(parent: Parent, model: Model, request: Message, cancelled: Cancel) -> None:
    id_ = request.get("id", 0)
    try:
        if request["kind"] == "load":
            ready = model.load(request["options"], lambda words: parent.send("telling", id=id_, text=words))
            parent.send("ready", id=id_, **ready)
            return
        if not cancelled:
            for message in model.answer(request, cancelled):
                parent.send(message.pop("kind"), id=id_, **message)
        parent.send("done", id=id_)
    except EngineFailed as error:
        parent.send("failed", id=id_, cause=error.cause, detail=error.detail, facts=error.facts)
    except MemoryError:
        parent.send("failed", id=id_, cause="out_of_memory", detail=traceback.format_exc(), facts={})
    except Exception:  # noqa: BLE001 - whatever an engine raises, the parent is told, and the next request is answered
        parent.send("failed", id=id_, cause="other", detail=traceback.format_exc(), facts={})
    finally:
        cancelled.throw()  # its watchdog, if there is one, finds it done
        request["is_done"] = True


def _listen(parent: Parent, work: Fifo[tuple[Message, Cancel]]) -> None:
    """Hand requests on; a cancel reaches the one it means at once."""
    last: tuple[Message, Cancel] = ({"id": 0}, Cancel())
    while True:
        try:
            message = parent.receive()
        except Closed:
            work.close()
            return
        if message is None:
            continue
        if message["kind"] != "cancel":
            last = (message, Cancel())
            work.put(last)
        elif message["id"] == last[0].get("id"):
            last[1].throw()
            _watch(last[0], message.get("within", STOPS_WITHIN))


def _watch(request: Message, within: float) -> None:
    """End this process when the request goes on although it was cancelled."""

    def judge() -> None:
        if not request.get("is_done"):
            end_own_group()

    timer = threading.Timer(within, judge)
    timer.daemon = True
    timer.start()
