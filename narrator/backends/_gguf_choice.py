"""Which GGUF files are meant: by a path, by the name of a model that was fetched, or the best of those."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from narrator import installing
from narrator.engines.failures import failure
from narrator.errors import BackendError
from narrator.models import store
from narrator.seams import Value

_log = logging.getLogger(__name__)
_ENGINES = {"xllamacpp": "xllamacpp", "llama-cpp-python": "llama_cpp"}
"""The engines and what is imported of them, the better one first."""
_COMMANDS = {"xllamacpp": "local", "llama-cpp-python": "llama-cpp-python"}
_SUFFIX = ".gguf"
_PROJECTOR = "mmproj"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Two files and what a sentence calls the model."""

    title: str
    model: Path
    projector: Path


def chosen(argument: str, options: Mapping[str, Value]) -> Chosen:
    """What `argument`, else `gguf.model`, means.

    `gguf.projector` belongs to the model of that setting; without one, to a file that is named in the argument. Raises
    `BackendError`.
    """
    named = str(options["gguf.model"]).strip()
    name = argument.strip() or named
    given = str(options["gguf.projector"]).strip()
    if not name:
        model = store.preferred("gguf")
        if model is None:
            raise failure("no_model", title="llama.cpp", setting="gguf.model")
        return _with_projector(model, "")
    fetched = store.locate(name, "gguf")
    is_its_own = name == named or (not named and fetched is None)
    return _with_projector(fetched or _of_path(name), given if is_its_own else "")


def _with_projector(model: store.Installed, given: str) -> Chosen:
    return Chosen(model.title or model.name, model.model, _projector(model, given))


def engine(options: Mapping[str, Value]) -> str:
    """The engine that is to be used: the one that was chosen, else the better of those installed.

    Raises `BackendError` when it is not installed.
    """
    wanted = str(options["gguf.engine"])
    names = [wanted] if wanted in _ENGINES else list(_ENGINES)
    found = [name for name in names if find_spec(_ENGINES[name]) is not None]
    if not found:
        raise failure("part_missing", command=f"Install it: {installing.command(_COMMANDS[names[0]])}")
    return found[0]


def title(argument: str, options: Mapping[str, Value]) -> str:
    """The title of the model that would answer; empty when there is none, or no engine for it."""
    try:
        engine(options)
        return chosen(argument, options).title
    except (BackendError, OSError, ValueError) as error:
        _log.debug("No model for llama.cpp: %s", error)
        return ""


def _of_path(name: str) -> store.Installed:
    path = Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser raises for an unknown user
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
        models = [file for file in _beside(path) if _PROJECTOR not in file.name.lower()]
        if len(models) != 1:
            raise failure("model_missing", f"{len(models)} models in {path}", model=path.name)
        path = models[0]
    if not os.path.isfile(path):  # noqa: PTH113 - the same
        raise failure("model_missing", str(path), model=path.name or name)
    return store.Installed(path.stem, "gguf", path.absolute(), title=path.stem)


def _projector(model: store.Installed, given: str) -> Path:
    if given:
        path = Path(os.path.expanduser(given))  # noqa: PTH111 - the same
        if not os.path.isfile(path):  # noqa: PTH113 - the same
            raise failure("projector_missing", str(path), model=model.title or model.name)
        return path.absolute()
    if model.projector is not None:
        return model.projector
    beside = [path for path in _beside(model.model.parent) if _PROJECTOR in path.name.lower()]
    if len(beside) != 1:
        raise failure("projector_missing", f"{len(beside)} beside it", model=model.title or model.name)
    return beside[0]


def _beside(folder: Path) -> list[Path]:
    """The models and projectors in a folder; none where it cannot be looked into."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() == _SUFFIX and path.is_file())
    except (OSError, ValueError) as error:
        _log.info("%s cannot be looked into: %s", folder, error)
        return []
