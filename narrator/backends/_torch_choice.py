"""Which checkpoint answers: a folder that the user named, a model that was fetched, or the best of those."""

from collections.abc import Mapping
from pathlib import Path

from narrator.models import store
from narrator.models.store import Installed
from narrator.seams import Value

ENGINE = "torch"
CONFIGURATION = "config.json"
"""The file that every checkpoint of transformers has."""
_NO_PATH = (OSError, RuntimeError, ValueError)
"""What the system says of a name too long, a folder that may not be entered, ~nobody, and a letter that no name has."""


def wanted(argument: str, options: Mapping[str, Value]) -> str:
    """What the user named, if anything."""
    return argument or str(options["torch.model"]).strip()


def chosen(argument: str, options: Mapping[str, Value]) -> Installed | None:
    """The checkpoint that answers; None when it is not on this machine."""
    name = wanted(argument, options)
    if not name:
        return store.preferred(ENGINE)
    return _own_folder(name) or store.locate(name, ENGINE)


def is_there(name: str) -> bool:
    """Whether something on this machine is called that, though it need not be a model."""
    try:
        return Path(name).expanduser().exists()
    except _NO_PATH:
        return False


def _own_folder(name: str) -> Installed | None:
    try:
        folder = Path(name).expanduser()
        if (folder / CONFIGURATION).is_file():
            return Installed(folder.name, ENGINE, folder, title=folder.resolve().name)
    except _NO_PATH:
        pass
    return None
