"""Where fetched models lie, and what is there: a folder each, with a record that is written when the model is whole."""

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from narrator.models.lock import only_one
from narrator.privacy.files import write_private
from narrator.settings import data_folder

_log = logging.getLogger(__name__)
_RECORD, _REQUESTED = ".record.json", ".name"
"""No file that is fetched or taken in can have these names: none of those may begin with a dot."""
ENGINES = ("gguf", "torch")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,200}")
"""What a file of a model may be called: a name that stays inside its folder on every system."""
_PLAIN_FOLDER = re.compile(r"[a-z0-9_][a-z0-9._-]{0,79}(?<!\.)")
"""A name that can be that of a folder on every system, also where capitals count as small letters."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A model on this machine. `engine` is "gguf" or "torch"; for gguf `model` and `projector` are files.

    For torch `model` is the folder of the checkpoint and there is no projector.
    """

    name: str
    engine: str
    model: Path
    projector: Path | None = None
    title: str = ""
    size: int = 0
    """Bytes of all its files."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a model as it was when it came: bytes, sha256 in hex, and who said that it has this sha256.

    `told_by` is "catalogue", "hub", or "itself" for a file that nobody vouched for: later changes show, earlier do not.
    """

    name: str
    size: int
    sha256: str
    told_by: str = "itself"


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a model beside its files; `model` and `projector` are names of files, empty for none."""

    name: str
    engine: str
    title: str
    files: tuple[KeptFile, ...]
    model: str = ""
    projector: str = ""
    repository: str = ""
    revision: str = ""
    licence: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def models_folder() -> Path:
    """Where fetched models lie, a folder each."""
    return data_folder() / "models"


def folder_of(name: str) -> Path:
    """The folder of a model, whether it is there or not; no two names have the same."""
    if _PLAIN_FOLDER.fullmatch(name):
        return models_folder() / name
    readable = re.sub(r"[^A-Za-z0-9._-]+", "--", name).lstrip(".")[:60]
    return models_folder() / f"{readable}@{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def installed(engine: str = "") -> tuple[Installed, ...]:
    """The models that are whole, by name; of one engine or of all. Only names and sizes of files are looked at."""
    found = [_installed(folder, record) for folder, record in _records() if _is_whole(folder, record)]
    return tuple(sorted((model for model in found if engine in ("", model.engine)), key=lambda model: model.name))


def locate(name: str, engine: str) -> Installed | None:
    """A model by its name in the catalogue or its own; None when it is not here."""
    return next((model for model in installed(engine) if model.name == name), None)


def preferred(engine: str) -> Installed | None:
    """The model of an engine that answers when none is named; None when there is none."""
    here = installed(engine)
    if len(here) < 2:
        return here[0] if here else None
    from narrator.models import machine, recommend  # looks for a GPU, which takes a moment

    return recommend.best_installed(here, machine.first_look())


def records() -> tuple[Record, ...]:
    """What was kept of every model, by name, even if files of it are gone since."""
    return tuple(sorted((record for _, record in _records()), key=lambda record: record.name))


def record_of(name: str) -> Record | None:
    """What was kept of a model when it came, even if files of it are gone since."""
    return next((record for _, record in _records() if record.name == name), None)


def begin(name: str) -> None:
    """Make the folder of a model that is to be fetched, and note its name there. Raises `OSError`."""
    folder = folder_of(name)
    folder.mkdir(parents=True, exist_ok=True)
    write_private(folder / _REQUESTED, name)
    (folder / _RECORD).unlink(missing_ok=True)


def keep(record: Record) -> Installed:
    """Write the record of a model whose files lie in its folder: from now on it counts as here. Raises `OSError`."""
    folder = folder_of(record.name)
    write_private(folder / _RECORD, json.dumps(asdict(record), indent=1) + "\n")
    (folder / _REQUESTED).unlink(missing_ok=True)
    return _installed(folder, record)


def forget(name: str) -> int:
    """Delete a model, also one that is only half here: the bytes that became free.

    Raises `OSError`, and `ModelError` while another copy of the program works on it.
    """
    folder = _place(name)
    with only_one(folder, name):
        freed = 0 if _is_link(folder) else sum(path.lstat().st_size for path in _files_in(folder) if _is_alone(path))
        wipe(folder)
    return freed


def wipe(folder: Path) -> None:
    """Delete the folder of a model, which the caller holds; of a link only the link. Raises `OSError`."""
    if _is_link(folder):
        folder.unlink()
        return
    with suppress(FileNotFoundError):
        (folder / _RECORD).unlink()  # first: a deletion that breaks off leaves no model that seems whole
    shutil.rmtree(folder)


def is_shared(name: str) -> bool:
    """Whether files of a model are the user's own at the same time, and stay when it is deleted."""
    folder = _place(name)
    return _is_link(folder) or not all(_is_alone(path) for path in _files_in(folder))


