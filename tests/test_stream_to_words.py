"""The whole way, as the command goes it: a network camera, a model far away, and words that can be understood."""

import json
import os
import subprocess
import sys

from fakes.gemini_service import GeminiService
from fakes.sound import recognise
from fakes.streams import RtspServer

from narrator.resources import resource

SENTENCES = (
    "a woman in a red coat opens the door",
    "two children run along the river",
    "an old man is reading the paper",
    "the bus turns left at the market",
)


def test_what_a_camera_shows_is_described_far_away_and_heard_here(tmp_path):
    with GeminiService(first_token=0.3, rate=50, answer=[f"{line.capitalize()}." for line in SENTENCES]) as service:
        camera = RtspServer(resource("demo/demo.mp4"))
        try:
            events = narrate(tmp_path, camera.url(), service.url)
        finally:
            camera.kill()
    told = [event["text"] for event in events if event["kind"] == "caption" and event["lane"] == "gemini"]
    assert len(told) >= 2
    heard = recognise(tmp_path / "out.wav", SENTENCES)
    said = [line for line in SENTENCES if any(line in text.lower() for text in told)]
    assert sum(line in heard for line in said) >= len(said) / 2, (heard, said)
    ages = [event["age"] for event in events if event["kind"] == "audio" and event["event"] == "start"]
    assert max(age for age in ages if age is not None) < 8.0, "nothing old is spoken"


def narrate(folder, source, url):
    own = {"GEMINI_API_KEY": "nobodys", "SCENE_NARRATOR_CONFIG": str(folder), "SCENE_NARRATOR_LOG": str(folder)}
    program = [sys.executable, "-m", "narrator", "--no-window", "--source", source, "--voice", "wav:out.wav"]
    sets = (f"gemini.base_url={url}", "sight.text=false", "sight.objects=false", "narration.cues=false")
    settings = [word for each in sets for word in ("--set", each)]
    rest = ["--backend", "gemini", "--yes", "--events", "e.jsonl", "--duration", "20"]
    done = subprocess.run(
        [*program, *settings, *rest],
        env=os.environ | own,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [json.loads(line) for line in (folder / "e.jsonl").read_text(encoding="utf-8").splitlines()]
