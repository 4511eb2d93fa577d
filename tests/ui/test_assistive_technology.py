"""The window as assistive technology gets it, over AT-SPI with a bus of its own."""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.desktop import Program
from fakes.hub import gguf
from fakes.waiting import eventually

from narrator.actions import ACTIONS

pytestmark = pytest.mark.window

PARTS = {"text-model": "llama", "mmproj": "clip"}
DOG, CAT = "A dog comes in from the left.", "A cat comes in from the right."
READER = Path(__file__).parent.parent / "fakes" / "atspi_reader.py"
SYSTEM_PYTHON = "/usr/bin/python3"
"""gi comes with the system and not from a package index."""
POLITE = 1
SHOWN_AS = {"start_pause": "Pause"}


class Reader:
    """A screen reader without a voice: what it got, and a way to press buttons."""

    def __init__(self, program: Program, environment: dict[str, str]) -> None:
        self.program = program
        command = [SYSTEM_PYTHON, "-B", str(READER), "scene-narrator"]
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.records: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._collect)
        self._thread.start()

    def tree(self) -> list[dict[str, Any]]:
        """Every node of the window, parents first."""
        assert eventually(lambda: any("tree" in record for record in self.records), 25), "the program was not found"
        return list(_flat(next(record["tree"] for record in self.records if "tree" in record)))

    def announced(self) -> list[str]:
        return [record["announced"] for record in self.records if "announced" in record]

    def press(self, name: str) -> bool:
        """Press a button as assistive technology does; whether it took it."""
        assert self.process.stdin is not None
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        assert eventually(lambda: any(record.get("pressed") == name for record in self.records))
        return bool(next(record for record in self.records if record.get("pressed") == name)["accepted"])

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.kill()
        self.process.wait(10)
        self._thread.join(10)

    def _collect(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.records.extend(json.loads(line) for line in lines)


def _flat(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node["children"]:
        yield from _flat(child)


@pytest.fixture
def bus(desktop: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment with a session bus of its own."""
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    environment = {**os.environ, "DISPLAY": desktop, "XDG_RUNTIME_DIR": str(runtime)}
    command = ["dbus-daemon", "--session", "--nofork", "--print-address"]
    daemon = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert daemon.stdout is not None
    with daemon.stdout:
        yield {
            **environment,
            "DBUS_SESSION_BUS_ADDRESS": daemon.stdout.readline().strip(),
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
        }
        daemon.terminate()
        daemon.wait(10)


@pytest.fixture
def read(bus: dict[str, str], start_program: Callable[..., Program]) -> Iterator[Callable[..., Reader]]:
    """Starts the program and a reader of it."""
    readers = []

    def start(*arguments: str) -> Reader:
        program = start_program(*arguments, environment=bus)
        program.window()
        readers.append(Reader(program, bus))
        return readers[-1]

    yield start
    for reader in readers:
        reader.close()


def test_every_control_has_a_name_a_role_and_an_action(read, script, moving_clip):
    reader = read("--source", str(moving_clip), "--backend", script(DOG), "--voice", "silent")
    nodes = reader.tree()
    items = {node["name"]: node for node in nodes if node["role"] == "menu item"}
    for action in ACTIONS:
        item = items[SHOWN_AS.get(action.id, action.title)]
        assert item["actions"] >= 1
    buttons = [node for node in nodes if node["role"] == "push button"]
    assert {"Pause", "Hush", "Repeat", "Slower", "Faster", "Quieter", "Louder"} <= {node["name"] for node in buttons}
    assert all(node["actions"] >= 1 and node["focusable"] and node["description"] for node in buttons)
    assert "Live picture" in [node["name"] for node in nodes]
    (captions,) = [node for node in nodes if node["role"] == "list"]
    assert captions["name"] == "Captions"
    nameless = [node for node in nodes if node["focusable"] and not node["name"]]
    assert nameless == []


def test_captions_and_what_keys_do_are_announced_politely(read, script, moving_clip):
    reader = read("--source", str(moving_clip), "--backend", script(DOG, CAT), "--voice", "silent")
    reader.tree()
    assert eventually(lambda: reader.program.events("caption")), "the first line is said unasked"
    assert reader.press("Describe now")
    assert eventually(lambda: CAT in reader.announced())
    assert reader.press("Slower")
    assert eventually(lambda: "Rate 190 words a minute" in reader.announced())
    assert {record["politeness"] for record in reader.records if "announced" in record} == {POLITE}


def test_the_consent_page_can_be_read_and_answered(read, moving_clip):
    reader = read("--source", str(moving_clip), "--backend", "gemini", "--voice", "silent")
    dialog = next(node for node in reader.tree() if node["role"] == "dialog")
    names = [node["name"] for node in _flat(dialog) if node["focusable"]]
    assert {"Yes", "No"} <= set(names)
    assert all(names)
    assert reader.press("No")
    assert eventually(lambda: "No: nothing is sent" in reader.announced())


def test_the_consent_page_is_announced_when_the_describer_is_changed_by_keys(read, script, moving_clip):
    reader = read("--source", str(moving_clip), "--backend", script(DOG), "--voice", "silent")
    reader.tree()
    reader.program.key("ctrl+b")
    reader.program.window("Choose describer")
    reader.program.key("g", "Return")
    assert eventually(lambda: any("Press Alt+Y for yes" in text for text in reader.announced()))


def test_a_model_is_fetched_with_a_screen_reader(bus, start_program, script, moving_clip, hub, monkeypatch):
    files = {f"moondream2-{name}-f16.gguf": gguf(600_000, architecture=kind) for name, kind in PARTS.items()}
    hub.add("ggml-org/moondream2-20250414-GGUF", files)
    hub.behaviour.pause = 0.15
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    arguments = ("--source", str(moving_clip), "--backend", script(DOG), "--voice", "silent")
    program = start_program(*arguments, environment={**bus, "HF_ENDPOINT": hub.url})
    program.window()
    program.key("ctrl+m")
    program.window("Models on this computer")
    program.type("moon")
    reader = Reader(program, bus)
    try:
        dialog = next(node for node in reader.tree() if node["role"] == "dialog")
        nodes = list(_flat(dialog))
        rows = [node["name"] for node in nodes if node["role"] == "list item"]
        assert "recommended. Not on this computer yet." in rows[0]
        assert all("memory about" in row and "paid work" in row for row in rows)
        assert all(node["name"] for node in nodes if node["focusable"])
        assert reader.press("Download")
        assert eventually(lambda: any(text.startswith("50 percent") for text in reader.announced()))
        assert eventually(lambda: "Moondream 2 is here, and every file is what it should be." in reader.announced())
    finally:
        reader.close()


def test_what_detail_and_styles_change_is_announced(read, script, moving_clip):
    reader = read("--source", str(moving_clip), "--backend", script(DOG), "--voice", "silent")
    reader.tree()
    assert reader.press("More detail")
    assert eventually(lambda: "Detail 4 of 5" in reader.announced())
    reader.program.window()
    reader.program.key("2")
    assert eventually(lambda: any(text.startswith("Style: ") for text in reader.announced()))


@pytest.mark.sound
def test_captions_that_our_own_voice_says_are_not_announced(null_sink, read, script, moving_clip):
    reader = read("--source", str(moving_clip), "--backend", script(DOG, CAT), "--voice", "espeak")
    reader.tree()
    null_sink.wait_for_sound(0.0)
    assert reader.press("Describe now")
    assert eventually(lambda: len(reader.program.events("caption")) == 2)
    assert reader.press("Slower")
    assert eventually(lambda: "Rate 190 words a minute" in reader.announced())
    assert not {DOG, CAT} & set(reader.announced())


@pytest.mark.sound
@pytest.mark.usefixtures("null_sink")
def test_captions_are_announced_once_our_own_voice_is_turned_down_to_nothing(read, script, moving_clip):
    backend = script(DOG, CAT)
    reader = read("--source", str(moving_clip), "--backend", backend, "--voice", "espeak", "--set=speech.volume=10")
    reader.tree()
    assert eventually(lambda: [sound for sound in reader.program.events("audio") if sound["event"] == "end"])
    assert reader.press("Quieter")
    assert eventually(lambda: "Volume 0 %" in reader.announced())
    assert reader.press("Describe now")
    assert eventually(lambda: CAT in reader.announced())
    assert DOG not in reader.announced()
