"""The JSON lines of `--events` are a public interface, held to what `docs/events.md` says."""

import io
import json
import re
import time
from pathlib import Path

import pytest

from narrator.events import EventWriter
from narrator.mailbox import Fifo
from narrator.messages import (
    Audio,
    AudioEvent,
    Caption,
    Delta,
    Level,
    Meter,
    Notice,
    Phase,
    Priority,
    Reason,
    Request,
    Run,
    Scene,
    State,
    Usage,
    Utterance,
)

DOCS = Path(__file__).parent.parent / "docs" / "events.md"
RUN = Run(7, "local", "embedded", Reason.CUT, Priority.NORMAL, 1.0, 9.0, 0.5, 3.25, 0, Scene(2, 0.5, 3.25, 0), 4)
CLAUSE = Utterance(3, RUN, "A cat.", Priority.NORMAL, 1.0)
EVENTS = [
    Request(RUN, 2, 640),
    Delta(RUN, "A cät. "),
    Caption(RUN, "A cät.", complete=False),
    CLAUSE,
    Audio(CLAUSE, AudioEvent.START, 1.75),
    Audio(Utterance(4, None, "The stream stopped.", Priority.NEXT, 1.0), AudioEvent.DROPPED, 2.0),
    Notice(Level.WARNING, "The stream stopped.", "Check the camera."),
    Usage(RUN, 640, 12, 100, 0.002, estimated=True, meter=Meter(requests=4, cost_an_hour=0.25, cost_today=0.5)),
    State(Phase.NARRATING, "demo", "embedded", "espeak", 29.97, 5.04, 1, 123.456, 0.4321),
]


@pytest.fixture(scope="module")
def lines():
    stream, events = io.StringIO(), Fifo(100)
    writer = EventWriter(events, stream, time.monotonic())
    writer.start()
    for event in EVENTS:
        events.put(event)
    writer.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def documented():
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    return {kind: set(re.findall(r"`(\w+)`", fields)) for kind, fields in rows}


def test_every_kind_has_just_the_fields_that_are_documented(lines):
    seen = {line["kind"]: set(line) - {"t", "kind"} for line in lines}
    assert seen == documented()


def test_hello_is_first_and_time_rises(lines):
    assert lines[0]["kind"] == "hello"
    times = [line["t"] for line in lines]
    assert times == sorted(times)
    assert times[0] >= 0


def test_values(lines):
    by_kind = {line["kind"]: line for line in reversed(lines)}
    assert by_kind["request"] | {"run": 7, "reason": "cut", "images": 2, "tokens_estimated": 640} == by_kind["request"]
    assert by_kind["caption"]["text"] == "A cät."
    assert by_kind["caption"]["complete"] is False
    assert by_kind["caption"]["media_t"] == 3.25
    assert by_kind["audio"] | {"id": 3, "run": 7, "event": "start", "age": 1.25} == by_kind["audio"]
    assert by_kind["utterance"]["priority"] == "normal"
    counted = {"requests": 4, "tokens_in": 640, "tokens_out": 12, "cost_an_hour": 0.25, "cost_today": 0.5}
    assert by_kind["usage"] | counted == by_kind["usage"]
    assert by_kind["state"]["capture_fps"] == 30.0
    assert by_kind["state"]["frame_to_word"] == 0.432


def test_a_notice_belongs_to_no_run(lines):
    dropped = next(line for line in lines if line["kind"] == "audio" and line["event"] == "dropped")
    assert dropped["run"] is None
    assert dropped["age"] is None


def test_every_reason_priority_level_and_phase_is_documented():
    text = DOCS.read_text(encoding="utf-8")
    for value in (*Reason, *Level, *Phase, *AudioEvent, *(priority.name.lower() for priority in Priority)):
        assert f"`{value}`" in text, value


def test_a_reader_that_went_away_harms_nothing():
    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    events = Fifo(10)
    writer = EventWriter(events, Broken(), time.monotonic())
    writer.start()
    events.put(EVENTS[0])
    writer.close()
