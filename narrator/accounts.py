"""What the session spends and sends, kept together: the meter with its limits, and the log of what was sent."""

from collections.abc import Callable

from narrator import registry
from narrator.messages import Meter, Notice, Prompt, Run, Usage
from narrator.privacy.sent import SentLog, sent_folder
from narrator.settings import Settings, config_folder
from narrator.spending.purse import Spending


class Accounts:
    """Of one session, with the settings in force; every method may be called from any thread."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self.spending = Spending(settings, config_folder() / "spending")
        self._sent = SentLog(sent_folder(), lambda: settings().flag("sent.pictures"))

    def record(self, run: Run, prompt: Prompt, tokens: int) -> None:
        """A prompt leaves this machine now; `tokens` is an estimate."""
        host = registry.destination(run.backend, self._settings().values)
        self._sent.record(run, prompt, host, tokens)

    def add(self, usage: Usage) -> list[Notice]:
        """Count what a request took; returns what the user must know of the limits now."""
        self._sent.record_usage(usage)
        return self.spending.add(usage)

    def meter(self) -> Meter:
        return self.spending.meter()

    def settle(self) -> list[Notice]:
        """To be called about once a second: writes down what was spent, and returns what else the user must know."""
        return [*self.spending.settle(), *self._sent.notices()]

    def close(self) -> None:
        """Write down what is left."""
        self.spending.close()
        self._sent.close()
