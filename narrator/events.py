"""Events as JSON lines, the public interface of `docs/events.md`, written by a thread of their own."""

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TextIO

from narrator import __version__
from narrator.mailbox import Closed, Fifo
from narrator.messages import Audio, Caption, Delta, Event, Meter, Notice, Request, State, Usage, Utterance

SCHEMA = 1
_log = logging.getLogger(__name__)


class EventWriter:
    """Writes every event of one subscription to `stream`, each line flushed at once; `t` counts from `started_at`."""

    def __init__(self, events: Fifo[Event], stream: TextIO, started_at: float) -> None:
        self._events, self._stream, self._started_at = events, stream, started_at
        self._thread = threading.Thread(target=self._main, name="events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Write what is left, then end."""
        self._events.close()
        if self._thread.is_alive():
            self._thread.join(2)

    def _main(self) -> None:
        try:
            self._write("hello", {"version": __version__, "schema": SCHEMA, "wall_time": round(time.time(), 3)})
            while True:
                event = self._events.get()
                if event is not None:
                    self._write(kind_of(event), fields_of(event))
        except Closed:
            return
        except OSError as error:  # the reader of a pipe went away: narration goes on without it
            _log.warning("Events can no longer be written: %s", error)
            self._events.close()

    def _write(self, kind: str, fields: dict[str, Any]) -> None:
        line = {"t": round(time.monotonic() - self._started_at, 3), "kind": kind, **fields}
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stream.flush()


def kind_of(event: Event) -> str:
    """The value of `kind`."""
    return type(event).__name__.lower()


def fields_of(event: Event) -> dict[str, Any]:
    """The fields of an event beside `t` and `kind`."""
    return _FIELDS[type(event)](event)


def _caption(event: Caption) -> dict[str, Any]:
    run = event.run
    return {
        "text": event.text,
        "run": run.id,
        "lane": run.lane,
        "backend": run.backend,
        "complete": event.complete,
        "media_t": round(run.media_t, 3),
        "frame_age": _age(run.frame_at, time.monotonic()),
    }


def _delta(event: Delta) -> dict[str, Any]:
    return {"text": event.text, "run": event.run.id}


def _utterance(event: Utterance) -> dict[str, Any]:
    run = event.run.id if event.run else None
    return {"id": event.id, "text": event.text, "run": run, "priority": event.priority.name.lower()}


def _audio(event: Audio) -> dict[str, Any]:
    run = event.utterance.run
    age = _age(run.frame_at, event.at) if run else None
    return {"id": event.utterance.id, "run": run.id if run else None, "event": event.event.value, "age": age}


def _notice(event: Notice) -> dict[str, Any]:
    return {"level": event.level.value, "text": event.text, "remedy": event.remedy}


def _request(event: Request) -> dict[str, Any]:
    return {
        "run": event.run.id,
        "reason": event.run.reason.value,
        "images": event.images,
        "tokens_estimated": event.tokens_estimated,
    }


def _usage(event: Usage) -> dict[str, Any]:
    meter = event.meter or Meter()
    return {
        "run": event.run.id,
        "tokens_in": event.tokens_in,
        "tokens_out": event.tokens_out,
        "cached": event.cached,
        "cost": event.cost,
        "estimated": event.estimated,
        "requests": meter.requests,
        "cost_an_hour": meter.cost_an_hour,
        "cost_today": meter.cost_today,
    }


def _state(event: State) -> dict[str, Any]:
    return {
        "phase": event.phase.value,
        "source": event.source,
        "backend": event.backend,
        "narrating": event.narrating,
        "voice": event.voice,
        "capture_fps": round(event.capture_fps, 1),
        "sight_fps": round(event.sight_fps, 1),
        "drops": event.drops,
        "rss_mb": round(event.rss_mb, 1),
        "frame_to_word": event.frame_to_word and round(event.frame_to_word, 3),
        "meter": asdict(event.meter),
    }


def _age(frame_at: float, at: float) -> float:
    return round(at - frame_at, 3)


_FIELDS: dict[type, Callable[[Any], dict[str, Any]]] = {
    Caption: _caption,
    Delta: _delta,
    Utterance: _utterance,
    Audio: _audio,
    Notice: _notice,
    Request: _request,
    Usage: _usage,
    State: _state,
}
