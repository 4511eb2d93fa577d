"""The program's end: starts a model's child, asks it, cancels at once, and ends it when it does not stop."""

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count

from narrator import children
from narrator.children import Child, ChildGone, Message
from narrator.engines.child import STOPS_WITHIN
from narrator.engines.failures import failure
from narrator.errors import BackendError
from narrator.mailbox import Cancel, Closed

_LOADS_WITHIN = 900.0
"""Seconds; the largest files from the slowest disks take some minutes."""
_LONGEST_STOP = 60.0
_ALLOWANCE = 1.5
"""Times its slowest first word: no engine can leave off in the middle of a picture, which on a processor takes long."""
_FORGETS = 0.9
"""What is left of the slowest first word with each one after it."""
_GRACE = 0.5
"""Seconds that a child is given beyond the time after which it ends itself."""


class Engine:
    """One model in one child, used by one thread; `close` may come from another.

    `name` is that of `narrator/backends/_NAME_child.py`, unless `start` starts another child. `title` and `model` are
    for sentences.
    """

    def __init__(self, name: str, title: str, start: Callable[[], Child] | None = None) -> None:
        self._start = start or (lambda: children.start("model", name))
        self._title = title
        self._child: Child | None = None
        self._closing = Cancel()
        self._ids = count(1)
        self._last = 0
        self._stops_by: float | None = None
        self._is_under_way = False
        self._asked_at = 0.0
        self._slowest, self._is_measured = 0.0, False
        self.model = ""

    @property
    def is_open(self) -> bool:
        return self._child is not None and not self._child.is_gone

    @property
    def pid(self) -> int:
        """The child's process id; 0 when there is none."""
        return self._child.pid if self._child is not None else 0

    @property
    def stops_within(self) -> float:
        """Seconds that a model is given to stop: 2, or more where a picture takes longer to look at."""
        return min(_LONGEST_STOP, max(STOPS_WITHIN, _ALLOWANCE * self._slowest))

    def expect(self, first_word: float) -> None:
        """Reckon with so many seconds to the first word of an answer, until it is measured."""
        self._slowest, self._is_measured = first_word, False

    def load(self, options: Mapping[str, object], tell: Callable[[str], None]) -> Message:
        """Start the child afresh and have it load: its `ready` message. `tell` hears what takes time.

        Raises `BackendError`, and `Closed` when it is closed meanwhile.
        """
        self._end_child()
        if self._closing:
            raise Closed
        self.expect(0.0)
        child = self._started()
        self._closing.call(child.kill)
        try:
            self._send("load", options=dict(options))
            for message in self._messages(child):
                if message["kind"] == "telling":
                    tell(message["text"])
                elif message["kind"] == "ready":
                    return message
        except BackendError:
            self._end_child()  # what it has loaded so far takes memory
            if self._closing:
                raise Closed from None
            raise
        raise AssertionError("a child that loads becomes ready, fails or is gone")

    def ask(
        self, request: Mapping[str, object], cancelled: Cancel, first_word_within: float, within: float
    ) -> Iterator[Message]:
        """The child's `text` and `usage` messages as they come; ends at once when cancelled.

        A model that has not stopped `stops_within` s after a cancel is ended with its process. Raises `BackendError`.
        """
        if not self._is_over(cancelled):
            return
        child = self._child
        if child is None or child.is_gone:
            raise failure("crashed", "it was gone before it was asked", title=self._title, model=self.model)
        id_, self._asked_at = self._send("ask", **request), time.monotonic()
        cancelled.call(lambda: self._cancel(child, id_))
        self._is_under_way = True
        try:
            yield from self._answer(child, id_, cancelled, first_word_within, within)
        except ChildGone as error:
            if not (cancelled or self._closing):
                raise self._gone(error) from error
        finally:
            cancelled.call(None)
            if self._is_under_way:
                self._cancel(child, id_)
                self._stops_by = time.monotonic() + self.stops_within

    def _answer(
        self, child: Child, id_: int, cancelled: Cancel, first_word_within: float, within: float
    ) -> Iterator[Message]:
        began, has_begun = self._asked_at, False
        while True:
            left = began + (within if has_begun else first_word_within) - time.monotonic()
            message = child.receive(max(0.0, left))
            if cancelled:
                return
            if message is None:
                raise failure("cut" if has_begun else "too_slow", model=self.model)
            if message.get("id") != id_:
                continue
            if message["kind"] == "text" and not has_begun:
                has_begun = True
                self._measured()
            self._is_under_way = message["kind"] not in ("done", "failed")
            self._raise_failure(message)
            if not self._is_under_way:
                return
            yield message

    def close(self) -> None:
        """End the child at once and for good."""
        self._closing.throw()
        self._end_child()

    def _started(self) -> Child:
        try:
            self._child = self._start()
        except ChildGone as error:
            raise self._gone(error) from error
        return self._child

    def _send(self, kind: str, **fields: object) -> int:
        assert self._child is not None
        self._last = next(self._ids)
        self._child.post(kind, id=self._last, **fields)
        return self._last

    def _messages(self, child: Child) -> Iterator[Message]:
        until = time.monotonic() + _LOADS_WITHIN
        while True:
            try:
                message = child.receive(max(0.0, until - time.monotonic()))
            except ChildGone as error:
                raise self._gone(error) from error
            if message is None:
                raise failure("load_stuck", model=self.model)
            self._raise_failure(message)
            yield message

    def _cancel(self, child: Child, id_: int) -> None:
        """From any thread."""
        child.post("cancel", id=id_, within=self.stops_within)
        child.nudge()

    def _measured(self) -> None:
        before = _FORGETS * self._slowest if self._is_measured else 0.0
        self._slowest, self._is_measured = max(time.monotonic() - self._asked_at, before), True

    def _is_over(self, cancelled: Cancel) -> bool:
        """Wait until a request that was left before its end has stopped; False when `cancelled` comes first.

        Raises `EngineLost` when the child did not stop and was ended.
        """
        stops_by, child = self._stops_by, self._child
        if stops_by is None or child is None:
            return True
        cancelled.call(child.nudge)
        deadline = stops_by + _GRACE
        while not cancelled:
            try:
                message = child.receive(max(0.0, deadline - time.monotonic()))
            except ChildGone:
                break
            if message is None:
                break
            if message.get("id") == self._last and message["kind"] in ("done", "failed"):
                self._stops_by = None
                return True
        if cancelled:
            return False
        self._stops_by = None
        child.kill()
        raise failure("stuck", model=self.model)

    def _raise_failure(self, message: Message) -> None:
        if message["kind"] == "crashed":
            raise failure("crashed", message["detail"], model=self.model)
        if message["kind"] == "failed":
            if message["cause"] == "out_of_memory":
                self._end_child()
            facts = {"title": self._title, "model": self.model, **message["facts"]}
            raise failure(message["cause"], message["detail"], **facts)

    def _gone(self, error: ChildGone) -> BackendError:
        """Linux ends a process that takes the last memory with SIGKILL, which we send as well, but not unasked."""
        cause = "out_of_memory" if error.code == -9 else "crashed"
        return failure(cause, str(error), title=self._title, model=self.model)

    def _end_child(self) -> None:
        child, self._child = self._child, None
        self._stops_by = None
        if child is not None:
            child.close()
