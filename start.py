"""Sets Scene Narrator up on this machine, once, and runs it; needs nothing but Python 3.11 or newer.

python3 start.py [ARGUMENTS]       runs `scene-narrator ARGUMENTS`; without arguments, the demo
python3 start.py test [ARGUMENTS]  runs every check and every test; the arguments go to pytest
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whoever has an older Python shall read a sentence, not a traceback
    sys.exit(
        f"Scene Narrator needs Python 3.11 or newer; this is Python {sys.version_info[0]}.{sys.version_info[1]}.\n"
        "Install a newer one, for example from python.org, and start again with it: python3.11 start.py"
    )

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "set-up.json"
UNFINISHED = VENV / "set-up-unfinished"
SYSTEM_PACKAGES = ROOT / "packaging" / "system-packages.toml"
WHAT_DECIDES = (ROOT / "pyproject.toml", ROOT / "constraints.txt", SYSTEM_PACKAGES)
EXTRAS = {
    "run": "screen-reader,gemini,local",
    "test": "screen-reader,gemini,local,llama-cpp-python,torch,torch-quant,test",
}
FROM_SOURCE = ("docopt", "llama-cpp-python")
"""Come as source: built each in an environment of its own, before the rest."""
COMPILED = {"CMAKE_ARGS": "-DGGML_NATIVE=OFF -DGGML_LLAMAFILE=OFF -DLLAMA_CURL=OFF", "CMAKE_BUILD_PARALLEL_LEVEL": "2"}
"""How llama-cpp-python is built: to run on other machines of the same kind, too, since pip keeps the wheel."""
CHECKS = (
    ("style", "ruff", "check"),
    ("layout", "ruff", "format", "--check"),
    ("import rules", "lint-imports"),
    ("generated pages", "scene-narrator", "docs", "--check"),
    ("types", "mypy"),
)
TWO_FILES_AT_ONCE = ("-n", "2", "--dist", "loadfile")
"""Most tests wait for pictures and words in real time; with more at once those with a time limit would miss it."""
CLOSING_LINE = re.compile(r"=+ .*\bin \d+\.\d+s\b.* =+")
DOWNLOAD = re.compile(r"\s*Downloading (?P<name>.+?)-\d\S* \((?P<megabytes>\d+)(\.\d+)? MB\)")
WORTH_A_LINE = 5
"""Megabytes from which a download is told."""


class SetUpFailed(Exception):
    """The set-up cannot go on; the text says why and what to do."""


@dataclass(frozen=True)
class Group:
    """System packages that one thing needs."""

    purpose: str
    names: tuple[str, ...]


def main(arguments: Sequence[str]) -> int:
    """Set up what is missing and run what was asked: the exit code."""
    testing = list(arguments[:1]) == ["test"]
    try:
        set_up("test" if testing else "run")
        return run_tests(arguments[1:]) if testing else run_app(arguments or ["demo"])
    except SetUpFailed as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 130


def set_up(profile: str) -> None:
    """Make the system packages and `.venv` fit for a profile ("run" or "test"). Raises `SetUpFailed`."""
    began, current = monotonic(), is_current(profile)
    if not current:
        say("Setting up Scene Narrator. This happens once and takes a few minutes.")
    lacking = lacking_packages(profile)
    if lacking and not current:
        install_system_packages(names_of(lacking))
        lacking = lacking_packages(profile)
    if lacking:
        say(advice(lacking, way_to_become_root()))
    if not current:
        make_environment()
        install_python_packages(profile)
        say(f"Set-up done in {monotonic() - began:.0f} seconds.")


def run_app(arguments: Sequence[str]) -> int:
    """Become `scene-narrator ARGUMENTS`; on Windows, where that cannot be, wait for it."""
    command = [str(program("scene-narrator")), *arguments]
    if os.name != "nt":
        sys.stdout.flush()
        os.execv(command[0], command)  # noqa: S606 - a shell is what we do not want
    with subprocess.Popen(command) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # the app got it too, and ends by itself
                continue


def run_tests(arguments: Sequence[str]) -> int:
    """Run the quick checks and then pytest, up to the first that fails: its exit code."""
    os.environ["PATH"] = os.pathsep.join((str(program("python").parent), os.environ.get("PATH", "")))
    for name, tool, *options in CHECKS:
        began = monotonic()
        code, lines = run_quietly([str(program(tool)), *options], keep=400)
        if code:
            say("\n".join([*lines, f"The check of the {name} failed: {' '.join([tool, *options])}"]))
            return code
        say(f"The check of the {name} passed in {monotonic() - began:.1f} seconds.")
    return run_pytest(arguments or TWO_FILES_AT_ONCE)


def run_pytest(arguments: Sequence[str]) -> int:
    """Run pytest and see to it that its closing line is the last line that is printed."""
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    command = [str(program("python")), "-m", "pytest", *colour, *arguments]
    line, closing = "", ""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if CLOSING_LINE.search(line):
                closing = line
    if closing != line:
        print(closing, end="", flush=True)
    return process.returncode


def is_current(profile: str) -> bool:
    """True when `.venv` was set up to the end, by this Python, from the files as they are now."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        fits = stamp["digest"] == digest() and stamp["profile"] in (profile, "test")
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return fits and program("python").exists() and program("scene-narrator").exists()


