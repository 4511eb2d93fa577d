"""Keeps for the next start what the user chose."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from narrator import registry
from narrator.describers import Describers
from narrator.errors import SettingsUnusable
from narrator.messages import Level, Notice
from narrator.privacy.consent import ConsentPage
from narrator.seams import Value
from narrator.settings import SettingsFile

_log = logging.getLogger(__name__)
_DEMO = "demo"


class Keeping:
    """Writes to the settings file, if there is one; that it cannot be written is told once."""

    def __init__(self, store: SettingsFile | None, publish: Callable[[Notice], None]) -> None:
        self._store, self._publish = store, publish

    def save(self, changes: Mapping[str, Value]) -> None:
        """Keep these values."""
        if self._store is None or not changes:
            return
        try:
            self._store.save(changes)
        except SettingsUnusable as error:
            _log.warning("%s %s", error.sentence, error.detail)
            self._publish(error.notice(Level.WARNING))
            self._store = None

    def agree(self, describers: Describers, page: ConsentPage) -> None:
        """Keep the user's yes; when it cannot be written it holds until the end."""
        try:
            describers.agree(page)
        except SettingsUnusable as error:
            _log.warning("%s %s", error.sentence, error.detail)
            self._publish(error.notice(Level.WARNING))

    def remember(self, source: str) -> None:
        """Keep a source that works; the demo is no choice, and a password is not written down."""
        if source == _DEMO or registry.without_secrets(source) != source:
            return
        path = Path(source)
        self.save({"source": str(path.absolute()) if path.exists() else source})
