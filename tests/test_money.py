"""The program at its limits: a model that costs money, asked through the real client, and who goes on after it."""

import json
import os
import subprocess
import sys
import time
from datetime import date

import pytest
from fakes.gemini_service import GeminiService

from narrator.resources import resource
from narrator.spending.daybook import Daybook

FAST = {
    "spending.pace": 1000,
    "gemini.min_gap": 0,
    "narration.min_gap": 0,
    "narration.cut_gap": 0,
    "sight.text": "false",
    "speech.rate": 900,
}


@pytest.fixture
def service():
    with GeminiService(first_token=0.05) as running:
        yield running


@pytest.fixture
def narrate(tmp_path, service):
    """Narrates the demo with Gemini for some seconds; gives the events."""

    def run(seconds, *options, **settings):
        values = {**FAST, "gemini.base_url": service.url, **settings}
        own = {"GEMINI_API_KEY": "nobodys", "SCENE_NARRATOR_CONFIG": str(tmp_path), "SCENE_NARRATOR_LOG": str(tmp_path)}
        program = [sys.executable, "-m", "narrator", "--no-window", "--source", str(resource("demo/demo.mp4"))]
        rest = ["--backend", "gemini", "--voice", "silent", "--yes", "--loop", "--duration", str(seconds), *options]
        done = subprocess.run(
            [*program, *rest, "--events", "e.jsonl", *[f"--set={key}={value}" for key, value in values.items()]],
            env=os.environ | own,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in (tmp_path / "e.jsonl").read_text(encoding="utf-8").splitlines()]

    return run


def of(events, kind):
    return [event for event in events if event["kind"] == kind]


def lanes_after(events, moment):
    return {event["lane"] for event in of(events, "caption") if event["t"] > moment}


@pytest.mark.parametrize("key", ["spending.hour", "spending.day"])
def test_at_the_cap_the_model_stops_it_is_said_and_the_built_in_describer_goes_on(narrate, service, key):
    cap = 0.003
    events = narrate(14, **{key: cap})
    costs = [event["cost"] for event in of(events, "usage")]
    assert 2 <= len(costs) == len(service.asked)
    assert sum(costs) <= cap + max(costs)
    (notice,) = [event for event in of(events, "notice") if "is reached" in event["text"]]
    assert "The built-in describer goes on until" in notice["text"]
    assert key in notice["remedy"]
    assert lanes_after(events, notice["t"] + 1) == {"local"}
    assert of(events, "state")[-1]["narrating"] == "embedded"
    assert of(events, "state")[-1]["meter"]["cost"] == pytest.approx(sum(costs))


def test_a_limit_that_one_request_breaks_stops_after_it(narrate, service):
    events = narrate(6, **{"spending.hour": 0.0001})
    assert len(service.asked) == 1
    (notice,) = of(events, "notice")
    assert notice["text"].startswith("One request takes more than the limit of $0.0001 an hour.")
    assert lanes_after(events, notice["t"] + 1) == {"local"}


def test_what_was_spent_before_the_start_counts_and_nothing_is_sent(narrate, service, tmp_path):
    Daybook(tmp_path / "spending").write(date.today(), time.time(), 2.01)
    events = narrate(6)
    assert service.asked == []
    (notice,) = of(events, "notice")
    assert notice["text"] == "The limit of $2.00 a day is reached. The built-in describer goes on until tomorrow."
    assert {event["lane"] for event in of(events, "caption")} == {"local"}


def test_the_hours_limit_holds_over_starts_of_the_program(narrate, service):
    cap = 0.003
    costs = [event["cost"] for _ in range(3) for event in of(narrate(6, **{"spending.hour": cap}), "usage")]
    assert 2 <= len(costs) == len(service.asked)
    assert sum(costs) <= cap + max(costs)


def test_the_day_is_on_disk_and_the_log_tells_what_the_service_saw(narrate, service, tmp_path):
    narrate(8, **{"sent.pictures": "true"})
    today = narrate(2, **{"spending.day": 0})
    spent = sum(event["cost"] for event in of(today, "usage"))
    assert of(today, "state")[-1]["meter"]["cost_today"] > spent > 0
    printed = subprocess.run(
        [sys.executable, "-m", "narrator", "sent"],
        env=os.environ | {"SCENE_NARRATOR_LOG": str(tmp_path), "SCENE_NARRATOR_CONFIG": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"In all: {len(service.asked)} requests" in printed
    assert "nobodys" not in (tmp_path / "sent" / "requests.jsonl").read_text()
    kept = {path.read_bytes() for path in (tmp_path / "sent" / "pictures").iterdir()}
    assert kept


def test_a_disk_that_is_full_is_told_and_narration_goes_on(narrate, tmp_path):
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / "requests.jsonl").symlink_to("/dev/full")
    (tmp_path / "spending").mkdir()
    (tmp_path / "spending" / f"{date.today()}.txt").symlink_to("/dev/full")
    events = narrate(6)
    assert [event["text"] for event in of(events, "notice")] == ["What is sent cannot be written down."]
    assert "gemini" in {event["lane"] for event in of(events, "caption")}
    assert of(events, "state")[-1]["meter"]["cost_today"] > 0