def digest() -> str:
    """All that the set-up hangs on, as one sha256 in hex; the place too, since the scripts in `.venv` name it."""
    parts = [path.read_bytes() if path.exists() else b"" for path in WHAT_DECIDES]
    parts += [part.encode() for part in (this_python(), str(ROOT))]
    return sha256(b"\0".join(parts)).hexdigest()


def make_environment() -> None:
    """Make `.venv`, afresh when it is broken, unfinished or another Python's. Raises `SetUpFailed`."""
    if is_sound() and not UNFINISHED.exists():
        return
    say("Making the Python environment .venv.")
    python = getattr(sys, "_base_executable", sys.executable)
    code, lines = run_quietly([python, "-m", "venv", "--clear", str(VENV)])
    if code:
        raise SetUpFailed(
            "\n".join([*lines, f"The Python environment {VENV} could not be made; the lines above say why."])
        )


def is_sound() -> bool:
    """True when the Python of `.venv` runs, has pip and is the one that runs this."""
    question = "import pip, sys; print(tuple(sys.version_info), sys.base_prefix)"
    try:
        answer = subprocess.run([program("python"), "-c", question], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.stdout.strip() == this_python()


def this_python() -> str:
    """Version and place; not the date of its build, which changes under us when its package is upgraded."""
    return f"{tuple(sys.version_info)} {sys.base_prefix}"


def install_python_packages(profile: str) -> None:
    """Install the app and what it needs in the exact versions of `constraints.txt`. Raises `SetUpFailed`."""
    size = "about 400 megabytes" if profile == "run" else "more than a gigabyte, and some minutes of compiling,"
    say(f"Fetching the Python packages: {size} the first time.")
    UNFINISHED.touch()
    STAMP.unlink(missing_ok=True)
    pip("hatchling", "editables")
    if profile == "test":
        os.environ.update({name: value for name, value in COMPILED.items() if name not in os.environ})
        pip(*FROM_SOURCE)
    pip("--no-build-isolation", "--editable", f".[{EXTRAS[profile]}]")
    write_stamp(profile)


def write_stamp(profile: str) -> None:
    """Note that `.venv` is complete, and for what."""
    STAMP.write_text(json.dumps({"digest": digest(), "profile": profile}), encoding="utf-8")
    UNFINISHED.unlink(missing_ok=True)


def pip(*arguments: str) -> None:
    options = ("--disable-pip-version-check", "--no-input", "--progress-bar=off", "--constraint=constraints.txt")
    code, lines = run_quietly([str(program("python")), "-m", "pip", "install", *options, *arguments], retell_pip)
    if code:
        remedy = "The Python packages could not be installed; the lines above say why.\n"
        remedy += "Check the internet connection and that 2 gigabytes of the disk are free, for the tests 4.\n"
        remedy += (
            "If a package has no matching distribution, this system or this Python is not supported: see README.md."
        )
        raise SetUpFailed("\n".join([*lines, remedy]))


def retell_pip(line: str) -> str:
    """What a person wants to know of a line of pip's, or nothing."""
    if line.startswith("Installing collected packages"):
        return f"Unpacking {line.count(',') + 1} packages."
    download = DOWNLOAD.match(line)
    if download and int(download["megabytes"]) >= WORTH_A_LINE:
        return f"Fetching {download['name'].replace('_', '-').lower()}, {download['megabytes']} megabytes."
    return ""


def lacking_packages(profile: str) -> list[Group]:
    """The system packages that are missing, by what needs them; none where packages are not Debian's."""
    try:
        listing = subprocess.run(
            ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}\t${Provides}\n"], capture_output=True, text=True
        ).stdout
    except OSError:
        return []
    groups = wanted_packages(profile, SYSTEM_PACKAGES.read_text(encoding="utf-8"))
    if not program("pip").exists() and find_spec("ensurepip") is None:
        groups.append(Group("the set-up itself", (f"python3.{sys.version_info.minor}-venv",)))
    return missing(groups, installed_packages(listing))


