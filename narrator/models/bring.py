"""Takes files of the user's own into the folder of models: as hard links where that can be, else as copies."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from narrator.mailbox import Cancel
from narrator.models import gguf_header, store
from narrator.models.contents import require_whole
from narrator.models.failures import failure
from narrator.models.lock import not_writable, only_one
from narrator.models.parts import FULL
from narrator.models.progress import CHECKING, COPYING, Meter, Progress, Step
from narrator.models.sizes import in_words
from narrator.models.splits import PART, missing_part
from narrator.models.store import Installed, KeptFile, Record

_PIECE = 1 << 20
_CHECKPOINT = (".safetensors", ".json", ".txt", ".model", ".jinja")


@dataclass(frozen=True, slots=True)
class _Found:
    """Files that are one model."""

    engine: str
    name: str
    title: str
    files: tuple[Path, ...]
    model: str = ""
    projector: str = ""
    licence: str = ""


def bring(paths: Sequence[Path], tell: Callable[[Progress], None], cancelled: Cancel) -> Installed | None:
    """Take in one model: GGUF files, or a folder with them or with a checkpoint; None when cancelled.

    What was given stays where it is. Raises `ModelError`.
    """
    try:
        found = _found(paths)
    except OSError as error:
        name = Path(error.filename or paths[0]).name[:80]
        raise failure("not_readable", str(error), path=name) from error
    folder = store.folder_of(found.name)
    with only_one(folder, found.title):
        if os.path.lexists(folder):
            raise failure("taken", name=found.name)
        return _kept(found, folder, tell, cancelled)


def _kept(found: _Found, folder: Path, tell: Callable[[Progress], None], cancelled: Cancel) -> Installed | None:
    """The model, or nothing of it."""
    try:
        folder.mkdir()
        return _brought(found, folder, tell, cancelled)
    except OSError as error:
        if error.errno in FULL:
            raise failure("full_of_copies", str(error), title=found.title) from error
        raise not_writable(folder, error) from error
    finally:
        if store.record_of(found.name) is None:
            with suppress(OSError):
                store.wipe(folder)


def _brought(found: _Found, folder: Path, tell: Callable[[Progress], None], cancelled: Cancel) -> Installed | None:
    meter, kept = Meter(found.title), list[KeptFile]()
    for step in _taken(found, folder, kept):
        if cancelled:
            return None
        if progress := meter.take(step):
            tell(progress)
    files = tuple(kept)
    return store.keep(
        Record(found.name, found.engine, found.title, files, found.model, found.projector, licence=found.licence)
    )


def _found(paths: Sequence[Path]) -> _Found:
    for path in paths:
        if not path.exists():
            raise failure("no_path", path=path)
    if len(paths) == 1 and paths[0].is_dir():
        inside = sorted(path for path in paths[0].iterdir() if path.is_file())
        if any(path.name == "config.json" for path in inside):
            return _checkpoint(paths[0], inside)
        paths = [path for path in inside if path.suffix == ".gguf"]
        if not paths:
            raise failure("not_gguf", path=inside[0].parent.name if inside else "The folder")
    return _gguf(list(paths))


def _checkpoint(folder: Path, inside: Sequence[Path]) -> _Found:
    files = tuple(path for path in inside if path.name.endswith(_CHECKPOINT) and not path.name.startswith("."))
    if not any(path.suffix == ".safetensors" for path in files):
        raise failure("nothing_fits", repository=folder.name, reason="its weights are not in safetensors")
    if missing := missing_part([path.name for path in files]):
        raise failure("part_missing", file=missing)
    for path in files:
        require_whole(path)
    name = folder.resolve().name
    return _Found("torch", _plain(name), name, _plain_names(files, folder.name))


def _gguf(paths: list[Path]) -> _Found:
    headers = {path: gguf_header.read(path) for path in paths if path.is_file()}
    if len(headers) < len(paths):
        raise failure("not_gguf", path=next(path.name for path in paths if path not in headers))
    models = [path for path in paths if not headers[path].is_projector]
    projectors = [path for path in paths if headers[path].is_projector]
    if not models:
        raise failure("only_projector", path=projectors[0].name)
    first, parts = models[0], _parts_of(models[0])
    if len(projectors) > 1 or any(model not in parts for model in models):
        raise failure("too_many")
    projector = projectors[0] if projectors else _projector_beside(first)
    stem, header = PART.sub("", first.name).removesuffix(".gguf"), headers[first]
    files = _plain_names((*parts, projector), first.name)
    return _Found("gguf", _plain(stem), header.name or stem, files, parts[0].name, projector.name, header.licence)


def _parts_of(path: Path) -> list[Path]:
    """All files of a model that was cut into several; mostly the one."""
    if not PART.search(path.name):
        return [path]
    stem = PART.sub("", path.name)
    parts = sorted(other for other in path.parent.glob("*.gguf") if PART.sub("", other.name) == stem)
    if missing := missing_part([part.name for part in parts]):
        raise failure("part_missing", file=missing)
    for part in parts:
        require_whole(part)
    return parts


def _projector_beside(model: Path) -> Path:
    near = [path for path in sorted(model.parent.glob("*.gguf")) if "mmproj" in path.name.lower()]
    if len(near) != 1:
        raise failure("no_projector", f"{len(near)} beside it", path=model.name)
    gguf_header.read(near[0])
    return near[0]


def _plain_names(files: Sequence[Path], shown: str) -> tuple[Path, ...]:
    names = {path.name for path in files}
    if len(names) < len(files) or not all(store.is_plain_name(name) for name in names):
        raise failure("nothing_fits", repository=shown, reason="its files have names that cannot be kept")
    return tuple(files)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.") or "model"


def _taken(found: _Found, folder: Path, kept: list[KeptFile]) -> Iterator[Step]:
    total, done = sum(path.stat().st_size for path in found.files), 0
    _require_room(found, folder, total)
    for path in found.files:
        digest = hashlib.sha256()
        for size in _put(path.resolve(), folder / path.name, digest.update):
            done += abs(size)
            yield Step(done, total, COPYING if size < 0 else CHECKING)
        kept.append(KeptFile(path.name, (folder / path.name).stat().st_size, digest.hexdigest()))


def _put(source: Path, target: Path, count: Callable[[bytes], None]) -> Iterator[int]:
    """Link or copy a file, and read all of it: sizes of pieces, negative for those that were copied."""
    try:
        os.link(source, target)
    except OSError:  # another disk, or one that knows no links
        yield from _copied(source, target, count)
        return
    with target.open("rb") as file:
        while piece := file.read(_PIECE):
            count(piece)
            yield len(piece)


def _copied(source: Path, target: Path, count: Callable[[bytes], None]) -> Iterator[int]:
    with source.open("rb") as whole, target.open("xb") as copy:
        while piece := whole.read(_PIECE):
            copy.write(piece)
            count(piece)
            yield -len(piece)


def _require_room(found: _Found, folder: Path, total: int) -> None:
    if found.files[0].resolve().stat().st_dev == folder.stat().st_dev:
        return
    free = shutil.disk_usage(folder).free
    if total > free:
        needed, left = in_words(total), in_words(free)
        raise failure("no_room", title=found.title, needed=needed, free=left, folder=folder)
