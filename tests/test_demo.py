"""The main job on the demo clip, as the command runs it: what truly happens is told, in time, and can be understood."""

import json
import os
import subprocess
import sys
import tomllib
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fakes.sound import recognise, write_wav

from narrator.resources import resource

EARLIEST, LATEST = -1.0, 6.5
"""Seconds around the true time within which an event must be told: detection, the pause between lines, and speech."""
WORDS = {"text": "Text reads: {text}.", "darker": "dark", "appeared": "{label} comes in", "left": "{label} leaves"}


@pytest.fixture(scope="module")
def narrated(tmp_path_factory):
    """The demo narrated once, in real time: its events by kind and the folder with the sound."""
    folder = tmp_path_factory.mktemp("demo")
    environment = os.environ | {"SCENE_NARRATOR_CONFIG": str(folder), "SCENE_NARRATOR_LOG": str(folder)}
    command = [sys.executable, "-m", "narrator", "demo", "--no-window", "--voice", "wav:out.wav", "--events", "e.jsonl"]
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=110
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    events = [json.loads(line) for line in (folder / "e.jsonl").read_text(encoding="utf-8").splitlines()]
    return folder, events


@pytest.fixture(scope="module")
def captions(narrated):
    return [event for event in narrated[1] if event["kind"] == "caption"]


def true_events():
    truth = tomllib.loads(resource("demo/demo.events.toml").read_text(encoding="utf-8"))
    return [event for event in truth["event"] if event["kind"] != "cut"]


@pytest.mark.parametrize("event", true_events(), ids=lambda event: f"{event['at']:g}-{event['kind']}")
def test_what_happens_is_told(captions, event):
    words = WORDS.get(event["kind"], "{label}").format(**event)
    told = [(c["media_t"], c["text"]) for c in captions if EARLIEST <= c["media_t"] - event["at"] <= LATEST]
    assert any(all(word in text for word in words.split()) for _, text in told), (words, told)


def test_nothing_is_told_of_what_is_not_there(captions):
    labels = {event["label"] for event in true_events() if "label" in event}
    spoken = " ".join(caption["text"].lower() for caption in captions)
    strangers = {"dog", "car", "bird", "chair", "sheep", "cow", "kite", "bear", "tie", "tv"} - labels
    assert not {word for word in strangers if f" {word}" in spoken}


def test_it_is_sparing_and_never_repeats_itself(captions):
    assert all(a["text"] != b["text"] for a, b in pairwise(captions))
    assert len(captions) <= captions[-1]["media_t"] / 4 + 1


def test_it_is_quiet_while_nothing_changes(captions):
    truth = tomllib.loads(resource("demo/demo.events.toml").read_text(encoding="utf-8"))
    begin, end = max(truth["still"], key=lambda stretch: stretch[1] - stretch[0])
    assert not [caption for caption in captions if begin + 3 < caption["media_t"] < end]


def test_words_come_soon_after_the_picture(narrated):
    starts = [e["age"] for e in narrated[1] if e["kind"] == "audio" and e["event"] == "start"]
    assert sorted(starts)[len(starts) // 2] < 1.0


def test_the_speech_can_be_understood(narrated, captions, tmp_path):
    folder, events = narrated
    with wave.open(str(folder / "out.wav")) as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
    texts = {e["id"]: e["text"] for e in events if e["kind"] == "utterance"}
    times = {(e["id"], e["event"]): e["t"] for e in events if e["kind"] == "audio"}
    first = min(id_ for id_ in texts if (id_, "start") in times)
    silence = int(np.argmax(np.abs(samples.astype(int)) > 300)) / rate - times[first, "start"]
    sentences = sorted({text.lower().rstrip(".").replace(",", "").replace(":", "") for text in texts.values()})
    heard = 0
    for id_, text in texts.items():
        begin, end = (round((times[id_, event] + silence) * rate) for event in ("start", "end"))
        part = write_wav(tmp_path / "part.wav", samples[max(0, begin - rate // 10) : end + rate // 5], rate)
        heard += recognise(part, sentences).startswith(text.lower().rstrip(".").replace(",", "").replace(":", ""))
    assert heard >= 0.7 * len(texts), f"{heard} of {len(texts)}"
    assert Path(folder / "out.wav").stat().st_size > 100_000