def wanted_packages(profile: str, table: str) -> list[Group]:
    """The groups of `system-packages.toml` that a profile needs; "test" needs those of "run" too."""
    wanted = ("run", "test") if profile == "test" else ("run",)
    entries = tomllib.loads(table)
    return [Group(entry["for"], tuple(entry["packages"])) for part in wanted for entry in entries[part]]


def installed_packages(listing: str) -> set[str]:
    """The names, real and provided, that lines of "status TAB name TAB provides" tell to be installed."""
    names = set()
    for status, name, provides in (line.split("\t") for line in listing.splitlines()):
        if status.startswith("ii"):
            names.add(name)
            names.update(provided.split()[0] for provided in provides.split(",") if provided.strip())
    return names


def missing(groups: Iterable[Group], installed: set[str]) -> list[Group]:
    left = [Group(group.purpose, tuple(name for name in group.names if name not in installed)) for group in groups]
    return [group for group in left if group.names]


def names_of(groups: Iterable[Group]) -> list[str]:
    return list(dict.fromkeys(name for group in groups for name in group.names))


def install_system_packages(names: list[str]) -> None:
    """Install them when that needs no password; whoever calls looks afterwards at what is still missing."""
    if not is_root() and not sudo_is_free():
        return
    say(f"Installing {len(names)} system packages: {', '.join(names)}.")
    apt = [*([] if is_root() else ["sudo", "-n"]), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y"]
    install = [*apt, "-o", "DPkg::Lock::Timeout=300", "install", "--no-install-recommends"]
    if run_quietly([*install, *names])[0] == 0:
        return
    run_quietly([*apt, "update"])
    if run_quietly([*install, *names])[0] == 0:
        return
    for name in names:  # a package that this system does not have must not keep the others out
        code, lines = run_quietly([*install, name], keep=3)
        if code:
            say("\n".join(lines))


def advice(lacking: Iterable[Group], become_root: str) -> str:
    """What will not work without these packages, and the line that installs them."""
    lacking = list(lacking)
    purposes = ", ".join(group.purpose for group in lacking)
    line = f"apt-get update && apt-get install -y {' '.join(names_of(lacking))}"
    if become_root == "sudo":
        line = line.replace("apt-get", "sudo apt-get")
    elif become_root == "su":
        line = f"su -c '{line}'"
    return (
        f"System packages are missing. Without them this will not work: {purposes}.\nThis line installs them:\n{line}"
    )


def way_to_become_root() -> str:
    """What to put before a command that root must run: "sudo", "su" or nothing."""
    return "" if is_root() else "sudo" if shutil.which("sudo") else "su"


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def sudo_is_free() -> bool:
    """True when sudo asks for no password."""
    try:
        return subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def program(name: str) -> Path:
    """A program of `.venv`."""
    return VENV / "Scripts" / f"{name}.exe" if os.name == "nt" else VENV / "bin" / name


def run_quietly(
    command: Sequence[str], retell: Callable[[str], str] = lambda _: "", keep: int = 15
) -> tuple[int, list[str]]:
    """Run a command in the project's folder and say only what `retell` makes of its lines: exit code, last lines."""
    lines: deque[str] = deque(maxlen=keep)
    try:
        with subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                told = retell(line)
                if told:
                    say(told)
    except OSError as error:
        return 1, [str(error)]
    return process.returncode, list(lines)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
