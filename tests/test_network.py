"""The one asyncio loop: results and streams for other threads, cancelled at once, and nothing left behind."""

import asyncio
import threading
import time

import pytest
from fakes.waiting import eventually

from narrator.mailbox import Cancel, Closed
from narrator.network import Network


@pytest.fixture
def network():
    network = Network()
    yield network
    network.close()


class Service:
    """Yields numbers, then waits; knows how it ended."""

    def __init__(self, count: int, error: Exception | None = None, *, waits: bool = False) -> None:
        self._count, self._error, self._waits = count, error, waits
        self.ended = threading.Event()
        self.was_cancelled = False

    async def numbers(self):
        try:
            for number in range(self._count):
                yield number
            if self._error:
                raise self._error
            if self._waits:
                await asyncio.sleep(30)
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        finally:
            self.ended.set()


def names():
    return [thread.name for thread in threading.enumerate()]


def read_in_thread(network, service, cancelled):
    """What a thread reads, and when it was done."""
    read, over = [], []

    def read_all() -> None:
        try:
            read.extend(network.stream(service.numbers(), cancelled))
        except Closed:
            read.append("closed")
        over.append(time.monotonic())

    thread = threading.Thread(target=read_all)
    thread.start()
    return thread, read, over


def test_a_stream_comes_in_order(network):
    assert list(network.stream(Service(5).numbers(), Cancel())) == [0, 1, 2, 3, 4]


def test_items_come_before_the_stream_ends(network):
    service = Service(1, waits=True)
    items = network.stream(service.numbers(), Cancel())
    assert next(items) == 0
    assert not service.ended.is_set()
    items.close()
    assert service.ended.wait(2)


def test_what_a_stream_raises_arrives_after_its_items(network):
    items = network.stream(Service(2, ValueError("no")).numbers(), Cancel())
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(ValueError, match="no"):
        next(items)


@pytest.mark.parametrize("count", [0, 1], ids=["before the first item", "in the middle"])
def test_a_cancel_ends_it_at_once(network, count):
    list(network.stream(Service(1).numbers(), Cancel()))  # the loop runs
    service, cancelled = Service(count, waits=True), Cancel()
    thread, read, over = read_in_thread(network, service, cancelled)
    assert eventually(lambda: len(read) == count or count == 0)
    threading.Event().wait(0.05)  # it waits now
    thrown = time.monotonic()
    cancelled.throw()
    thread.join(5)
    assert over[0] - thrown < 0.1
    assert service.ended.wait(2)
    assert service.was_cancelled


def test_a_stream_that_is_cancelled_before_it_begins_has_nothing(network):
    cancelled = Cancel()
    cancelled.throw()
    assert list(network.stream(Service(3).numbers(), cancelled)) == []


def test_a_stream_that_is_given_up_is_closed(network):
    service = Service(3, waits=True)
    items = network.stream(service.numbers(), Cancel())
    next(items)
    items.close()
    assert service.ended.wait(2)
    assert list(network.stream(Service(2).numbers(), Cancel())) == [0, 1]


def test_streams_run_beside_each_other(network):
    cancels = [Cancel(), Cancel()]
    readers = [read_in_thread(network, Service(2, waits=True), cancel) for cancel in cancels]
    assert eventually(lambda: names().count("network") == 1)
    for cancel in cancels:
        cancel.throw()
    for thread, _, over in readers:
        thread.join(5)
        assert over


async def _slow() -> None:
    await asyncio.sleep(30)


async def _answer() -> int:
    return 42


async def _fails() -> None:
    raise ValueError("no")


def test_a_call_returns_or_raises_what_the_coroutine_does(network):
    assert network.call(_answer(), 5) == 42
    with pytest.raises(ValueError, match="no"):
        network.call(_fails(), 5)


def test_a_call_gives_up_in_time(network):
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        network.call(_slow(), 0.1)
    assert time.monotonic() - began < 1


def test_nothing_runs_before_it_is_used():
    assert "network" not in names()
    assert Network().close() is None


def test_closing_ends_what_still_runs_and_leaves_no_thread(network):
    service = Service(0, waits=True)
    thread, read, _ = read_in_thread(network, service, Cancel())
    network.call(asyncio.to_thread(time.monotonic), 5)  # a helper thread of asyncio's own
    assert network.close() is None
    thread.join(5)
    assert read == ["closed"]
    assert service.was_cancelled
    assert not [name for name in names() if name.startswith(("network", "asyncio"))]


def test_once_closed_it_begins_nothing_more(network):
    for begun in (False, True):
        if begun:
            network = Network()
            network.call(_answer(), 5)
        network.close()
        with pytest.raises(Closed):
            network.call(_answer(), 5)
        with pytest.raises(Closed):
            list(network.stream(Service(3).numbers(), Cancel()))
        assert "network" not in names()


def test_a_call_under_way_learns_that_the_network_closes(network):
    learnt = []

    def call() -> None:
        try:
            network.call(_slow(), 30)
        except Closed:
            learnt.append("closed")

    thread = threading.Thread(target=call)
    thread.start()
    assert eventually(lambda: "network" in names())
    network.close()
    thread.join(5)
    assert learnt == ["closed"]
