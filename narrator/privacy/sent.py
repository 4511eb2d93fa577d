"""The log of exactly what left this machine: when, to whom, which pictures, how many letters, and what it took.

A line of JSON goes to `requests.jsonl` when a request leaves, another one when its usage is known; never a key, and
never the text itself. With the setting `sent.pictures` the pictures lie beside it. Only the user may read the folder.
"""

import json
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from narrator.errors import NarratorError
from narrator.mailbox import Closed, Fifo, Guarded
from narrator.messages import Level, Notice, Prompt, PromptPicture, PromptVideo, Run, Usage
from narrator.settings import log_folder
from narrator.spending.caps import money

_log = logging.getLogger(__name__)
_LOG_BYTES = 5_000_000
_PICTURE_BYTES = 200_000_000
_QUEUE = 256
_OPEN_RUNS = 256
"""Of which it is not known what they took; the usage of an older one is passed over."""
_Line: TypeAlias = dict[str, Any]
HEADS = ("Time", "To", "Pictures", "Sizes", "Tokens", "Cost")
_Job: TypeAlias = tuple[int, _Line, dict[str, bytes]]
"""How often the folder had been erased, a line, and the pictures that go with it, by the names of their files."""
_erasures: Guarded[Counter[Path]] = Guarded(Counter())
"""How often each folder was erased by this process: what was recorded before that and waits is not written."""
_writing = Guarded(None)
"""Held while a log is written to or erased: the window erases by another `SentLog` than the session's."""


