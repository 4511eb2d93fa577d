"""`scene-narrator styles`: the gallery of styles, and the user's own ones."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from narrator.errors import UsageError
from narrator.language import prompts, styles
from narrator.seams import Value
from narrator.settings import settings_file

HELP = """styles                       list how narration can be worded
styles show NAME             show what a describer is told in this style
styles export NAME FILE      write a style to a file, to change it or to pass it on
styles import FILE [NAME]    add a style from a text or TOML file
styles remove NAME           remove a style of your own"""


def run(words: Sequence[str], _: Mapping[str, Value] | None = None) -> int:
    """Do what the words say; prints to standard output. Raises `UsageError` and `NarratorError`."""
    task, *rest = words or ("list",)
    if task not in _TASKS:
        raise UsageError(f"styles cannot {task}.", f"Choose one of: {', '.join(_TASKS)}.")
    function, least, most = _TASKS[task]
    if not least <= len(rest) <= most:
        line = next((line for line in HELP.splitlines() if line.startswith(f"styles {task} ")), "styles")
        raise UsageError(
            f"styles {task} was given too {'few' if len(rest) < least else 'many'} words.",
            f"For example: {_example(line)}",
        )
    function(*rest)
    return 0


def _list() -> None:
    found, notices = styles.read()
    chosen = settings_file().load()[0].text("narration.style")
    width = max(map(len, found))
    for style in found.values():
        own = " (your own)" if style.is_own else ""
        sign = "*" if style.id == chosen else " "
        _print(f"{sign} {style.id:{width}}  {style.title}{own}{': ' if style.description else ''}{style.description}")
    for notice in notices:
        _print(f"{notice.text} {notice.remedy}")
    _print("\n* is in force. Choose another: --set narration.style=NAME")


def _show(name: str) -> None:
    settings = settings_file().load()[0]
    manner = prompts.Manner(
        detail=settings.whole("narration.detail"),
        focus=settings.text("narration.focus"),
        language=settings.text("speech.language"),
    )
    _print(prompts.preview(name, manner))


def _export(name: str, file: str) -> None:
    _print(f"Written to {styles.export(name, _path(file))}.")


def _import(file: str, name: str = "") -> None:
    style = styles.add(_path(file), name)
    _print(f"{style.title} is added. Choose it: --set narration.style={style.id}")


def _remove(name: str) -> None:
    styles.remove(name)
    _print(f"{name} is removed.")


def _path(file: str) -> Path:
    return Path(os.path.expanduser(file))  # noqa: PTH111 - Path.expanduser raises for an unknown user


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _example(line: str) -> str:
    return "scene-narrator " + line.partition("   ")[0]


_TASKS: dict[str, tuple[Callable[..., None], int, int]] = {
    "list": (_list, 0, 0),
    "show": (_show, 1, 1),
    "export": (_export, 2, 2),
    "import": (_import, 1, 2),
    "remove": (_remove, 1, 1),
}
"""What each word does, with the least and the most words that it takes."""
