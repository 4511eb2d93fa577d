"""The demo clip is what its list of events says."""

import itertools
import re
import tomllib
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from narrator.resources import resource

STILL = 0.5
"""Mean difference of two frames, of 255, that compression alone makes."""
CUT = 12
NOTICE = Path(__file__).resolve().parent.parent / "NOTICE"


@cache
def facts() -> dict[str, Any]:
    return tomllib.loads(resource("demo/demo.events.toml").read_text(encoding="utf-8"))


@cache
def differences() -> list[float]:
    """How much each frame differs from the one before, in thumbnails; the first one from nothing."""
    clip = cv2.VideoCapture(str(resource("demo/demo.mp4")))
    thumbnails = []
    while clip.grab():
        _, frame = clip.retrieve()
        grey = cv2.cvtColor(frame[::4, ::4], cv2.COLOR_BGR2GRAY)
        thumbnails.append(cv2.resize(grey, (64, 36), interpolation=cv2.INTER_AREA).astype(np.int16))
    return [255.0, *(float(np.abs(a - b).mean()) for a, b in itertools.pairwise(thumbnails))]


def at(seconds: float) -> int:
    return round(seconds * facts()["fps"])


def test_has_the_size_and_length_that_it_says() -> None:
    clip = cv2.VideoCapture(str(resource("demo/demo.mp4")))
    size = (clip.get(cv2.CAP_PROP_FRAME_WIDTH), clip.get(cv2.CAP_PROP_FRAME_HEIGHT), clip.get(cv2.CAP_PROP_FPS))
    assert size == (facts()["width"], facts()["height"], facts()["fps"]) == (1280, 720, 25)
    assert len(differences()) == at(facts()["duration"])
    assert 30 <= facts()["duration"] <= 60


def test_is_small_and_starts_to_play_before_it_is_read_whole() -> None:
    data = resource("demo/demo.mp4").read_bytes()
    assert len(data) < 8_000_000
    assert data.index(b"moov") < data.index(b"mdat")


def test_is_cut_where_it_says_and_nowhere_else() -> None:
    cuts = [number for number, difference in enumerate(differences()) if difference > CUT][1:]
    assert cuts == [at(event["at"]) for event in facts()["event"] if event["kind"] == "cut"]


def test_does_not_move_where_it_says() -> None:
    for start, end in facts()["still"]:
        assert max(differences()[at(start) + 1 : at(end)]) < STILL
    assert max(end - start for start, end in facts()["still"]) >= 6


@pytest.mark.parametrize("kind", ["cut", "is_there", "appeared", "left", "comes_closer", "darker", "text"])
def test_shows_each_kind_of_news(kind: str) -> None:
    assert any(event["kind"] == kind for event in facts()["event"])


def test_moves_where_things_come_and_go() -> None:
    for event in facts()["event"]:
        if event["kind"] in ("appeared", "left", "comes_closer", "darker"):
            around = differences()[at(event["at"]) - 12 : at(event["at"]) + 12]
            assert max(around) > 0.05, event


def test_notice_names_the_clip_and_every_picture_in_it() -> None:
    notice = NOTICE.read_text(encoding="utf-8")
    digest = sha256(resource("demo/demo.mp4").read_bytes()).hexdigest()
    assert re.search(rf"^demo\.mp4$(?:\n .*)*{digest}", notice, re.MULTILINE)
    for name in ("astronaut.png", "camera.png", "chelsea.png", "horse.png"):
        assert re.search(rf"^{re.escape(name)}$(?:\n .*)*sha256 +[0-9a-f]{{64}}", notice, re.MULTILINE)