@dataclass(frozen=True, slots=True)
class SentPicture:
    """A picture that was sent: size in pixels and bytes, ages in seconds; `file` is empty when it was not kept."""

    width: int
    height: int
    bytes: int
    age: float
    detail: str = ""
    ages: tuple[float, ...] = ()
    """Of the tiles, when it is a contact sheet, oldest first."""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request; `at` is in seconds since 1970. What it took is 0 until it is known."""

    id: str
    at: float
    backend: str
    host: str
    letters: int
    tokens_estimated: int
    pictures: tuple[SentPicture, ...] = ()
    videos: tuple[str, ...] = ()
    """The kind of each video file that was sent, as video/mp4."""
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    cost: float = 0.0
    estimated: bool = False
    """What it took was not told by the describer."""

    @property
    def tokens(self) -> int:
        """In and out; while that is not known, the estimate of those in."""
        return self.tokens_in + self.tokens_out or self.tokens_estimated


def sent_folder() -> Path:
    """Where the log lies."""
    return log_folder() / "sent"


class SentLog:
    """The log in `folder`, which is made with the first line; a thread of its own writes."""

    def __init__(
        self,
        folder: Path,
        keep_pictures: Callable[[], bool] = lambda: False,
        wall: Callable[[], float] = time.time,
        *,
        log_bytes: int = _LOG_BYTES,
        picture_bytes: int = _PICTURE_BYTES,
    ) -> None:
        self._keep_pictures, self._wall = keep_pictures, wall
        self._files = _Files(folder, log_bytes, picture_bytes)
        self._jobs: Fifo[_Job] = Fifo(_QUEUE)
        self._state = Guarded(_State(f"{int(wall() * 1000):x}-{os.getpid()}"))

    def record(self, run: Run, prompt: Prompt, destination: str, tokens: int) -> None:
        """A prompt goes to the host `destination`; `tokens` is an estimate. Returns at once."""
        erasures = self._erasures()
        with self._state as state:
            name = f"{state.copy}-{run.id}"
            state.open_runs[run.id] = (erasures, name)
            if len(state.open_runs) > _OPEN_RUNS:
                del state.open_runs[next(iter(state.open_runs))]
            if state.writer is None:
                state.writer = threading.Thread(target=self._write, name="sent", daemon=True)
                state.writer.start()
        parts = [part for turn in prompt.turns for part in turn.parts] + list(prompt.parts)
        pictures = [part for part in parts if isinstance(part, PromptPicture)]
        files = [f"{name}-{place}.jpg" if self._keep_pictures() else "" for place in range(len(pictures))]
        sent = Sent(
            name,
            round(self._wall(), 3),
            run.backend,
            destination,
            len(prompt.system) + sum(len(part) for part in parts if isinstance(part, str)),
            tokens,
            tuple(map(_described, pictures, files)),
            tuple(part.mime_type for part in parts if isinstance(part, PromptVideo)),
        )
        kept = {file: picture.picture.jpeg for file, picture in zip(files, pictures, strict=True) if file}
        self._jobs.put((erasures, asdict(sent), kept))

    def record_usage(self, usage: Usage) -> None:
        """What a request took; of a run that sent nothing it is passed over. Returns at once."""
        with self._state as state:
            erasures, name = state.open_runs.pop(usage.run.id, (0, ""))
        if name:
            took = {key: getattr(usage, key) for key in ("tokens_in", "tokens_out", "cached", "cost", "estimated")}
            self._jobs.put((erasures, {"id": name, **took}, {}))

    def notices(self) -> list[Notice]:
        """What the user must know: that the log cannot be written, once."""
        with self._state as state:
            due, state.due = state.due, []
        return due

    def close(self) -> None:
        """Write what is left, and end the thread."""
        self._jobs.close()
        with self._state as state:
            writer = state.writer
        if writer is not None:
            writer.join(1)

    def entries(self, limit: int = 0) -> list[Sent]:
        """What was sent, newest first, at most `limit` of it; 0 for all. Raises `NarratorError`."""
        found: dict[str, Sent] = {}
        for line in self._files.lines():
            with suppress(TypeError, KeyError, ValueError, AttributeError):  # a damaged line is passed over
                found[str(line["id"])] = _merged(found.get(str(line["id"])), line)
        by_time = sorted(found.values(), key=lambda sent: sent.at)
        return by_time[::-1][: limit or None]

    def erase(self) -> None:
        """Delete the log and the pictures; nothing that was recorded until now is written any more.

        Another process may still write what it holds at this moment. Raises `NarratorError`.
        """
        with _erasures as erasures:
            erasures[self._files.folder] += 1
        with _writing:
            self._files.erase()

    def _erasures(self) -> int:
        with _erasures as erasures:
            return erasures[self._files.folder]

    def _write(self) -> None:
        """The writer's thread."""
        while True:
            try:
                job = self._jobs.get()
                if job is not None:
                    self._add(*job)
            except Closed:
                return
            except OSError as error:  # a full disk, say: narration goes on
                self._fail(error)
            except Exception:  # noqa: BLE001 - the top of the thread: no log of what is sent must not end narration
                _log.exception("What was sent could not be written down")

    def _add(self, erasures: int, line: _Line, pictures: dict[str, bytes]) -> None:
        with _writing:
            if erasures == self._erasures():
                self._files.add(line, pictures)

    def _fail(self, error: OSError) -> None:
        with self._state as state:
            if state.has_failed:
                return
            state.has_failed = True
            text = "What is sent cannot be written down."
            state.due.append(Notice(Level.WARNING, text, f"Look at the folder {self._files.folder}."))
        _log.warning("What is sent cannot be written down: %s", error)


def rows(entries: Sequence[Sent]) -> list[tuple[str, ...]]:
    """Each request as texts for a table, in the order of `HEADS`."""
    return [_row(sent) for sent in entries]


def total(entries: Sequence[Sent]) -> str:
    """The sum in a sentence; empty when nothing was sent."""
    if not entries:
        return ""
    pictures = [picture for sent in entries for picture in sent.pictures]
    parts = (
        f"{_count(len(entries), 'request')} with {_count(len(pictures), 'picture')}",
        _bytes(sum(picture.bytes for picture in pictures)),
        f"{sum(sent.tokens for sent in entries):,} tokens",
        money(sum(sent.cost for sent in entries)),
    )
    return ", ".join(parts) + "."


@dataclass(slots=True)
class _State:
    """What the threads that record share."""

    copy: str
    """Tells this copy of the program from others that write to the same log."""
    open_runs: dict[int, tuple[int, str]] = field(default_factory=dict)
    """How often the folder had been erased, and the name in the log, of each run that has not ended."""
    writer: threading.Thread | None = None
    has_failed: bool = False
    due: list[Notice] = field(default_factory=list)


