"""The gallery of styles: how narration is worded. A file a style, the program's own and the user's.

The user's lie in the folder `prompts` beside the settings file, as `NAME.toml` (title, description, text) or `NAME.txt`
(the text alone). One that has the name of a style of the program takes its place.
"""

import os
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from narrator.errors import NarratorError, UsageError
from narrator.messages import Level, Notice
from narrator.resources import resource
from narrator.settings import config_folder

DEFAULT = "everyday"
MOST_LETTERS = 2000
"""Longest text of a style: it is paid for with every request."""
_MOST_BYTES = 20_000
_LINE_LETTERS = 200
_SUFFIXES = (".txt", ".toml")
_LIST = "scene-narrator styles lists them."


@dataclass(frozen=True, slots=True)
class Style:
    """How to narrate: `text` is what the model is told beside the rules that hold for every style."""

    id: str
    title: str
    description: str
    text: str
    is_own: bool = False


class _Unusable(Exception):
    """Why a file is no style, as the end of a sentence."""


def styles() -> dict[str, Style]:
    """Every style by id: the default first, then by title."""
    return read()[0]


def read() -> tuple[dict[str, Style], list[Notice]]:
    """Every style by id, and a notice for each file of the user's that had to be left out."""
    found, notices = dict(_shipped()), []
    for path in _own_files():
        try:
            style = _read(path)
            found[style.id] = style
        except _Unusable as error:
            notices.append(Notice(Level.WARNING, f"The style {path.name} was left out: {error}.", f"Look at {path}."))
    return {style.id: style for style in sorted(found.values(), key=_order)}, notices


def find(style_id: str) -> Style:
    """The style of this name. Raises `UsageError` that names the nearest."""
    wanted = _id(style_id)
    for path in reversed([path for path in _own_files() if _id(path.stem) == wanted]):
        try:
            return _read(path)
        except _Unusable:
            continue
    if wanted in _shipped():
        return _shipped()[wanted]
    raise _unknown(style_id, styles())


def own_folder() -> Path:
    """Where the user's own styles lie."""
    return config_folder() / "prompts"


def add(path: Path, name: str = "") -> Style:
    """Copy a file into the gallery, named `name` or as the file is. Raises `UsageError`, `NarratorError`."""
    try:
        style = _read(path, name)
    except _Unusable as error:
        remedy = "Give a text file, or a TOML file with title, description and text."
        raise UsageError(f"{path} cannot be imported: {error}.", remedy) from error
    if not style.id:
        raise UsageError("The style needs a name.", f"For example: scene-narrator styles import {path} mystyle")
    if any(_id(own.stem) == style.id for own in _own_files()):
        remedy = f"Give it another name, or remove the old one first: scene-narrator styles remove {style.id}"
        raise UsageError(f"There is already a style of yours called {style.id}.", remedy)
    _write(style, own_folder() / f"{style.id}.toml")
    return style


def export(style_id: str, path: Path, *, replace: bool = False) -> Path:
    """Write a style to a file that `add` can read: `.txt` takes the text alone. Returns the file that was written.

    Raises `UsageError` when the file is there already and not to be replaced, and `NarratorError`.
    """
    style = find(style_id)
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
        path = path / f"{style.id}.toml"
    _write(style, path, replace=replace)
    return path


def remove(style_id: str) -> None:
    """Delete a style of the user's. Raises `UsageError`, `NarratorError`."""
    files = [path for path in _own_files() if _id(path.stem) == _id(style_id)]
    if not files and _id(style_id) in _shipped():
        raise UsageError(
            f"{_id(style_id)} comes with the program and stays.", "Only styles of your own can be removed."
        )
    if not files:
        raise _unknown(style_id, {path.stem: None for path in _own_files()})
    for path in files:
        try:
            path.unlink()
        except OSError as error:
            raise NarratorError(f"{path} cannot be removed.", "Remove it by hand.", str(error)) from error


@cache
def _shipped() -> dict[str, Style]:
    paths = resource("prompts/styles").glob("*.toml")
    return {path.stem: _parsed(path.read_text(encoding="utf-8"), path.stem, is_toml=True) for path in paths}


def _own_files() -> list[Path]:
    """In the order in which a later one of the same name wins."""
    try:
        files = [path for path in own_folder().iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file()]
    except OSError:
        return []
    return sorted(files, key=lambda path: (_SUFFIXES.index(path.suffix.lower()), path.name))


def _read(path: Path, name: str = "") -> Style:
    """Raises `_Unusable`."""
    try:
        if not path.is_file():
            raise _Unusable("there is no such file")
        if path.stat().st_size > _MOST_BYTES:
            raise _Unusable(f"it is longer than {MOST_LETTERS} letters")
        text = path.read_text(encoding="utf-8-sig")  # some editors put a byte order mark first
    except OSError as error:
        raise _Unusable("it cannot be read") from error
    except ValueError as error:
        raise _Unusable("it is no text in UTF-8") from error
    return _parsed(text, name or path.stem, is_toml=path.suffix.lower() == ".toml", is_own=True)


def _parsed(content: str, name: str, *, is_toml: bool, is_own: bool = False) -> Style:
    """Raises `_Unusable`."""
    try:
        table = tomllib.loads(content) if is_toml else {"text": content}
    except (ValueError, RecursionError) as error:
        raise _Unusable("it is not valid TOML") from error
    title, description, text = (table.get(key, "") for key in ("title", "description", "text"))
    if not (isinstance(title, str) and isinstance(description, str) and isinstance(text, str)):
        raise _Unusable("its title, description and text must be texts")
    text = "\n".join(" ".join(line.split()) for line in _printable(text).strip().splitlines())
    if not text:
        raise _Unusable("it has no text")
    if len(text) > MOST_LETTERS:
        raise _Unusable(f"it is longer than {MOST_LETTERS} letters")
    title = _line(title) or " ".join(name.replace("_", " ").split()).capitalize()
    return Style(_id(name), title, _line(description), text, is_own)


def _write(style: Style, path: Path, *, replace: bool = False) -> None:
    """Raises `UsageError` when the file is there already, `NarratorError` when it cannot be written."""
    if not replace and os.path.exists(path):  # noqa: PTH110 - Path.exists raises for a name that is too long
        raise UsageError(f"{path} is there already.", "Choose another name, or remove that file first.")
    content = f"{style.text}\n" if path.suffix.lower() == ".txt" else _toml(style)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise NarratorError(f"{path} cannot be written.", "Choose a folder of yours.", str(error)) from error


def _toml(style: Style) -> str:
    import tomlkit

    document = tomlkit.document()
    document["title"], document["description"] = style.title, style.description
    document["text"] = tomlkit.string(f"\n{style.text}\n", multiline=True)
    return tomlkit.dumps(document)


def _unknown(style_id: str, known: dict[str, Style] | dict[str, None]) -> UsageError:
    near = get_close_matches(_id(style_id), known, 1, 0.4)
    return UsageError(f"There is no style called {_line(style_id)}.", f"Did you mean {near[0]}?" if near else _LIST)


def _id(name: str) -> str:
    """Small letters, digits and single hyphens."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in name.casefold()).split())


def _line(text: str) -> str:
    return " ".join(_printable(text).split())[:_LINE_LETTERS]


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)


def _order(style: Style) -> tuple[bool, bool, str]:
    return style.id != DEFAULT, style.is_own, style.title.casefold()
