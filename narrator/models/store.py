"""Where fetched models lie, and what is there: a folder each, with a record that is written when the model is whole."""

import json
import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from narrator.privacy.files import write_private
from narrator.settings import data_folder

_log = logging.getLogger(__name__)
_RECORD = "model.json"
ENGINES = ("gguf", "torch")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,200}")
"""What a file of a model may be called: a name that stays inside its folder on every system."""


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
    """The folder of a model, whether it is there or not."""
    return models_folder() / (re.sub(r"[^A-Za-z0-9._-]+", "--", name).lstrip(".") or "model")


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


def record_of(name: str) -> Record | None:
    """What was kept of a model when it came, even if files of it are gone since."""
    return next((record for _, record in _records() if record.name == name), None)


def keep(record: Record) -> Installed:
    """Write the record of a model whose files lie in its folder: from now on it counts as here. Raises `OSError`."""
    folder = folder_of(record.name)
    write_private(folder / _RECORD, json.dumps(asdict(record), indent=1) + "\n")
    return _installed(folder, record)


def forget(name: str) -> int:
    """Delete a model, also one that is only half here: the bytes that became free. Raises `OSError`."""
    folder = folder_of(name)
    freed = sum(path.lstat().st_size for path in _files_in(folder))
    with suppress(FileNotFoundError):
        (folder / _RECORD).unlink()  # first: a deletion that breaks off leaves no model that seems whole
    shutil.rmtree(folder)
    return freed


def half_fetched() -> tuple[str, ...]:
    """The folders of models whose download has not ended."""
    return tuple(
        sorted(folder.name for folder in _folders() if any(folder.glob("*.part")) and not (folder / _RECORD).exists())
    )


def is_left_over(name: str) -> bool:
    """Whether there is a folder for a model of this name, but no model."""
    folder = folder_of(name)
    return folder.is_dir() and _read(folder / _RECORD) is None


def is_plain_name(name: str) -> bool:
    """Whether a file of a model may have this name."""
    return bool(_PLAIN_NAME.fullmatch(name)) and not name.endswith((".part", "."))


def _folders() -> list[Path]:
    try:
        return sorted(folder for folder in models_folder().iterdir() if folder.is_dir())
    except OSError:
        return []


def _files_in(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.is_dir()]
    except OSError:
        return []


def _records() -> Iterator[tuple[Path, Record]]:
    for folder in _folders():
        record = _read(folder / _RECORD)
        if record is not None and folder_of(record.name) == folder:
            yield folder, record


def _read(path: Path) -> Record | None:
    try:
        return _record(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        _log.warning("%s cannot be used: %s", path, error)
        return None


def _record(table: dict[str, Any]) -> Record:
    files = tuple(KeptFile(**entry) for entry in table.pop("files"))
    record = Record(files=files, **table)
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
