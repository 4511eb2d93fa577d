"""What can go wrong, one class a behaviour; the cause, the sentence and the remedy are data.

NarratorError
├── UsageError            a wrong setting, id or argument: exit code 2
├── SourceError
│   ├── SourceRefused     it can never open as asked: no file, no device, 401, 404
│   └── SourceLost        it may come back: refused, timed out, stalled, died          (retryable)
├── BackendError          the describer could not answer this request; the next one may do
│   ├── AnswerCut         the answer broke off: what is whole of it was good
│   ├── BackendBusy       it may answer later, after `rest` s or with back-off             (retryable)
│   └── BackendRefused    it will not answer until the user has done something
│       └── PartMissing   a package or file that it needs is not installed
├── VoiceError            this voice cannot speak here
│   └── VoiceCrashed      its process died; a new one may speak                        (retryable)
├── DataFileDamaged       a file of ours is missing or its sha256 is wrong
├── SettingsUnusable      the settings file cannot be read or written
└── NoWindow              no window can be opened here; the terminal may do instead
"""

from narrator.messages import Level, Notice


class NarratorError(Exception):
    """A failure told in one plain `sentence`, fit to be spoken, with its `remedy`. `detail` is for the log only."""

    retryable = False

    def __init__(self, sentence: str, remedy: str = "", detail: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy
        self.detail = detail

    def notice(self, level: Level = Level.ERROR) -> Notice:
        """The same as a notice."""
        return Notice(level, self.sentence, self.remedy)


class UsageError(NarratorError):
    """The user asked for something that does not exist."""


class SourceError(NarratorError):
    """Pictures do not come."""


class SourceRefused(SourceError):
    """Trying again would not help."""


class SourceLost(SourceError):
    """Trying again may help."""

    retryable = True


class BackendError(NarratorError):
    """The describer gave no answer to this request; with the next picture it may.

    `told_from` is how many failures in a row it takes until the user hears of it.
    """

    told_from = 1
    is_final = False
    """Asked again about the same picture it would end the same: the next one is waited for."""
    is_billed = True
    """What was sent costs something although it ended like this, before a word came."""
    reopens = False
    """What the describer can do has changed with this: `open` tells it anew, without a `close` before."""


class AnswerCut(BackendError):
    """The answer broke off: whole clauses of it were good, the last one is not."""

    told_from = 3
    at_length = False
    """It had as many words as it may have, and was not cut by the line or by a deadline."""


class BackendBusy(BackendError):
    """The describer may answer later: after exactly `rest` seconds, or with back-off when that is 0."""

    retryable = True
    is_billed = False

    def __init__(self, sentence: str, remedy: str = "", detail: str = "", *, rest: float = 0.0) -> None:
        super().__init__(sentence, remedy, detail)
        self.rest = rest


class BackendRefused(BackendError):
    """The describer will not answer until the user has done something about it."""

    is_billed = False


class PartMissing(BackendRefused):
    """A package or a file that the describer needs is not installed."""


class VoiceError(NarratorError):
    """This voice cannot speak on this machine, as it is."""


class VoiceCrashed(VoiceError):
    """The voice's process ended while it spoke."""

    retryable = True


class DataFileDamaged(NarratorError):
    """A file that came with the program is missing or was changed."""


class SettingsUnusable(NarratorError):
    """The settings file cannot be read or written."""


class NoWindow(NarratorError):
    """There is no display, or a library for it is missing."""
