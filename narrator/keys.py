"""Finds, keeps and deletes the secret key of a describer. No key ever stands in a log, an event or the settings."""

import json
import logging
import os
import stat
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from narrator import files
from narrator.errors import SettingsUnusable, UsageError
from narrator.key_store import KeyStore, KeyStoreSilent, NoKeyStore
from narrator.mailbox import Guarded
from narrator.messages import Level, Notice
from narrator.settings import config_folder

Tell = Callable[[Notice], None]
MOST_LETTERS = 500
_IN_STORE = "in the key store of this computer"
_COMMENT = "# Secret keys of describers, here because no key store could be used. Show this file to nobody.\n"
_log = logging.getLogger(__name__)
_store = KeyStore()
_writing = Guarded(None)
_UNREADABLE = (OSError, ValueError, RecursionError)


@dataclass(frozen=True, slots=True)
class Found:
    """A key, and the place where it is, in words that go on after "There is a key:"."""

    value: str = field(repr=False)
    place: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a key is now, and what the user must know about that."""

    place: str
    notice: Notice | None = None


def _to_log(notice: Notice) -> None:
    _log.warning("%s %s", notice.text, notice.remedy)


def find_key(backend_id: str, variables: Sequence[str], tell: Tell = _to_log) -> Found | None:
    """The key that counts: the first variable that is set, else the key store, else the file of keys.

    Waits for a key store that does not answer, for 2 s, once. `tell` hears of what is wrong on the way.
    """
    return next(all_keys(backend_id, variables, tell), None)


def all_keys(backend_id: str, variables: Sequence[str], tell: Tell = _to_log) -> Iterator[Found]:
    """Every key of a describer, the one that counts first."""
    for name in variables:
        yield from _usable(os.environ.get(name, ""), f"in the environment variable {name}", tell)
    with suppress(NoKeyStore, KeyStoreSilent):
        yield from _usable(_store.find(backend_id), _IN_STORE, tell)
    yield from _usable(_in_file(tell).get(backend_id, ""), _file_place(), tell)


def store_key(backend_id: str, key: str) -> Kept:
    """Keep a key in the key store, or else in a file that only the user can read.

    A store that asks the user something has 30 s. Raises `UsageError` for what can be no key, and `SettingsUnusable`.
    """
    key = checked(key)
    try:
        _store.put(backend_id, key)
    except (NoKeyStore, KeyStoreSilent):
        return _store_in_file(backend_id, key)
    _remove_from_file(backend_id)
    return Kept(_IN_STORE)


def delete_key(backend_id: str) -> tuple[str, ...]:
    """Forget a key wherever it was kept: the places. A variable of the environment stays.

    Raises `SettingsUnusable` when a key may be left somewhere.
    """
    places = (_file_place(),) if _remove_from_file(backend_id) else ()
    try:
        return (_IN_STORE, *places) if _store.delete(backend_id) else places
    except NoKeyStore:
        return places
    except KeyStoreSilent as error:
        sentence = "The key store of this computer did not answer; a key may still be in it."
        raise SettingsUnusable(sentence, "Unlock the key store and try again.") from error


def checked(key: str) -> str:
    """The key without spaces around it. Raises `UsageError` for what can be no key."""
    key = key.strip()
    if problem := _problem(key):
        raise UsageError(f"That is no key: {problem}.", "Copy the whole key from where you got it, and nothing else.")
    return key


def keys_file() -> Path:
    """Where keys lie when there is no key store."""
    return config_folder() / "keys.toml"


def _problem(key: str) -> str:
    """Why a text can be no key, as the end of a sentence; it never holds the key itself."""
    if not key:
        return "it is empty"
    if len(key) > MOST_LETTERS:
        return f"it is longer than {MOST_LETTERS} letters"
    if any(letter.isspace() for letter in key):
        return "it has a space or a line break inside"
    if not (key.isascii() and key.isprintable()):
        return "it has letters that no key has"
    return ""


def _usable(key: str, place: str, tell: Tell) -> Iterator[Found]:
    key = key.strip()
    problem = _problem(key) if key else ""
    if problem:
        tell(Notice(Level.WARNING, f"The key {place} is left out: {problem}.", "Put the right key there, or none."))
    elif key:
        yield Found(key, place)


def _file_place() -> str:
    return f"in the file {keys_file()}"


def _in_file(tell: Tell) -> dict[str, str]:
    """The keys in the file, which is made private where it was not."""
    try:
        keys = _read()
    except _UNREADABLE as error:
        failing = "cannot be read" if isinstance(error, OSError) else "is damaged"
        remedy = f"Set the key again, or look at {keys_file()}."
        tell(Notice(Level.WARNING, f"The file of keys {failing}.", remedy))
        keys = {}
    _make_private(keys_file(), tell)
    return keys


def _read() -> dict[str, str]:
    """Raises `OSError`, `ValueError`, `RecursionError`."""
    try:
        content = tomllib.loads(keys_file().read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    return {name: key for name, key in content.items() if isinstance(key, str)}


def _make_private(path: Path, tell: Tell) -> None:
    if os.name != "posix":
        return
    try:
        if not stat.S_IMODE(path.stat().st_mode) & 0o077:
            return
        path.chmod(0o600)
    except FileNotFoundError:
        return
    except OSError:
        tell(Notice(Level.WARNING, "Others can read your file of keys.", f"Make {path} readable for you alone."))
        return
    remedy = "If others use this computer, make a new key and delete the old one."
    tell(Notice(Level.WARNING, "Others could read your file of keys; now only you can.", remedy))


def _store_in_file(backend_id: str, key: str) -> Kept:
    with _writing:
        try:
            keys = _read()
        except _UNREADABLE:
            files.put_aside(keys_file())
            keys = {}
        _write({**keys, backend_id: key})
    text = f"No key store could be used here, so the key lies in the file {keys_file()}, which only you can read."
    return Kept(_file_place(), Notice(Level.INFO, text, "Whoever gets a copy of that file has the key."))


def _remove_from_file(backend_id: str) -> bool:
    """Whether it was there."""
    with _writing:
        keys = _in_file(_to_log)
        if backend_id not in keys:
            return False
        del keys[backend_id]
        _write(keys)
    return True


def _write(keys: dict[str, str]) -> None:
    lines = [f"{json.dumps(name)} = {json.dumps(key)}\n" for name, key in sorted(keys.items())]
    try:
        files.replace(keys_file(), _COMMENT + "".join(lines))
    except OSError as error:
        remedy = f"Make the folder {keys_file().parent} writable."
        raise SettingsUnusable("The file of keys could not be written.", remedy, str(error)) from error
