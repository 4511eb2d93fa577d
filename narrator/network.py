"""Owns the one asyncio loop: whoever talks to a service gives it coroutines and reads their results as they come."""

import queue
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from concurrent.futures import CancelledError
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

from narrator.mailbox import Cancel, Closed, Guarded

if TYPE_CHECKING:  # asyncio takes a twentieth of a second, which a start without a network does not need
    import asyncio

Item = TypeVar("Item")
_CLOSES_WITHIN = 1.0


class _End:
    """Stands at the end of a stream's items; holds what ended it."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Network:
    """A thread with an asyncio loop, begun with its first use. Call it from any thread but that one."""

    def __init__(self) -> None:
        self._loops: Guarded[list[asyncio.AbstractEventLoop]] = Guarded([])
        self._thread: threading.Thread | None = None

    def call(self, work: Coroutine[Any, Any, Item], timeout: float) -> Item:
        """Run a coroutine to its end and return its result.

        Raises what it raises, `TimeoutError` after `timeout` s, and `Closed` when the network is closed meanwhile.
        """
        import asyncio

        future = asyncio.run_coroutine_threadsafe(work, self._loop())
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
        when the network is closed meanwhile.
        """
        import asyncio

        arrived: queue.SimpleQueue[Item | _End] = queue.SimpleQueue()
        future = asyncio.run_coroutine_threadsafe(_pour(items, arrived), self._loop())

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
        """Cancel what still runs and end the thread; returns it when it does not end within a second."""
        with self._loops as loops:
            loop = loops.pop() if loops else None
        if loop is None or self._thread is None:
            return None
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(_CLOSES_WITHIN)
        return self._thread if self._thread.is_alive() else None

    def _loop(self) -> "asyncio.AbstractEventLoop":
        import asyncio

        with self._loops as loops:
            if not loops:
                loops.append(asyncio.new_event_loop())
                self._thread = threading.Thread(target=_run, args=(loops[0],), name="network", daemon=True)
                self._thread.start()
            return loops[0]


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
