"""`scene-narrator models`: models that run on this machine: fetch, take in, check, remove, and which one suits."""

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from narrator.errors import UsageError
from narrator.mailbox import Cancel
from narrator.models import catalogue, recommend, store
from narrator.models.catalogue import Model
from narrator.models.failures import failure
from narrator.models.machine import Machine, look
from narrator.models.progress import CHECKING, COPYING, FETCHING, WAITING, Progress
from narrator.models.recommend import Fit, Speed
from narrator.models.sizes import in_words, time_in_words
from narrator.seams import Value
from narrator.settings import settings_file

HELP = """models                       list the models that are known, how they fare on this machine, and what is here
models recommend             name the model that suits this machine, and why
models get NAME [--hub URL]  fetch a model; NAME is of the list, or OWNER/NAME of a repository on the hub
models import PATH...        take in GGUF files of your own, or a folder with a checkpoint
models verify [NAME]         compare the files with their sha256
models remove NAME           delete a model
models where                 tell where models lie"""

Result = TypeVar("Result")
_DOING = {
    FETCHING: "Fetching",
    COPYING: "Copying",
    CHECKING: "Checking",
    WAITING: "The line broke; waiting to go on with",
}
_QUARTERS = 4
_LOOK = 0.2


def run(words: Sequence[str], changes: Mapping[str, Value] | None = None) -> int:
    """Do what the words say, with the settings as changed for this once; prints to standard output.

    Raises `UsageError` and `NarratorError`.
    """
    rest, hub = _without_hub(words or ("list",))
    task, *rest = rest or ["list"]
    if task not in _TASKS:
        raise UsageError(f"models cannot {task}.", f"Choose one of: {', '.join(_TASKS)}.")
    function, least, most = _TASKS[task]
    if not least <= len(rest) <= most:
        line = next(
            line for line in HELP.splitlines() if line.startswith("models  " if task == "list" else f"models {task}")
        )
        raise UsageError(
            f"models {task} was given too {'few' if len(rest) < least else 'many'} words.",
            f"For example: scene-narrator {line.partition('   ')[0].partition(' [')[0]}",
        )
    if task == "get":
        return _get(rest[0], hub, offline=_is_offline(changes or {}))
    if hub:
        raise UsageError(f"models {task} uses no hub.", "Give --hub with: scene-narrator models get NAME")
    return function(*rest) or 0


def _without_hub(words: Sequence[str]) -> tuple[list[str], str]:
    """The other words, and the address that stands behind --hub."""
    rest, hub, left = list[str](), "", iter(words)
    for word in left:
        if word == "--hub":
            hub = next(left, "")
        elif word.startswith("--hub="):
            hub = word.partition("=")[2]
        else:
            rest.append(word)
            continue
        if not hub:
            raise UsageError("--hub needs an address.", "For example: --hub https://hub.example.org")
    return rest, hub


def _is_offline(changes: Mapping[str, Value]) -> bool:
    return settings_file().load()[0].with_values(changes).flag("network.offline")


