"""Where fetched models lie, and what is there."""

from dataclasses import dataclass
from pathlib import Path

from narrator.settings import data_folder


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


def models_folder() -> Path:
    """Where fetched models lie, a folder each."""
    return data_folder() / "models"


def installed(engine: str = "") -> tuple[Installed, ...]:
    """The models that are whole, by name; of one engine or of all."""
    raise NotImplementedError


def locate(name: str, engine: str) -> Installed | None:
    """A model by its name in the catalogue or its own; None when it is not here."""
    return next((model for model in installed(engine) if model.name == name), None)
