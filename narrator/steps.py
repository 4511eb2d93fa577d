"""What a single key changes by one step: rate, volume, detail."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from narrator.seams import Value
from narrator.settings import Settings, declared

_RATE_STEP = 10
_VOLUME_STEP = 10


class Steps(ABC):
    """For whoever has settings and applies changes to them; at the end of a range nothing happens."""

    settings: Settings

    @abstractmethod
    def apply(self, changes: Mapping[str, Value]) -> None: ...

    def slower(self) -> None:
        self._step("speech.rate", -_RATE_STEP)

    def faster(self) -> None:
        self._step("speech.rate", _RATE_STEP)

    def quieter(self) -> None:
        self._step("speech.volume", -_VOLUME_STEP)

    def louder(self) -> None:
        self._step("speech.volume", _VOLUME_STEP)

    def more_detail(self) -> None:
        self._step("narration.detail", 1)

    def less_detail(self) -> None:
        self._step("narration.detail", -1)

    def _step(self, key: str, by: int) -> None:
        setting = declared()[key]
        value = self.settings.whole(key) + by
        low, high = int(setting.minimum or 0), int(setting.maximum or value)
        self.apply({key: min(high, max(low, value))})