def _list() -> None:
    machine, here = look(), {model.name: model for model in store.installed()}
    rows = [_row(recommend.fit(model, machine), model.id in here) for model in catalogue.catalogue().models.values()]
    heads = ("  name", "download", "memory", "on this machine", "languages", "licence")
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        _print("  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip())
    own = [model for name, model in here.items() if catalogue.find(name) is None]
    for model in own:
        _print(f"* {model.name}, of your own, for {model.engine}, {in_words(model.size)}")
    whole = {model.name for model in here.values()}
    for record in store.records():
        if record.name not in whole:
            _print(f"  {record.name} is damaged: scene-narrator models verify {record.name} tells what of it.")
    left_over = store.left_over()
    for name in store.half_fetched():
        if name in left_over:
            _print(f"  {name} is left over from what did not end: scene-narrator models remove {name}")
        else:
            _print(f"  {name} is not whole yet: fetch it again to go on.")
    _print("\n* is here. Sizes with ~ and all times are rough. Fetch one: scene-narrator models get NAME")


def _row(found: Fit, is_here: bool) -> tuple[str, ...]:
    model = found.model
    rough = "" if model.is_pinned else "~"
    return (
        f"{'*' if is_here else ' '} {model.id}",
        f"{rough}{in_words(model.download_mb * 1e6)}",
        f"~{in_words(model.memory_mb * 1e6)}",
        _speed(found),
        ", ".join(model.languages),
        model.licence + (", to be accepted first" if model.gated else ""),
    )


def _speed(found: Fit) -> str:
    if found.on_gpu:
        return f"{found.speed}, on the graphics card"
    if found.speed is Speed.TOO_BIG:
        return str(found.speed)
    return f"{found.speed}, ~{found.seconds:.0f} s a picture"


def _recommend() -> None:
    machine = look()
    advice = recommend.advise(machine)
    _print(_machine(machine))
    if advice.model is None:
        _print(f"No model fits. {advice.reason} The built-in describer needs none.")
        return
    _print(f"Recommended: {advice.model.title} ({advice.model.id}). {advice.reason}")
    if store.locate(advice.model.id, advice.model.engine):
        _print("It is here.")
    else:
        size = in_words(advice.model.download_mb * 1e6)
        _print(f"Fetch it, {size}: scene-narrator models get {advice.model.id}")
    _print("\nAll of them here, by reckoning:")
    width = max(len(found.model.id) for found in advice.fits)
    for found in advice.fits:
        _print(f"  {found.model.id:{width}}  {_speed(found)}")


def _machine(machine: Machine) -> str:
    gpu = "no graphics card that can be asked"
    if machine.gpu:
        free, total = in_words(machine.gpu.free_mb * 1e6), in_words(machine.gpu.total_mb * 1e6)
        gpu = f"{machine.gpu.name} with {free} of {total} free"
    free, total = in_words(machine.free_ram_mb * 1e6), in_words(machine.ram_mb * 1e6)
    return f"This machine: {free} of {total} of memory free, {machine.cores} cores, {gpu}."


def _get(name: str, address: str, *, offline: bool) -> int:
    from narrator.models.address import Hub
    from narrator.models.choose import requested
    from narrator.models.download import get

    request = requested(name)
    if any(model.name == request.name for model in store.installed()):
        _print(f"{request.title} is here already. Check it with: scene-narrator models verify {request.name}")
        return 0
    hub = Hub.at(address, offline=offline)
    _print(f"{request.title} comes from {hub.page(request.repository)}.{_terms(request.known)}")
    meter = _Printed()
    installed = _interruptible(lambda cancelled: get(name, meter.tell, cancelled, hub))
    if installed is None:
        kept = f" {in_words(meter.last.done)} of {in_words(meter.last.total)} are kept." if meter.last else ""
        _print(f"Stopped.{kept} The same command goes on from there.")
        return 1
    record = store.record_of(installed.name)
    unproven = [file.name for file in record.files if file.told_by == "itself"] if record else []
    checked = "Every sha256 is the one that this program knows."
    if unproven:
        checked = f"The hub told no sha256 for {', '.join(unproven)}: from now on changes show, earlier ones do not."
    elif not (request.known and request.known.is_pinned):
        checked = "Every sha256 was what the hub said; this program knew none before, and keeps them from now on."
    _print(f"{installed.title} is here. {checked}")
    _print(f"Use it: scene-narrator --backend {installed.engine} --set {installed.engine}.model={installed.name}")
    return 0


def _terms(known: Model | None) -> str:
    return f" Its licence: {known.licence}." if known else " Read its licence there."


def _import(*paths: str) -> int:
    from narrator.models.bring import bring

    meter = _Printed()
    given = [Path(os.path.expanduser(path)) for path in paths]  # noqa: PTH111 - Path.expanduser raises for an unknown user
    installed = _interruptible(lambda cancelled: bring(given, meter.tell, cancelled))
    if installed is None:
        _print("Stopped. Nothing was taken in.")
        return 1
    _print(f"{installed.title} is here as {installed.name}, {in_words(installed.size)}.")
    _print(f"Use it: scene-narrator --backend {installed.engine} --set {installed.engine}.model={installed.name}")
    return 0


def _verify(name: str = "") -> int:
    names = [name] if name else [record.name for record in store.records()]
    if not names:
        _print("There is no model here.")
    stopped = list[bool]()

    def check(cancelled: Cancel) -> list[str]:
        damaged = [each for each in names if not cancelled and not _is_whole(each, cancelled)]
        stopped.append(bool(cancelled))
        return damaged

    damaged = _interruptible(check)
    for each in damaged:
        _print(f"{each} is damaged.")
    if any(stopped):
        _print("Stopped. Not everything was checked.")
        return 1
    if damaged:
        raise failure("damaged", name=damaged[0])
    return 0


def _is_whole(name: str, cancelled: Cancel) -> bool:
    """Of one whose check is stopped, what was seen so far."""
    from narrator.models.checking import verify

    verdicts = verify(name, _Printed().tell, cancelled)
    for verdict in verdicts:
        proven = " (nobody vouched for it when it came)" if verdict.told_by == "itself" and not verdict.flaw else ""
        _print(f"{name}: {verdict.file} is {verdict.flaw or 'whole'}{proven}.")
    return not any(verdict.flaw for verdict in verdicts)


def _remove(name: str) -> None:
    from narrator.models.choose import unknown

    if store.record_of(name) is None and not store.is_left_over(name):
        raise unknown("not_here", name)
    is_shared = store.is_shared(name)
    try:
        freed = store.forget(name)
    except OSError as error:
        raise failure("not_writable", str(error), folder=store.folder_of(name)) from error
    stay = " Your own files stay." if is_shared else ""
    _print(f"{name} is removed; {in_words(freed)} are free again.{stay}")


def _where() -> None:
    _print(str(store.models_folder()))


class _Printed:
    """Progress on the terminal: one line that is rewritten, or a line for each quarter where nobody looks at it."""

    def __init__(self) -> None:
        self.last: Progress | None = None
        self._is_terminal = sys.stdout.isatty()
        self._quarter = -1
        self._width = 0

    def tell(self, progress: Progress) -> None:
        """From any thread."""
        is_last = progress.done >= progress.total and progress.doing != WAITING
        before, self.last = self.last, progress
        text = _told(progress)
        if self._is_terminal:
            _print(f"\r{text:{self._width}}", end="\n" if is_last else "")
            self._width = 0 if is_last else len(text)
            return
        quarter = _QUARTERS * progress.done // max(1, progress.total)
        has_changed = before is None or before.doing != progress.doing
        if quarter > self._quarter or (has_changed and progress.doing != FETCHING):
            self._quarter = quarter
            _print(text)


def _told(progress: Progress) -> str:
    share = 100 * progress.done // max(1, progress.total)
    text = (
        f"{_DOING[progress.doing]} {progress.title}: {in_words(progress.done)} of {in_words(progress.total)}, {share} %"
    )
    if progress.speed > 0 and progress.doing != WAITING:
        text += f", {in_words(progress.speed)} a second"
    if progress.left is not None and progress.done < progress.total:
        text += f", {time_in_words(progress.left)} left"
    return text


class _Ended(Generic[Result]):
    """How work in another thread ended."""

    def __init__(self) -> None:
        self._results: list[Result] = []
        self._failure: Exception | None = None
        self.has = threading.Event()

    def run(self, work: Callable[[], Result]) -> None:
        try:
            self._results.append(work())
        except Exception as error:  # noqa: BLE001 - the top of a thread; raised again by who waits for it
            self._failure = error
        finally:
            self.has.set()

    def result(self) -> Result:
        if self._failure is not None:
            raise self._failure
        return self._results[0]


def _interruptible(work: Callable[[Cancel], Result]) -> Result:
    """Work in a thread of its own, which Ctrl-C cancels and does not break."""
    cancelled, ended = Cancel(), _Ended[Result]()
    threading.Thread(target=ended.run, args=(lambda: work(cancelled),), name="models", daemon=True).start()
    try:
        while not ended.has.wait(_LOOK):  # not `join`, which below Python 3.13 takes a thread for ended after a Ctrl-C
            pass
    except KeyboardInterrupt:
        cancelled.throw()
        ended.has.wait()
        if sys.stdout.isatty():
            _print("")
    return ended.result()


def _print(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


def _no_task(_: str) -> None:
    """Stands in the table for what is called otherwise."""


_TASKS: dict[str, tuple[Callable[..., int | None], int, int]] = {
    "list": (_list, 0, 0),
    "recommend": (_recommend, 0, 0),
    "get": (_no_task, 1, 1),
    "import": (_import, 1, 100),
    "verify": (_verify, 0, 1),
    "remove": (_remove, 1, 1),
    "where": (_where, 0, 0),
}
"""What each word does, with the least and the most words that it takes."""
