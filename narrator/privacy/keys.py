"""Finds, keeps and deletes the secret key of a describer: environment, the system's key store, a file of the user's.

A key is never logged, and a `Found` does not show its own.
"""

import json
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from narrator.errors import SettingsUnusable, UsageError
from narrator.mailbox import Guarded
from narrator.messages import Level, Notice
from narrator.privacy.files import put_aside, write_private
from narrator.privacy.key_store import KeyStore, KeyStoreSilent, NoKeyStore
from narrator.settings import config_folder

MOST_LETTERS = 500
_IN_STORE = "in the key store of this computer"
_COMMENT = "# Secret keys of describers, here because no key store could be used. Show this file to nobody.\n"
_JOINT = "\t"
"""Between a host and its key, where they are kept as one: neither holds any, and alone it makes no sound key."""
_UNREADABLE = (OSError, ValueError, RecursionError)
_store = KeyStore()


@dataclass(frozen=True, slots=True)
class Found:
    """A key, and in words where it is. `notice` tells the user of a place that is less safe than it should be."""

    value: str = field(repr=False)
    place: str
    notice: Notice | None = None
    host: str = ""
    """The "host:port" that it was set for, if it is for one alone."""
    replaced: str = ""
    """The "host:port" of another key that was kept until now, in whose place this one is: there is room for one."""


def find_key(backend_id: str, variables: Sequence[str]) -> Found | None:
    """The key of a describer: the first of these environment variables, else the system's store, else the file.

    Waits for a store that does not answer, for 2 s, once. What can be no key is passed over: `problems` tells of it.
    """
    return next(all_keys(backend_id, variables), None)


def all_keys(backend_id: str, variables: Sequence[str]) -> Iterator[Found]:
    """Every key of a describer; the first one is used."""
    for variable in variables:
        yield from _sound(os.environ.get(variable, ""), _in_variable(variable))
    with suppress(NoKeyStore, KeyStoreSilent):
        yield from _kept(_store.find(backend_id), _IN_STORE)
    yield from _key_file().find(backend_id)


def problems(backend_id: str, variables: Sequence[str]) -> list[Notice]:
    """Why a key that is there cannot be used."""
    found = variable_problems(variables)
    try:
        _store.find(backend_id)
    except KeyStoreSilent:
        found.append(Notice(Level.WARNING, "The key store of this computer did not answer.", "Unlock it."))
    except NoKeyStore:
        pass
    return [*found, *_key_file().problems(backend_id)]


def variable_problems(variables: Sequence[str]) -> list[Notice]:
    """Why a key that is in the environment cannot be used."""
    set_to = {variable: os.environ.get(variable, "").strip() for variable in variables}
    return [
        Notice(Level.WARNING, f"What is {_in_variable(name)} is no key: {_flaw(key)}.", "Set the right one, or none.")
        for name, key in set_to.items()
        if key and _flaw(key)
    ]


def kept_for(backend_id: str, host: str) -> tuple[Found | None, list[Notice]]:
    """The kept key that was set for this "host:port", and what the user should know of it, or of one for another."""
    kept = list(all_keys(backend_id, ()))
    found = next((key for key in kept if key.host == host), None)
    if found:
        return found, [found.notice] if found.notice else []
    if not kept:
        return None, problems(backend_id, ())
    text = f"The key that was kept for {kept[0].host or 'no server'} is not sent to {host}."
    remedy = f"If that server wants one: scene-narrator key set {backend_id}, with the same address in the settings."
    return None, [Notice(Level.WARNING, text, remedy)]


def loose_key(variables: Sequence[str]) -> Found | None:
    """The key of the environment, which is bound to no host."""
    return next((key for name in variables for key in _sound(os.environ.get(name, ""), _in_variable(name))), None)


def store_key(backend_id: str, key: str, host: str = "") -> Found:
    """Keep a key in the system's store, or else in the file, which is told by a notice; for a "host:port" if given.

    It takes the place of one that is kept for another host, which `replaced` then tells. A store that first asks the
    user for a password has 30 s. Raises `UsageError` when it cannot be a key, `SettingsUnusable` when it can be kept
    nowhere.
    """
    value, file = checked_key(key), _key_file()
    before = next(all_keys(backend_id, ()), None)
    replaced = before.host if before and before.host != host else ""
    text = f"{host}{_JOINT}{value}" if host else value
    try:
        _store.put(backend_id, text)
    except (NoKeyStore, KeyStoreSilent):
        file.set(backend_id, text)
        text = f"No key store could be used here, so the key lies in the file {file.path}."
        return Found(
            value, file.place, Notice(Level.WARNING, text, "Only your user account can read it."), host, replaced
        )
    file.delete(backend_id)
    return Found(value, _IN_STORE, host=host, replaced=replaced)