class _Files:
    """The files of the log. The writer's thread adds; any thread reads."""

    def __init__(self, folder: Path, log_bytes: int, picture_bytes: int) -> None:
        self.folder = folder
        self._log, self._old = folder / "requests.jsonl", folder / "requests.old.jsonl"
        self._pictures = folder / "pictures"
        self._log_bytes, self._picture_bytes = log_bytes, picture_bytes
        self._room = 0
        """Bytes of pictures that may be added before the folder must be looked through."""

    def add(self, line: _Line, pictures: dict[str, bytes]) -> None:
        """Raises `OSError`."""
        _make_private(self.folder)
        if self._log.exists() and self._log.stat().st_size > self._log_bytes:
            self._log.replace(self._old)
        _append(self._log, json.dumps(line, ensure_ascii=False).encode() + b"\n")
        if pictures:
            self._keep(pictures)

    def lines(self) -> Iterator[_Line]:
        """Oldest first. Raises `NarratorError`."""
        for path in (self._old, self._log):
            try:
                text = path.read_text(encoding="utf-8", errors="replace")
            except FileNotFoundError:
                continue
            except OSError as error:
                remedy = f"Look at the file {path}."
                raise NarratorError("The record of what was sent cannot be read.", remedy, str(error)) from error
            for line in text.splitlines():
                with suppress(ValueError, RecursionError):
                    yield json.loads(line)

    def erase(self) -> None:
        try:
            for path in (self._log, self._old, *self._pictures.glob("*.jpg")):
                path.unlink(missing_ok=True)
            if self._pictures.exists():
                self._pictures.rmdir()
        except OSError as error:
            remedy = f"Delete the folder {self.folder} yourself."
            raise NarratorError("What was sent could not be erased.", remedy, str(error)) from error

    def _keep(self, pictures: dict[str, bytes]) -> None:
        _make_private(self._pictures)
        if self._room < sum(map(len, pictures.values())):
            self._make_room()
        for name, jpeg in pictures.items():
            _append(self._pictures / name, jpeg)
            self._room -= len(jpeg)

    def _make_room(self) -> None:
        """Delete the oldest pictures until a tenth of the bound is free."""
        found = sorted((path.stat().st_mtime_ns, path.stat().st_size, path) for path in self._pictures.glob("*.jpg"))
        used = sum(size for _, size, _ in found)
        for _, size, path in found:
            if used <= 0.9 * self._picture_bytes:
                break
            path.unlink(missing_ok=True)
            used -= size
        self._room = self._picture_bytes - used


def _described(picture: PromptPicture, file: str) -> SentPicture:
    shown = picture.picture
    age, *ages = (round(age, 2) for age in (picture.age, *picture.ages))
    return SentPicture(shown.width, shown.height, len(shown.jpeg), age, picture.detail, tuple(ages), file)


def _merged(before: Sent | None, line: _Line) -> Sent:
    """A line that a request begins, or what it took, added to it."""
    if before is not None:
        return replace(before, **line)
    pictures = tuple(SentPicture(**{**picture, "ages": tuple(picture["ages"])}) for picture in line["pictures"])
    return Sent(**{**line, "at": float(line["at"]), "pictures": pictures, "videos": tuple(line["videos"])})


def _make_private(folder: Path) -> None:
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)


def _append(path: Path, content: bytes) -> None:
    """One call, in append mode: copies of the program that write at once do not mix their lines."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    try:
        if os.write(file, content) != len(content):
            raise OSError(f"{path} was written only in part")
    finally:
        os.close(file)


def _row(sent: Sent) -> tuple[str, ...]:
    about = "about " if sent.estimated or not sent.tokens_in else ""
    return (
        time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(sent.at)),
        f"{sent.backend}, {sent.host}" if sent.host else sent.backend,
        _count(len(sent.videos), "video") if sent.videos else str(len(sent.pictures)),
        ", ".join(f"{count} × {size}" for size, count in Counter(map(_size, sent.pictures)).items()),
        f"{about}{sent.tokens:,}",
        money(sent.cost),
    )


def _size(picture: SentPicture) -> str:
    return f"{picture.width}×{picture.height}" + (f" of {len(picture.ages)}" if picture.ages else "")


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def _bytes(number: int) -> str:
    return f"{number / 1e6:.1f} MB" if number >= 1e6 else f"{number / 1e3:.0f} kB"
