"""Finds out what works on this machine, what is missing, and the exact remedy; it changes nothing and never hangs."""

import os
import platform
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import cast

from narrator import __version__, installing, registry
from narrator.diagnostics import log_path
from narrator.errors import DataFileDamaged, NarratorError
from narrator.mailbox import Fifo
from narrator.reference import obstacle
from narrator.resources import resource, verified
from narrator.seams import BackendSpec, Context, Spec, VoiceSpec
from narrator.settings import Settings, SettingsFile, settings_file

_PATIENCE = 20.0
_VOICE_PATIENCE = 8.0
"""Seconds that one look at the machine may take."""
_ENOUGH_MEMORY = 700
"""Megabytes: the program and its voice with everything loaded, and some room."""
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
_PULSE_PORT = 4713
_SET_UP = "Set the program up again: python3 start.py installs what is missing."
_NO_MODEL = "See which suits this machine: scene-narrator models recommend"
_PACKAGES = (
    ("numpy", "Numbers", True),
    ("cv2", "Pictures and videos", True),
    ("onnxruntime", "Seeing people and things", True),
    ("rapidocr", "Reading text", False),
)


class Verdict(StrEnum):
    """How a part of the program fares on this machine."""

    WORKS = "works"
    LIMITED = "limited"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. Without what is `vital` nothing can be narrated."""

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""
    vital: bool = False


def checks() -> list[Check]:
    """Look at everything; takes some seconds, since the big packages are tried out in processes of their own."""
    voices = [spec for spec in registry.specs("voices").values() if _is_for_this_system(spec)]
    slow = [_Later("Packages", _packages, vital=True), _Later("Window", _window), _Later("Sources", _sources)]
    slow += [_Later(_name_of(spec), partial(_voice, cast("VoiceSpec", spec)), _VOICE_PATIENCE) for spec in voices]
    quick = [*_backends(), *_weights(), _sound(), *_files(settings_file()), _memory()]
    return [_python(), *(check for later in slow for check in later.result()), *quick]


def can_narrate(checks: Sequence[Check]) -> bool:
    """True when nothing vital is missing."""
    return not any(check.vital and check.verdict is Verdict.MISSING for check in checks)


def report(checks: Sequence[Check]) -> str:
    """The checks as plain lines, the verdict first, each remedy under what it mends."""
    width = max(len(check.name) for check in checks)
    lines = [f"Scene Narrator {__version__} on {platform.system()} {platform.release()}", ""]
    for check in checks:
        lines.append(f"{check.verdict:<7}  {check.name:<{width}}  {check.found}")
        if check.remedy:
            lines.append(f"{'':<7}  {'':<{width}}  Remedy: {check.remedy}")
    can = "Narration can work on this machine." if can_narrate(checks) else "Narration cannot work on this machine yet."
    return "\n".join([*lines, "", can])


class _Later:
    """A look at the machine in a thread of its own, waited for no longer than the patience lasts."""

    def __init__(
        self, name: str, look: Callable[[], list[Check]], patience: float = _PATIENCE, *, vital: bool = False
    ) -> None:
        self._name, self._look, self._patience, self._vital = name, look, patience, vital
        self._until = time.monotonic() + patience
        self._results: Fifo[list[Check]] = Fifo(1)
        Thread(target=self._run, daemon=True).start()

    def result(self) -> list[Check]:
        left = max(0.0, self._until - time.monotonic())
        return self._results.get(left) or [self._fault(f"No answer within {self._patience:.0f} seconds.")]

    def _run(self) -> None:
        try:
            self._results.put(self._look())
        except Exception as error:  # noqa: BLE001 - the top of a thread: that a look fails is a finding
            self._results.put([self._fault(f"This could not be looked at: {error}")])

    def _fault(self, text: str) -> Check:
        return Check(self._name, Verdict.MISSING, text, _SET_UP, self._vital)


def _python() -> Check:
    return Check("Python", Verdict.WORKS, f"{platform.python_version()} in {sys.prefix}")


def _packages() -> list[Check]:
    found = []
    for name, title, vital in _PACKAGES:
        problem = _fault_of(f"import {name}")
        verdict = Verdict.MISSING if problem else Verdict.WORKS
        found.append(Check(title, verdict, problem or f"{name} can be loaded", _SET_UP if problem else "", vital))
    return found


def _window() -> list[Check]:
    if find_spec("PySide6") is None:
        return [Check("Window", Verdict.MISSING, "PySide6 is not installed; narration goes to the terminal.", _SET_UP)]
    has_display = sys.platform != "linux" or any(os.environ.get(name) for name in _DISPLAYS)
    if not has_display:
        remedy = "Start it on a desktop, or read the captions in the terminal."
        return [Check("Window", Verdict.LIMITED, "There is no display; narration goes to the terminal.", remedy)]
    problem = _fault_of("from PySide6.QtWidgets import QApplication; QApplication([])")
    if problem:
        return [Check("Window", Verdict.MISSING, f"It does not open: {problem}", _SET_UP)]
    return [Check("Window", Verdict.WORKS, "A window can be opened.")]


def _fault_of(code: str) -> str:
    """Why Python code fails, tried in a process of its own, which may crash or hang; empty when it runs."""
    if getattr(sys, "frozen", False):
        return ""  # a frozen program has no Python to ask, and brings its packages along
    try:
        done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, timeout=_PATIENCE - 1)
    except subprocess.TimeoutExpired:
        return "it does not answer."
    lines = done.stderr.decode(errors="replace").split("\n") if done.returncode else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it crashed.") if done.returncode else ""


def _sources() -> list[Check]:
    choices = registry.source_choices()
    cameras = [title for address, title in choices if address.startswith("camera")]
    screens = [title for address, title in choices if address.startswith("screen")]
    no_camera = "Connect one. A network camera needs none: scene-narrator --source rtsp://..."
    no_screen = "Start it on an X11 desktop; under Wayland log in with an Xorg session."
    return [
        *_unreadable_cameras(),
        Check("Camera", Verdict.WORKS, "; ".join(cameras))
        if cameras
        else Check("Camera", Verdict.LIMITED, "No camera was found.", no_camera),
        Check("Screen", Verdict.WORKS, "; ".join(screens))
        if screens
        else Check("Screen", Verdict.LIMITED, "The screen cannot be read here.", no_screen),
        _demo(),
    ]


def _unreadable_cameras(devices: Path = Path("/dev")) -> list[Check]:
    barred = [str(path) for path in sorted(devices.glob("video*")) if not os.access(path, os.R_OK | os.W_OK)]
    remedy = "Join the group of cameras and log in again: sudo usermod -aG video $USER"
    return [Check("Camera", Verdict.LIMITED, f"You may not use {', '.join(barred)}.", remedy)] if barred else []


def _demo() -> Check:
    try:
        return Check("Demo clip", Verdict.WORKS, str(resource("demo/demo.mp4")))
    except DataFileDamaged as error:
        return Check("Demo clip", Verdict.MISSING, error.sentence, error.remedy)


def _voice(spec: VoiceSpec) -> list[Check]:
    name, why_not = _name_of(spec), obstacle(spec)
    if why_not:
        return [Check(name, Verdict.LIMITED, f"It {why_not}.", _remedy_of(spec))]
    if not spec.is_heard:  # it needs no engine, and writes where it is told only when it is used
        return [Check(name, Verdict.WORKS, spec.title)]
    voice = registry.create_voice(spec.id, Context(Settings.defaults().values))
    try:
        voice.open()
    except NarratorError as error:
        return [Check(name, Verdict.LIMITED, error.sentence, error.remedy)]
    finally:
        voice.close()
    return [Check(name, Verdict.WORKS, spec.title)]


def _name_of(spec: Spec) -> str:
    return f"Voice {spec.id}"


def _backends() -> list[Check]:
    """Whether each can be used as it is installed, and those that run here have a model."""
    store, found = settings_file(), []
    options = (Settings.defaults() if store.damage() else store.load()[0]).values  # loading puts a damaged file aside
    for spec in cast("list[BackendSpec]", list(registry.specs("backends").values())):
        name, why_not = f"Describer {spec.id}", obstacle(spec)
        if why_not:
            found.append(Check(name, Verdict.LIMITED, f"It {why_not}.", _remedy_of(spec)))
        elif spec.is_local and not registry.ready(spec.id, options):
            found.append(Check(name, Verdict.LIMITED, "No model for it is here.", _NO_MODEL))
        else:
            found.append(Check(name, Verdict.WORKS, registry.ready(spec.id, options) or spec.title))
    return found


def _is_for_this_system(spec: Spec) -> bool:
    return not spec.platforms or sys.platform in spec.platforms


def _remedy_of(spec: Spec) -> str:
    if not _is_for_this_system(spec):
        return ""
    return f"Install it: {installing.command(spec.extra)}" if spec.extra else _SET_UP


def _weights() -> list[Check]:
    """Compare every file of weights with its sha256."""
    try:
        table = tomllib.loads(resource("weights/weights.toml").read_text(encoding="utf-8"))
        files = [(f"weights/{entry['file']}", entry["sha256"]) for entry in table["weights"]]
        found = [(name, verified(name, digest).stat().st_size) for name, digest in files]
    except (DataFileDamaged, OSError, ValueError, LookupError) as error:
        sentence = error.sentence if isinstance(error, DataFileDamaged) else "The table of the weights is damaged."
        return [Check("Weights", Verdict.MISSING, sentence, "Install Scene Narrator again.", vital=True)]
    size = sum(size for _, size in found) / 1e6
    return [Check("Weights", Verdict.WORKS, f"{len(found)} files, {size:.1f} megabytes, all intact", vital=True)]


def _sound() -> Check:
    """Whether a sound server answers, or Linux knows a sound card; other systems are asked by the voices alone."""
    if sys.platform != "linux":
        return Check("Sound", Verdict.WORKS, "Not looked at on this system; the voices tell.")
    for address in _pulse_addresses(os.environ):
        if _answers(address):
            return Check("Sound", Verdict.WORKS, f"A sound server answers at {address}.")
    cards = _sound_cards(Path("/proc/asound/cards"))
    if cards:
        return Check("Sound", Verdict.WORKS, "; ".join(cards))
    remedy = "Connect a loudspeaker or headphones, and log in to a desktop or start pulseaudio or pipewire."
    return Check("Sound", Verdict.LIMITED, "No sound device was found; captions are shown all the same.", remedy)


def _pulse_addresses(environment: Mapping[str, str]) -> Iterator[str]:
    """The sockets where PulseAudio's clients look for a server, which PipeWire has too."""
    for server in environment.get("PULSE_SERVER", "").split():
        yield server.removeprefix("unix:")
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    yield environment.get("PULSE_RUNTIME_PATH", f"{runtime}/pulse") + "/native"