def delete_key(backend_id: str) -> tuple[str, ...]:
    """Forget the kept key; the places where it was. A variable of the environment stays.

    Raises `SettingsUnusable` when a key may be left somewhere.
    """
    file = _key_file()
    places = (file.place,) if file.delete(backend_id) else ()
    try:
        return (_IN_STORE, *places) if _store.delete(backend_id) else places
    except NoKeyStore:
        return places
    except KeyStoreSilent:
        sentence = "The key store of this computer did not answer; a key may still be in it."
        raise SettingsUnusable(sentence, "Unlock the key store and try again.") from None


def checked_key(text: str) -> str:
    """The key without the space around it. Raises `UsageError` when it can be none; what it says never shows it."""
    key = text.strip().strip("\ufeff\u200b")
    if flaw := _flaw(key):
        remedy = "Copy it once more from the page where you got it, and nothing else with it."
        raise UsageError(f"This is no key: {flaw}.", remedy)
    return key


class KeyFile:
    """The last resort: a TOML file that only the user may read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def place(self) -> str:
        return f"in the file {self.path}"

    def find(self, backend_id: str) -> Iterator[Found]:
        """The key of a describer, if it is there. A file that others may read is closed to them: the notice tells."""
        with suppress(*_UNREADABLE):
            yield from _kept(self._read().get(backend_id, ""), self.place, self._mend())

    def problems(self, backend_id: str) -> list[Notice]:
        """Why the file, or what it holds for a describer, cannot be used."""
        look = f"Set the key again, or look at the file {self.path}."
        try:
            key = self._read().get(backend_id, "")
        except _UNREADABLE as error:
            failing = "cannot be read" if isinstance(error, OSError) else "is damaged"
            return [Notice(Level.WARNING, f"The file of keys {failing}.", look)]
        flaw = _flaw(key.strip().rpartition(_JOINT)[2]) if key else ""
        return [Notice(Level.WARNING, f"What is {self.place} is no key: {flaw}.", look)] if flaw else []

    def set(self, backend_id: str, key: str) -> None:
        """Keep a key beside those of others; a damaged file is put aside. Raises `SettingsUnusable`."""
        with _writing:
            try:
                held = self._read()
            except _UNREADABLE:
                put_aside(self.path)
                held = {}
            self._write({**held, backend_id: key})

    def delete(self, backend_id: str) -> bool:
        """Whether there was one. Raises `SettingsUnusable`."""
        with _writing:
            try:
                held = self._read()
            except _UNREADABLE:
                return False
            if backend_id not in held:
                return False
            self._write({name: key for name, key in held.items() if name != backend_id})
            return True

    def _read(self) -> dict[str, str]:
        """Raises `OSError`, `ValueError`, `RecursionError`."""
        try:
            held = tomllib.loads(self.path.read_text(encoding="utf-8-sig")).get("keys", {})
        except FileNotFoundError:
            return {}
        if not isinstance(held, dict):
            raise ValueError("no table of keys")
        return {name: key for name, key in held.items() if isinstance(key, str)}

    def _write(self, held: Mapping[str, str]) -> None:
        lines = [f"{json.dumps(name)} = {json.dumps(key)}\n" for name, key in sorted(held.items())]
        try:
            write_private(self.path, f"{_COMMENT}\n[keys]\n{''.join(lines)}") if held else self.path.unlink()
        except OSError as error:
            remedy = f"Make the folder {self.path.parent} writable, or set the key as an environment variable."
            raise SettingsUnusable("The key could not be saved.", remedy, type(error).__name__) from None

    def _mend(self) -> Notice | None:
        """Raises `OSError` when the file is gone."""
        if os.name != "posix" or not stat.S_IMODE(self.path.stat().st_mode) & 0o077:
            return None
        text = f"The file of keys could be read by others on this computer: {self.path}."
        try:
            self.path.chmod(0o600)
        except OSError:
            return Notice(Level.WARNING, text, "Let only yourself read it, and get a new key.")
        return Notice(Level.WARNING, text, "It is closed to them now. If anybody may have read it, get a new key.")


_writing = Guarded(None)
"""Two who read, change and write at once would lose one key."""


def _key_file() -> KeyFile:
    return KeyFile(config_folder() / "keys.toml")


def _in_variable(name: str) -> str:
    return f"in the environment variable {name}"


def _sound(text: str, place: str, notice: Notice | None = None) -> Iterator[Found]:
    with suppress(UsageError):
        yield Found(checked_key(text), place, notice)


def _kept(text: str, place: str, notice: Notice | None = None) -> Iterator[Found]:
    host, _, key = text.strip().rpartition(_JOINT)
    for found in _sound(key, place, notice):
        yield replace(found, host=host)


def _flaw(key: str) -> str:
    """Why a text can be no key, as the end of a sentence."""
    flaws = (
        (not key, "it is empty"),
        (len(key) > MOST_LETTERS, f"it is longer than {MOST_LETTERS} letters"),
        (any(letter.isspace() for letter in key), "it has a space or a line break inside"),
        (not key.isascii(), "it has other letters than plain ones, digits and signs"),
        (not key.isprintable(), "it has control characters"),
    )
    return next((flaw for is_wrong, flaw in flaws if is_wrong), "")
