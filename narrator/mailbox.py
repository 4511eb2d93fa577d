"""How threads hand things over. The only file of the core that holds locks."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Condition, Event, Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Closed(Exception):
    """The mailbox was closed; whoever waits on it ends."""


class Latest(Generic[Item]):
    """Holds the newest item for any number of readers; whoever is late sees only the newest."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._item: Item | None = None
        self._version = 0
        self._closed = False

    def put(self, item: Item) -> None:
        """Replace the item and wake every reader. After `close` it does nothing."""
        with self._changed:
            if self._closed:
                return
            self._item = item
            self._version += 1
            self._changed.notify_all()

    def peek(self) -> Item | None:
        """The newest item, or None when there was none yet."""
        return self._item

    def wait(self, after: int, timeout: float | None = None) -> tuple[int, Item | None]:
        """Wait for an item newer than version `after`: its version and the item, or `(after, None)` after `timeout` s.

        Versions count from 1. Raises `Closed`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._version > after, timeout)
            if self._closed:
                raise Closed
            if self._version > after:
                return self._version, self._item
            return after, None

    def nudge(self) -> None:
        """Wake every reader as if the item had been put again: something beside it is worth a look."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Wake every reader with `Closed`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Fifo(Generic[Item]):
    """A bounded queue: when it is full the oldest item goes and is counted."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._changed = Condition()
        self._items: OrderedDict[Hashable, Item] = OrderedDict()
        self._serial = 0
        self._closed = False
        self.dropped = 0

    def put(self, item: Item, key: Hashable = None) -> None:
        """Append an item; with a `key`, an item of the same key that still waits is replaced by it."""
        with self._changed:
            if self._closed:
                return
            self._serial += 1
            if key is not None:
                self._items.pop(("key", key), None)
            self._items[("key", key) if key is not None else self._serial] = item
            if len(self._items) > self._capacity:
                self._items.popitem(last=False)
                self.dropped += 1
            self._changed.notify_all()

    def get(self, timeout: float | None = None) -> Item | None:
        """The oldest item, or None after `timeout` s. What waits is still given out after `close`; then `Closed`."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout)
            if self._items:
                return self._items.popitem(last=False)[1]
            if self._closed:
                raise Closed
            return None

    def drain(self) -> list[Item]:
        """Everything that waits, oldest first, without waiting."""
        with self._changed:
            items = list(self._items.values())
            self._items.clear()
            return items

    def close(self) -> None:
        """Take no more items; readers get what is left, then `Closed`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Cancel:
    """A one-way switch that may be thrown from any thread and runs one callback at once, in the thrower's thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._event = Event()
        self._callback: Callable[[], None] | None = None

    def __bool__(self) -> bool:
        return self._event.is_set()

    def throw(self) -> None:
        """Throw the switch; the second time does nothing."""
        with self._lock:
            if self._event.is_set():
                return
            self._event.set()
            callback, self._callback = self._callback, None
        if callback is not None:
            callback()

    def call(self, callback: Callable[[], None] | None) -> None:
        """Register what the throw runs, in place of the last; runs it now when already thrown. None unregisters."""
        with self._lock:
            if not self._event.is_set():
                self._callback = callback
                return
        if callback is not None:
            callback()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until thrown: True, or False after `timeout` s."""
        return self._event.wait(timeout)


class Guarded(Generic[Item]):
    """State that threads share: `with guarded as state:` holds it alone; leaving wakes those who wait for a change."""

    def __init__(self, state: Item) -> None:
        self._changed = Condition()
        self._state = state

    def __enter__(self) -> Item:
        self._changed.acquire()
        return self._state

    def __exit__(self, *_: object) -> None:
        self._changed.notify_all()
        self._changed.release()

    def wait(self, ready: Callable[[Item], object], timeout: float | None = None) -> bool:
        """Wait until `ready(state)`: True, or False after `timeout` s."""
        with self._changed:
            return bool(self._changed.wait_for(lambda: ready(self._state), timeout))
