"""Owns the one asyncio loop: whoever talks to a service gives it coroutines and reads their results as they come."""

import queue
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from concurrent.futures import CancelledError
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from narrator.mailbox import Cancel, Closed, Guarded

if TYPE_CHECKING:  # asyncio takes a twentieth of a second, which a start without a network does not need
    import asyncio
    from concurrent.futures import Future

Item = TypeVar("Item")
_CLOSES_WITHIN = 1.0


class _End:
    """Stands at the end of a stream's items; holds what ended it."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@dataclass(slots=True)
class _State:
    """Without a loop it has not begun."""

    loop: "asyncio.AbstractEventLoop | None" = None
    is_closed: bool = False


class Network:
    """A thread with an asyncio loop, begun with its first use, ended for good by `close`.

    Call it from any thread but that one.
    """

    def __init__(self) -> None:
        self._state = Guarded(_State())
        self._thread: threading.Thread | None = None

    def call(self, work: Coroutine[Any, Any, Item], timeout: float) -> Item:
        """Run a coroutine to its end and return its result.

        Raises what it raises, `TimeoutError` after `timeout` s, and `Closed` when the network was closed before or is
        closed meanwhile.
        """
        future = self._submit(work)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise
        except CancelledError:
            raise Closed from None

    def stream(self, items: AsyncGenerator[Item, None], cancelled: Cancel) -> Generator[Item, None, None]:
        """What an asynchronous generator yields, as it comes; ends at once when `cancelled` is thrown.

        The generator is then cancelled at the point where it waits, and closed. Raises what it raises, and `Closed`
        when the network was closed before or is closed meanwhile.
        """
        arrived: queue.SimpleQueue[Item | _End] = queue.SimpleQueue()
        future = self._submit(_pour(items, arrived))

        def give_up() -> None:
            future.cancel()
            arrived.put(_End(None))

        future.add_done_callback(lambda _: arrived.put(_End(Closed())))  # for one that was cancelled before it began
        cancelled.call(give_up)
        try:
            while not isinstance(item := arrived.get(), _End):
                if cancelled:
                    return
                yield item
            if item.error is not None and not cancelled:
                raise item.error
        finally:
            cancelled.call(None)
            future.cancel()

    def close(self) -> threading.Thread | None:
        """Cancel what still runs, take nothing more and end the thread; returns it if it is there after a second."""
        with self._state as state:
            loop, state.loop, state.is_closed = state.loop, None, True
            if loop is not None:
                loop.call_soon_threadsafe(loop.stop)
        if self._thread is None:
            return None
        self._thread.join(_CLOSES_WITHIN)
        return self._thread if self._thread.is_alive() else None

    def _submit(self, work: Coroutine[Any, Any, Item]) -> "Future[Item]":
        """Hand it over while nobody can close: what is handed over is ended with the loop, and never lost."""
        import asyncio

        with self._state as state:
            if state.is_closed:
                work.close()
                raise Closed
            if state.loop is None:
                state.loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run, args=(state.loop,), name="network", daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, state.loop)


async def _pour(items: AsyncGenerator[Item, None], into: "queue.SimpleQueue[Item | _End]") -> None:
    import asyncio

    error: BaseException | None = None
    try:
        async with aclosing(items):
            async for item in items:
                into.put(item)
    except BaseException as failure:  # noqa: BLE001 - raised again by the reader
        error = Closed() if isinstance(failure, asyncio.CancelledError) else failure
    into.put(_End(error))


def _run(loop: "asyncio.AbstractEventLoop") -> None:
    import asyncio

    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(_wind_up(loop))
        loop.close()


async def _wind_up(loop: "asyncio.AbstractEventLoop") -> None:
    import asyncio

    await asyncio.sleep(0)  # what was handed over last becomes a task first
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()  # where names are looked up
