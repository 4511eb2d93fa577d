"""What is known of models that run on this machine, from `resources/catalogue/local.toml`."""

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from narrator.errors import DataFileDamaged
from narrator.resources import resource

_FILE = "catalogue/local.toml"
_ROOM_MB = {"gguf": 800, "torch": 1500}
"""Memory beside the weights: context, buffers and the engine itself. For llama.cpp 0.5-1 GB, an estimate."""
MODEL, PROJECTOR = "model", "projector"
"""What a file of a model is for."""


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A file of a model. With a `sha256` all of it is binding; without, `name` may be a pattern and `size` is rounded.

    `size` is in bytes, 0 when nothing is known.
    """

    name: str
    role: str = MODEL
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the catalogue. `files` is empty for a whole checkpoint for torch."""

    id: str
    title: str
    engine: str
    repository: str
    rank: int
    family: str
    languages: tuple[str, ...]
    licence: str
    vision: int
    """Millions of parameters of the part that sees."""
    text: int
    """Millions of parameters that work on each token of text."""
    patches: int
    tokens: int
    """What a picture, as the program sends it, comes to before and behind the part that sees."""
    files: tuple[WantedFile, ...] = ()
    revision: str = "main"
    gated: bool = False
    """The hub gives it only to those who accepted its terms, and gave their token."""
    download_mb: int = 0
    memory_mb: int = 0
    """What it takes when loaded: of the graphics card, or of the machine."""

    @property
    def is_pinned(self) -> bool:
        """Whether the catalogue itself knows every file by its sha256."""
        return bool(self.files) and all(file.sha256 for file in self.files)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every model by id, and the address where they are fetched from."""

    models: dict[str, Model]
    hub: str


@cache
def catalogue() -> Catalogue:
    """Raises `DataFileDamaged`."""
    try:
        table = tomllib.loads(resource(_FILE).read_text(encoding="utf-8"))
        models = [_model(entry) for entry in table["models"]]
        return Catalogue({model.id: model for model in models}, table["hub"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        sentence = f"The program's file {_FILE} cannot be read."
        raise DataFileDamaged(sentence, "Install Scene Narrator again.", str(error)) from error


def find(name: str) -> Model | None:
    """The model with this id; None when the catalogue has none."""
    return catalogue().models.get(name.lower())


def nearest(name: str) -> str:
    """The id that looks most like a mistyped one; empty when none does."""
    return next(iter(get_close_matches(name.lower(), catalogue().models, 1, 0.5)), "")


def _model(entry: dict[str, Any]) -> Model:
    files = tuple(WantedFile(**file) for file in entry.pop("files", ()))
    weights_mb = entry.pop("download_mb", 0) or round(sum(file.size for file in files) / 1e6)
    memory_mb = entry.pop("memory_mb", 0) or weights_mb + _ROOM_MB[entry["engine"]]
    languages = tuple(entry.pop("languages"))
    return Model(**entry, files=files, languages=languages, download_mb=weights_mb, memory_mb=memory_mb)
