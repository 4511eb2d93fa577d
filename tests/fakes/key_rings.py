"""Key stores for `PYTHON_KEYRING_BACKEND`; import this in a process of its own, as keyring then offers them to all."""

import json
import os
import threading
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class OnDisk(KeyringBackend):
    """Keeps keys in the file `$KEY_RING`, so that the next process finds them."""

    priority = 1

    def get_password(self, service, username):
        return self._held().get(f"{service} {username}")

    def set_password(self, service, username, password):
        self._path().write_text(json.dumps(self._held() | {f"{service} {username}": password}))

    def delete_password(self, service, username):
        held = self._held()
        if held.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError("not found")
        self._path().write_text(json.dumps(held))

    def _path(self):
        return Path(os.environ["KEY_RING"])

    def _held(self):
        return json.loads(self._path().read_text()) if self._path().exists() else {}


class InPlainText(OnDisk):
    """As keyring rates those that do not encrypt."""

    priority = 0.5


class Forgetful(OnDisk):
    """Takes everything and keeps nothing."""

    def set_password(self, service, username, password):
        pass


class Locked(OnDisk):
    """The user does not unlock it."""

    def get_password(self, service, username):
        raise KeyringLocked("Failed to unlock the collection!")

    def set_password(self, service, username, password):
        raise KeyringLocked(f"{password} cannot be kept")

    def delete_password(self, service, username):
        raise KeyringLocked("Failed to unlock the collection!")


class Silent(OnDisk):
    """Never answers."""

    def get_password(self, service, username):
        threading.Event().wait()