def half_fetched() -> tuple[str, ...]:
    """The names of models that are not whole; of a folder that nobody knows, its own name."""
    return tuple(sorted(_name_of(folder) for folder in _folders() if _record_in(folder) is None))


def left_over() -> tuple[str, ...]:
    """Those of `half_fetched` that no download can go on with."""
    return tuple(name for name in half_fetched() if not _is_begun(_place(name)))


def is_left_over(name: str) -> bool:
    """Whether there is a folder for a model of this name, but no model."""
    folder = _place(name)
    return folder.is_dir() and _record_in(folder) is None


def is_plain_name(name: str) -> bool:
    """Whether a file of a model may have this name."""
    return bool(_PLAIN_NAME.fullmatch(name)) and not name.endswith((".part", "."))


def _folders() -> list[Path]:
    try:
        return sorted(folder for folder in models_folder().iterdir() if folder.is_dir() and folder.name[0] != ".")
    except OSError:
        return []


def _files_in(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.is_dir()]
    except OSError:
        return []


def _is_alone(path: Path) -> bool:
    """Whether deleting it deletes its contents."""
    return path.lstat().st_nlink == 1


def _is_link(folder: Path) -> bool:
    try:
        folder.readlink()  # tells of a junction of Windows, too
    except OSError:
        return False
    return True


def _place(name: str) -> Path:
    """The folder of a model that is here, or half here."""
    return next((folder for folder in _folders() if name in (_name_of(folder), folder.name)), folder_of(name))


def _name_of(folder: Path) -> str:
    """The name of the model that a folder is for; that of the folder when nobody noted it."""
    if record := _record_in(folder):
        return record.name
    return _requested(folder) or folder.name


def _requested(folder: Path) -> str:
    try:
        name = (folder / _REQUESTED).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    return name if folder_of(name) == folder else ""


def _is_begun(folder: Path) -> bool:
    return bool(_requested(folder)) or any(folder.glob("*.part"))


def _records() -> Iterator[tuple[Path, Record]]:
    for folder in _folders():
        if record := _record_in(folder):
            yield folder, record


def _record_in(folder: Path) -> Record | None:
    record = _read(folder / _RECORD)
    return record if record is not None and folder_of(record.name) == folder else None


def _read(path: Path) -> Record | None:
    try:
        return _record(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        _log.warning("%s cannot be used: %s", path, error)
        return None


def _record(table: dict[str, Any]) -> Record:
    files = tuple(KeptFile(**entry) for entry in table.pop("files"))
    record = Record(files=files, **table)
    texts = (record.name, record.title, record.repository, *(file.sha256 for file in files))
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(file.size, int) for file in files):
        raise TypeError("a text or a size that is none")
    names = [file.name for file in files]
    if record.engine not in ENGINES or not all(is_plain_name(name) for name in names):
        raise ValueError("an engine or a name of a file that cannot be")
    if not {record.model, record.projector} <= {"", *names}:
        raise ValueError("a model that is none of its files")
    return record


def _is_whole(folder: Path, record: Record) -> bool:
    try:
        return all((folder / file.name).stat().st_size == file.size for file in record.files)
    except OSError:
        return False


def _installed(folder: Path, record: Record) -> Installed:
    return Installed(
        record.name,
        record.engine,
        folder / record.model if record.model else folder,
        folder / record.projector if record.projector else None,
        record.title or record.name,
        record.size,
    )
