"""The operating system's own key store, which may be missing, locked or never answer."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from narrator.mailbox import Guarded

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_log = logging.getLogger(__name__)
_SERVICE = "scene-narrator"
_LOOKS_FOR = 2.0
"""Seconds that narration waits for the store at most."""
_WRITES_FOR = 30.0
"""Seconds in which the user can answer a store that asks for its password first."""
_SAFE = 1
"""Priority from which keyring itself recommends a store: below are those that keep keys in plain text, or nowhere."""


class NoKeyStore(Exception):
    """This computer has no store that keeps keys safely."""


class KeyStoreSilent(Exception):
    """There is a store, but it failed, stayed locked or did not answer in time."""


class KeyStore:
    """Every call ends in time: the store is asked in a thread, which is left alone when it hangs.

    A store that once did not answer is not waited for again, but what it says later counts.
    """

    def __init__(
        self,
        store: "Callable[[], KeyringBackend] | None" = None,
        *,
        looks_for: float = _LOOKS_FOR,
        writes_for: float = _WRITES_FOR,
    ) -> None:
        self._store = store or best_store
        self._looks_for, self._writes_for = looks_for, writes_for
        self._looks: Guarded[dict[str, _Asked]] = Guarded({})

    def find(self, name: str) -> str:
        """The key of this name, or an empty text. Raises `NoKeyStore`, `KeyStoreSilent`."""
        with self._looks as looks:
            if name not in looks:
                looks[name] = _Asked(lambda: self._store().get_password(_SERVICE, name) or "")
            asked = looks[name]
        found = asked.answer(self._looks_for)
        with self._looks as looks:
            if looks.get(name) is asked:
                del looks[name]  # it answers: ask anew next time, for another program may have changed the key
        return found

    def put(self, name: str, key: str) -> None:
        """Keep a key in place of an older one. Raises `NoKeyStore`, `KeyStoreSilent`."""
        self._write(name, lambda: _put(self._store(), name, key))

    def delete(self, name: str) -> bool:
        """Forget a key; False when there was none. Raises `NoKeyStore`, `KeyStoreSilent`."""
        return self._write(name, lambda: _delete(self._store(), name)) == name

    def _write(self, name: str, change: Callable[[], str]) -> str:
        done = _Asked(change).answer(self._writes_for)
        with self._looks as looks:
            looks.pop(name, None)  # an older look may bring what was there before
        return done


class _Asked(threading.Thread):
    """One question to the store."""

    def __init__(self, ask: Callable[[], str]) -> None:
        super().__init__(name="key store", daemon=True)
        self._ask, self._answer = ask, ""
        self._failure: type[Exception] | None = None
        self._asked_at = time.monotonic()
        self.start()

    def run(self) -> None:
        try:
            self._answer = self._ask()
        except NoKeyStore:
            self._failure = NoKeyStore
        except Exception as error:  # noqa: BLE001 - the top of a thread; stores raise errors of many libraries
            _log.info("The key store failed: %s", type(error).__name__)  # its text might hold what was stored
            self._failure = KeyStoreSilent

    def answer(self, patience: float) -> str:
        """Wait until `patience` s after the question."""
        self.join(max(0.0, self._asked_at + patience - time.monotonic()))
        if self.is_alive():
            raise KeyStoreSilent
        if self._failure is not None:
            raise self._failure
        return self._answer


def best_store() -> "KeyringBackend":
    """The best store that is safe, of those that the user's keyring configuration allows. Raises `NoKeyStore`."""
    import keyring
    from keyring.backends.chainer import ChainerBackend

    found = keyring.get_keyring()
    candidates = found.backends if isinstance(found, ChainerBackend) else [found]
    safe = [store for store in candidates if store.priority >= _SAFE]
    if not safe:
        raise NoKeyStore
    return safe[0]


def _put(store: "KeyringBackend", name: str, key: str) -> str:
    store.set_password(_SERVICE, name, key)
    if store.get_password(_SERVICE, name) != key:  # there are stores that take everything and keep nothing
        raise NoKeyStore
    return name


def _delete(store: "KeyringBackend", name: str) -> str:
    from keyring.errors import PasswordDeleteError

    try:
        store.delete_password(_SERVICE, name)
    except PasswordDeleteError:
        return ""
    return name
