"""The command line. Everything behind an option is imported when it is used: `--help` takes a moment only."""

import argparse
import errno
import io
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TextIO

from narrator import __version__
from narrator.errors import NarratorError, NoWindow, UsageError

if TYPE_CHECKING:
    from narrator.session import Session

FAILED = 1
WRONG_USAGE = 2
_OWN = ("run", "demo", "doctor", "list", "docs")
_UNPRINTED = {errno.EPIPE: "", errno.ENOSPC: "The disk is full: not everything could be written."}
"""What is told when that fails; nothing where whoever reads it, as `head` does, has enough."""
_MORE = ("key", "models", "sent", "styles")
"""Commands with words of their own, each a module of `narrator.commands`."""
_LISTS = ("sources", "backends", "voices", "settings", "actions")
_WINDOW = "narrator_ui.app"
"""The window is found by name at run time: the core must run, and be tested, without it."""
_EPILOG = """commands:
  run                 narrate the source (the default)
  demo                narrate the demo clip
  doctor              tell what works on this machine, what is missing and how to mend it
  list WHAT           list sources, backends, voices, settings or actions
  docs [--check]      write the generated pages of docs/, or check that they are up to date
  key set|test|delete|where DESCRIBER
                      the secret key of a describer, for example: key set gemini
  models [get|import|recommend|remove|verify|where]
                      models that run on this machine, for example: models get smolvlm-256m
  sent [erase|where]  what was sent to a describer far away
  styles [show|import|export|remove NAME]
                      how it is told: the styles of narration

exit codes: 0 done, 1 failed, 2 wrong usage"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code = _dispatch(options)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except UsageError as error:
        _tell(error)
        return WRONG_USAGE
    except NarratorError as error:
        _tell(error)
        return FAILED
    except KeyboardInterrupt:
        return 0
    except Exception as error:  # noqa: BLE001 - the top of the program: no traceback reaches a user
        if isinstance(error, OSError) and error.errno in _UNPRINTED:
            return _leave_unprinted(_UNPRINTED[error.errno])
        return _tell_bug()


def _leave_unprinted(sentence: str) -> int:
    """Python's own last attempt to print must not fail, too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if sentence:
        _tell(NarratorError(sentence, "Make room on the disk."))
    return FAILED


def _tell_bug() -> int:
    import logging

    from narrator import diagnostics

    if not logging.getLogger().handlers:  # else it would be printed
        diagnostics.start_logging("info")
    logging.getLogger(__name__).exception("The program failed")
    _tell(NarratorError("Scene Narrator failed.", f"Report it with the log: {diagnostics.log_path()}"))
    return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scene-narrator",
        description="Looks at a camera, a screen or a video and tells, live and aloud, what happens.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = (*_OWN, *_MORE)
    parser.add_argument("command", nargs="?", choices=commands, default="run", metavar="COMMAND", help="see below")
    parser.add_argument("words", nargs="*", metavar="WORD", help="what the command is to do; see below")
    parser.add_argument("--source", metavar="S", help="camera:0, screen, rtsp://…, a video, a picture, a folder, demo")
    parser.add_argument(
        "--backend", metavar="B", help="who describes: auto, embedded, gemini, gguf, torch, server; also gguf:MODEL"
    )
    parser.add_argument(
        "--voice", metavar="V", help="who speaks: auto, espeak, pyttsx3, screen-reader, wav:FILE, silent"
    )
    parser.add_argument("--no-window", action="store_true", help="run in the terminal, one line a caption")
    parser.add_argument("--duration", type=_seconds, metavar="SECONDS", help="end so long after the first picture")
    parser.add_argument("--loop", action="store_true", help="play a file again when it ends")
    parser.add_argument("--offline", action="store_true", help="use no network at all")
    parser.add_argument("--yes", action="store_true", help="agree, this once, that pictures go to the describer")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting, this once")
    parser.add_argument("--events", metavar="FILE", help="write every event as a JSON line; - for standard output")
    parser.add_argument("--hub", metavar="URL", help="for models get: fetch from this hub")
    parser.add_argument("--check", action="store_true", help="for docs: only check")
    parser.add_argument("--version", action="version", version=f"scene-narrator {__version__}")
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError("must be a number of seconds, more than 0")
    return seconds


def _dispatch(options: argparse.Namespace) -> int:
    if options.command in _MORE:
        return _more(options)
    if options.command == "list":
        return _list(options.words)
    if options.words:
        sentence = f"{options.command} takes no {options.words[0]}."
        raise UsageError(sentence, "scene-narrator --help shows what it takes.")
    if options.command == "doctor":
        return _doctor()
    if options.command == "docs":
        return _docs(check=options.check)
    return _run(options)


