"""`scene-narrator sent`: what left this machine, and erasing the record of it."""

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

from narrator.errors import UsageError
from narrator.privacy.sent import HEADS, SentLog, rows, sent_folder, total
from narrator.seams import Value

HELP = """sent                         list the last requests to a describer far away, and the sum of all
sent erase [yes]             delete the record, and the pictures that were kept; yes: without a question
sent where                   tell where the record lies"""

_SHOWN = 40
_QUESTION = "Erase the record of everything that was sent, with the pictures that were kept? [y/N] "


def run(words: Sequence[str], _: Mapping[str, Value] | None = None) -> int:
    """Do what the words say; prints to standard output. Raises `UsageError` and `NarratorError`."""
    task, *rest = words or ("list",)
    if task not in _TASKS:
        raise UsageError(f"sent cannot {task}.", f"Choose one of: {', '.join(_TASKS)}.")
    if rest and (task, rest) != ("erase", ["yes"]):
        raise UsageError(f"sent {task} takes no {rest[-1]}.", "For example: scene-narrator sent erase yes")
    _TASKS[task](*rest)
    return 0


def _list() -> None:
    entries = SentLog(sent_folder()).entries()
    if not entries:
        _print("Nothing was sent.")
        return
    shown = rows(entries[:_SHOWN])[::-1]
    widths = [max(map(len, column)) for column in zip(HEADS, *shown, strict=True)]
    for row in chain([HEADS], shown):
        _print("  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip())
    if len(entries) > _SHOWN:
        _print(f"\nThese are the last {_SHOWN}.")
    _print(f"\nIn all: {total(entries)}")


def _erase(answer: str = "") -> None:
    if not answer and not sys.stdin.isatty():
        raise UsageError("sent erase asks first, and nobody can answer here.", "In a script: sent erase yes")
    if not answer:
        _print(_QUESTION, end="")
        answer = sys.stdin.readline().strip().lower()
    if answer not in ("y", "yes"):
        _print("Nothing was erased.")
        return
    SentLog(sent_folder()).erase()
    _print("Erased.")


def _where() -> None:
    _print(str(sent_folder()))


def _print(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


_TASKS: dict[str, Callable[..., None]] = {"list": _list, "erase": _erase, "where": _where}