def _answers(address: str) -> bool:
    try:
        if address.startswith("/"):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(address)
        else:
            host, _, port = address.removeprefix("tcp:").partition(":")
            socket.create_connection((host, int(port or _PULSE_PORT)), 1).close()
    except (OSError, ValueError):
        return False
    return True


def _sound_cards(path: Path) -> list[str]:
    """The names in Linux's list of sound cards, where they stand behind " - " in every other line."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line.partition(" - ")[2] for line in lines if " - " in line]


def _files(store: SettingsFile) -> list[Check]:
    damage = store.damage()
    if damage:
        remedy = f"Make {store.path} readable, or rename it. Until then the defaults are used."
        settings = Check("Settings", Verdict.LIMITED, f"{store.path} {damage}.", remedy)
    elif not _is_writable(store.path.parent):
        remedy = f"Make {store.path.parent} writable; until then changes last until you quit."
        settings = Check("Settings", Verdict.LIMITED, f"{store.path} cannot be written.", remedy)
    else:
        text = f"{store.path}" if store.path.exists() else f"{store.path}, not made yet: the defaults are used"
        settings = Check("Settings", Verdict.WORKS, text)
    log = log_path()
    if _is_writable(log.parent):
        return [settings, Check("Log", Verdict.WORKS, str(log))]
    remedy = f"Make {log.parent} writable; until then the log goes to the folder for temporary files."
    return [settings, Check("Log", Verdict.LIMITED, f"{log} cannot be written.", remedy)]


def _is_writable(folder: Path) -> bool:
    """True when files can be made in a folder, which need not be there yet."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK)


def _memory() -> Check:
    import psutil

    free = psutil.virtual_memory().available // 1_000_000
    if free >= _ENOUGH_MEMORY:
        return Check("Free memory", Verdict.WORKS, f"{free} megabytes")
    return Check("Free memory", Verdict.LIMITED, f"{free} megabytes", "Close other programs.")