def _more(options: argparse.Namespace) -> int:
    from narrator import diagnostics
    from narrator.settings import parsed, settings_file

    changes = dict(parsed(assignment) for assignment in options.set)
    if options.offline:
        changes["network.offline"] = True
    diagnostics.start_logging(settings_file().load()[0].with_values(changes).text("log.level"))
    _reconfigure(sys.stdout)
    words = [*options.words, *(("--hub", options.hub) if options.hub is not None else ())]
    return int(import_module(f"narrator.commands.{options.command}").run(words, changes))


def _list(words: Sequence[str]) -> int:
    if len(words) != 1 or words[0] not in _LISTS:
        sentence = f"There is no list of {' '.join(words)}." if words else "list needs to know what to list."
        raise UsageError(sentence, f"Choose one of: {', '.join(_LISTS)}.")
    from narrator import reference

    _print(reference.listing(words[0]))
    return 0


def _doctor() -> int:
    from narrator import doctor

    checks = doctor.checks()
    _print(doctor.report(checks))
    return 0 if doctor.can_narrate(checks) else FAILED


def _docs(*, check: bool) -> int:
    from narrator import reference

    folder = Path("docs")
    if not check:
        reference.write(folder)
        return 0
    drifted = reference.drift(folder)
    for page in drifted:
        _print(f"{page} is not what the code says; run: scene-narrator docs")
    return FAILED if drifted else 0


def _run(options: argparse.Namespace) -> int:
    started_at = time.monotonic()
    from narrator import diagnostics
    from narrator.choice import chosen_source, require_plug_ins, usable, without_effect
    from narrator.language import styles
    from narrator.privacy.consent import Consents
    from narrator.session import Session
    from narrator.settings import parsed, settings_file

    store = settings_file()
    settings, notices = usable(*store.load())
    assigned = dict(parsed(assignment) for assignment in options.set)
    require_plug_ins(assigned)
    settings = settings.with_values(assigned)
    switches = {"loop": options.loop, "network.offline": options.offline}
    settings = settings.with_values({key: True for key, is_on in switches.items() if is_on})
    diagnostics.start_logging(settings.text("log.level"))
    backend = options.backend or settings.text("backend")
    notices += [*without_effect(backend, assigned, settings), *styles.read()[1]]
    source = "demo" if options.command == "demo" else options.source
    if not source:
        source, hints = chosen_source(settings)
        notices += hints
    session = Session(
        settings,
        source=source,
        backend=backend,
        voice=options.voice or settings.text("voice"),
        store=store,
        notices=notices,
        consents=Consents(always=options.yes),
    )
    with ExitStack() as stack:
        _write_events(options.events, session, started_at, stack)
        code = _front_end(session, options)
    if session.left_behind:
        diagnostics.leave_at_once(code)
    return code


def _write_events(path: str | None, session: "Session", started_at: float, stack: ExitStack) -> None:
    if path is None:
        return
    from narrator.events import EventWriter

    writer = EventWriter(session.subscribe(), _event_stream(path, stack), started_at)
    writer.start()
    stack.callback(writer.close)


def _event_stream(path: str, stack: ExitStack) -> TextIO:
    if path == "-":
        _reconfigure(sys.stdout, encoding="utf-8")
        return sys.stdout
    try:
        stream = Path(path).open("w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - closed by the stack
    except OSError as error:
        raise NarratorError(f"Events cannot be written to {path}.", "Choose a file in a folder of yours.") from error
    stack.callback(_close_quietly, stream)
    return stream


def _close_quietly(stream: TextIO) -> None:
    """A full disk is in the log since the first line that did not fit; closing would say it once more."""
    with suppress(OSError):
        stream.close()


def _reconfigure(stream: TextIO, encoding: str | None = None) -> None:
    """Never fail on a letter that the terminal, or a pipe of the system's encoding, cannot show."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding=encoding, errors="backslashreplace")


def _front_end(session: "Session", options: argparse.Namespace) -> int:
    from narrator import terminal

    captions = sys.stderr if options.events == "-" else sys.stdout
    _reconfigure(captions)
    if not options.no_window:
        try:
            return int(_window().run(session, duration=options.duration))
        except NoWindow as obstacle:
            _tell(obstacle)
            print("Narrating in the terminal; Ctrl-C ends it.", file=sys.stderr)
    return terminal.narrate(session, captions, options.duration)


def _window() -> ModuleType:
    try:
        return import_module(_WINDOW)
    except ImportError as error:
        remedy = "scene-narrator doctor tells what is missing."
        raise NoWindow("The window cannot be opened here.", remedy, str(error)) from error


def _print(text: str) -> None:
    sys.stdout.write(text.rstrip("\n") + "\n")


def _tell(error: NarratorError) -> None:
    print(f"{error.sentence} {error.remedy}".rstrip(), file=sys.stderr)
