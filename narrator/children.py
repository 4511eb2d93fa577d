"""Child processes: every engine that may crash, hang or need a kill runs in one, behind one supervised entry.

The parent starts `scene-narrator --child voice NAME` (or `model NAME`), which runs `main(parent, arguments)` of the
module `narrator/voices/_NAME_child.py` (or `narrator/backends/_NAME_child.py`). Both sides send one JSON object a line
over the child's standard input and output; what an engine prints goes nowhere. A child leads a process group of its
own, so that one kill also silences the players it started, and it ends its group when its input closes: it never
outlives its parent, however that ended. (Linux could send a signal at the parent's death, but does so already when the
*thread* that started the child ends.)

On Windows there is no group: a kill ends the child alone. That is enough for SAPI, which speaks within the process, and
is not verified.
"""

import io
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any, TypeAlias

from narrator.mailbox import Cancel, Closed, Fifo, Guarded

Message: TypeAlias = dict[str, Any]
"""One JSON object; its `kind` says what it is."""

_PACKAGES = {"voice": "narrator.voices", "model": "narrator.backends"}
_QUEUE = 10_000
_ENDS_WITHIN = 1.0
_OOM_SCORE = "500"
_NICE = 15


class ChildGone(Exception):
    """The child has ended, or was killed; `code` is its exit status (negative: the signal) where it is known."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(f"exit status {code}")
        self.code = code


def start(kind: str, name: str, *arguments: str) -> "Child":
    """Start a child of ours: `kind` is "voice" or "model". Raises `ChildGone` when that cannot be."""
    return Child([*_program(), "--child", kind, name, *arguments])


class Child:
    """A running child process, from the parent's side. Raises `ChildGone` when it cannot be started."""

    def __init__(self, command: Sequence[str]) -> None:
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=nowhere, bufsize=0, **_group_of_its_own()
            )
        except OSError as error:
            raise ChildGone from error
        self._messages: Fifo[Message] = Fifo(_QUEUE)
        self._posted: Fifo[tuple[str, dict[str, object]]] = Fifo(_QUEUE)
        self._writer = Thread(target=self._write_posted, name="to a child", daemon=True)
        self._end = Cancel()
        self._end.call(self._kill_group)
        self._reader = Thread(target=self._read, name="child", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_gone(self) -> bool:
        return bool(self._end)

    def send(self, kind: str, **fields: object) -> None:
        """Give the child a message. Raises `ChildGone`."""
        assert self._process.stdin is not None
        try:
            _write(self._process.stdin.fileno(), kind, fields)
        except (OSError, ValueError) as error:  # the pipe is closed, at the other end or at ours
            self.kill()  # or it would not count as gone until its reader gets a turn, and would be used again
            raise ChildGone(self._code()) from error

    def post(self, kind: str, **fields: object) -> None:
        """Give the child a message without waiting until it takes it, which one that hangs never does.

        From any thread; what is posted goes in that order. Whether it arrived shows in what `receive` tells.
        """
        self._posted.put((kind, fields))
        with suppress(RuntimeError):  # it runs already
            self._writer.start()

    def receive(self, timeout: float | None = None) -> Message | None:
        """The child's next message, or None after `timeout` s. Raises `ChildGone`."""
        try:
            return self._messages.get(timeout)
        except Closed:
            raise ChildGone(self._code()) from None

    def nudge(self) -> None:
        """From any thread: whoever waits in `receive` gets a message of kind "nudge"."""
        self._messages.put({"kind": "nudge"})

    def kill(self) -> None:
        """End the child and all that it started, at once; from any thread, any number of times."""
        self._end.throw()

    def wait(self, timeout: float) -> bool:
        """Wait until it has ended by itself: True, or False after `timeout` s."""
        self._reader.join(timeout)
        return not self._reader.is_alive()

    def close(self) -> None:
        """Kill and clean up after it."""
        self.kill()
        self.wait(_ENDS_WITHIN)
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _code(self) -> int | None:
        """Its exit status, for which its reader is waited for: it counts as gone a moment before it is reaped."""
        self.wait(_ENDS_WITHIN)
        return self._process.returncode

    def _read(self) -> None:
        """The reader's thread: hand on what the child says, and see to its end."""
        assert isinstance(self._process.stdout, io.RawIOBase)
        with io.BufferedReader(self._process.stdout) as lines:
            for line in lines:
                with suppress(ValueError):  # the last line of a killed child may be half a line
                    self._messages.put(json.loads(line))
        self.kill()
        self._process.wait()

    def _write_posted(self) -> None:
        """The writer's thread, which is there once something was posted."""
        with suppress(Closed, ChildGone):
            while posted := self._posted.get():
                self.send(posted[0], **posted[1])

    def _kill_group(self) -> None:
        # The child is reaped only after this (by the reader), so its number cannot be another's yet.
        with suppress(OSError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._messages.close()
        self._posted.close()


class Standby:
    """Keeps one child started ahead of need, so that the next one is there at once. Close it from any thread."""

    def __init__(self, start: Callable[[], Child]) -> None:
        self._start = start
        self._spare: Guarded[list[Child]] = Guarded([])
        self._closed = False

    def fill(self) -> None:
        """Start the spare child if there is none. Raises `ChildGone`."""
        with self._spare as spare:
            if not self._closed and not spare:
                spare.append(self._start())

    def take(self) -> Child:
        """The spare child, or a new one if that has died; `fill` again soon. Raises `ChildGone` after `close`."""
        with self._spare as spare:
            if self._closed:
                raise ChildGone
            child = spare.pop() if spare else self._start()
        if not child.is_gone:
            return child
        child.close()
        return self._start()

    def close(self) -> None:
        """End the spare child; give out no more."""
        with self._spare as spare:
            self._closed = True
            for child in spare:
                child.close()
            spare.clear()


class Parent:
    """The process that started this one, from the child's side."""

    def __init__(self) -> None:
        self._input, self._output = os.dup(0), os.dup(1)  # duplicates are not inherited by what the child starts
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 0)
        os.dup2(nowhere, 1)
        self._messages: Fifo[Message] = Fifo(_QUEUE)
        Thread(target=self._read, name="parent", daemon=True).start()

    def send(self, kind: str, **fields: object) -> None:
        """Tell the parent something; when it is gone, so are we."""
        with suppress(OSError):
            _write(self._output, kind, fields)

    def receive(self, timeout: float | None = None) -> Message | None:
        """The parent's next message, or None after `timeout` s."""
        return self._messages.get(timeout)

    def _read(self) -> None:
        with os.fdopen(self._input, "rb") as lines:
            for line in lines:
                with suppress(ValueError):
                    self._messages.put(json.loads(line))
        end_own_group()


def serve(arguments: list[str]) -> int:
    """Be the child that `arguments` (kind, name and its own) describe. Returns the exit code."""
    kind, name = (*arguments, "", "")[:2]
    if kind not in _PACKAGES or not name.replace("-", "").isalnum():
        return 2
    _offer_to_die_first()
    if kind == "model":
        _let_others_go_first()
    parent = Parent()
    try:
        main = import_module(f"{_PACKAGES[kind]}._{name.replace('-', '_')}_child").main
        main(parent, arguments[2:])
    except Exception:  # noqa: BLE001 - the top of the process: the parent logs what it was
        parent.send("crashed", detail=traceback.format_exc())
        return 1
    return 0


def _program() -> list[str]:
    """How this program starts itself again. `-P`: never from files that happen to lie in the current folder."""
    return [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-P", "-m", "narrator"]


def _group_of_its_own() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def _write(descriptor: int, kind: str, fields: dict[str, object]) -> None:
    data = json.dumps({"kind": kind, **fields}).encode() + b"\n"
    while data:
        data = data[os.write(descriptor, data) :]


def end_own_group() -> None:
    """End this child at once, with all that it started."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _offer_to_die_first() -> None:
    """When memory runs out, Linux ends a child rather than the window."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")


def _let_others_go_first() -> None:
    """A model takes what the window, the camera and the voice leave of the processor."""
    import psutil

    with suppress(OSError, psutil.Error):
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else _NICE)
