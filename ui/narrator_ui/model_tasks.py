"""What the window can have done to models, each as a task for an errand."""

from collections.abc import Callable, Sequence
from pathlib import Path

from narrator.errors import NarratorError
from narrator.mailbox import Cancel
from narrator.models import store
from narrator.models.failures import ModelError, failure
from narrator.models.progress import Progress
from narrator.models.sizes import in_words
from narrator_ui.model_errand import Task
from narrator_ui.model_shelf import Entry

TellProgress = Callable[[Progress], None]


def download(entry: Entry, *, is_offline: bool) -> Task:
    """Fetch a model from the hub; what an earlier try brought is not fetched again."""

    def work(tell: TellProgress, cancelled: Cancel) -> str:
        from narrator.models.address import Hub
        from narrator.models.download import get  # brings the network's packages

        if get(entry.name, tell, cancelled, Hub.at(offline=is_offline)) is None:
            return f"Stopped. What came of {entry.title} is kept; Download goes on from there."
        record = store.record_of(entry.name)
        unproven = [file.name for file in record.files if file.told_by == "itself"] if record else []
        if unproven:
            return f"{entry.title} is here. Nobody vouches for {', '.join(unproven)}: from now on changes show."
        return f"{entry.title} is here, and every file is what it should be."

    return Task(entry.name, f"Downloading {entry.title}", work, is_download=True)


def named(name: str) -> Entry:
    """A model that the user named: OWNER/NAME on the hub, or one of the catalogue. Raises `ModelError`."""
    from narrator.models.choose import requested  # brings the network's packages

    request = requested(name)
    return Entry(request.name, request.title, "", request.known)


def check(entry: Entry) -> Task:
    """Compare the files of a model with what they were."""

    def work(tell: TellProgress, cancelled: Cancel) -> str:
        from narrator.models.checking import verify

        verdicts = verify(entry.name, tell, cancelled)
        for verdict in verdicts:
            if verdict.flaw:
                sentence = f"{entry.title} is damaged: {verdict.file} is {verdict.flaw}."
                raise NarratorError(sentence, "Remove the model, then download it again.")
        return "The check was stopped." if cancelled else f"{entry.title} is whole: every file is what it was."

    return Task(entry.name, f"Checking {entry.title}", work)


def remove(entry: Entry) -> Task:
    """Delete a model, or what came of it."""

    def work(_: TellProgress, __: Cancel) -> str:
        try:
            freed = store.forget(entry.name)
        except OSError as error:
            raise failure("not_writable", str(error), folder=store.folder_of(entry.name)) from error
        return f"{entry.title} is removed; {in_words(freed)} are free again."

    return Task(entry.name, f"Removing {entry.title}", work)


def add(paths: Sequence[Path]) -> Task:
    """Take in a model of the user's own."""

    def work(tell: TellProgress, cancelled: Cancel) -> str:
        from narrator.models.bring import bring

        model = bring(paths, tell, cancelled)
        return f"{model.title} is here." if model else "Stopped. Nothing was added."

    return Task("", f"Adding {paths[0].name}", work)


def try_token(*, is_offline: bool) -> str:
    """Ask the hub whether it knows the user's token: a sentence that it does. Raises `NarratorError`."""
    from narrator.models.address import Hub
    from narrator.models.download import try_token

    try:
        return try_token(Hub.at(offline=is_offline))
    except ModelError as error:
        raise NarratorError(error.sentence, error.in_window, error.detail) from error


def told(outcome: str | NarratorError) -> str:
    """How a task ended, in sentences."""
    if isinstance(outcome, str):
        return outcome
    return f"{outcome.sentence} {remedy_of(outcome)}".rstrip()


def remedy_of(error: NarratorError) -> str:
    """What to do about it here, where there are buttons in place of commands."""
    return error.in_window if isinstance(error, ModelError) else error.remedy
