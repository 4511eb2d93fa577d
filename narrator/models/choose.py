"""Which files of a repository make a model: those that the catalogue names, or the fitting ones of a user's own."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from narrator.models import catalogue
from narrator.models.catalogue import MODEL, PROJECTOR, Model, WantedFile
from narrator.models.failures import ModelError, failure
from narrator.models.hub import HubFile, Listing
from narrator.models.splits import PART, missing_part
from narrator.models.store import is_plain_name

_QUANTISATIONS = ("Q4_K_M", "Q4_0", "Q4_K_S", "Q5_K_M", "Q8_0", "Q6_K", "IQ4_XS", "Q4_1", "F16", "BF16")
"""Which one of a repository is taken, the first that is there: small, and hardly worse than the whole."""
_PROJECTOR_QUANTISATIONS = ("Q8_0", "F16", "BF16", "F32")
_SMALL = 1_000_000_000
"""Bytes up to which the finer Q8_0 is taken: a small model suffers more from coarse numbers."""
_CHECKPOINT = (".safetensors", ".json", ".txt", ".model", ".jinja")
"""What a checkpoint needs; files that could run code when they are loaded (.bin, .pt, .py) are never fetched."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for: a model of the catalogue, or a repository with a quantisation or none."""

    name: str
    title: str
    repository: str
    revision: str = "main"
    quantisation: str = ""
    known: Model | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The files that make a model, and what each is for; `told_by` says who told the sha256 of all of them."""

    engine: str
    files: tuple[HubFile, ...]
    model: str = ""
    projector: str = ""
    told_by: str = "hub"


def requested(name: str) -> Request:
    """What a name means: an id of the catalogue, or OWNER/NAME, or OWNER/NAME:QUANTISATION, or the page of one.

    Raises `ModelError`.
    """
    name = _without_address(name.strip())
    known = catalogue.find(name)
    if known:
        return Request(known.id, known.title, known.repository, known.revision, known=known)
    repository, _, quantisation = name.partition(":")
    if repository.count("/") != 1:
        raise unknown("unknown_name", name)
    return Request(name, name, repository, quantisation=quantisation)


def _without_address(name: str) -> str:
    """OWNER/NAME of an address on the catalogue's hub, as it is copied from a browser; other names as they are."""
    hub = re.escape(catalogue.catalogue().hub.partition("://")[2])
    page = re.match(rf"(?:https?://)?(?:www\.)?{hub}/([^/?#]+/[^/?#]+)", name, re.IGNORECASE)
    return page[1] if page else name


def unknown(cause: str, name: str) -> ModelError:
    """The error for a name that means nothing, with the nearest that means something."""
    near = catalogue.nearest(name)
    return failure(cause, name=name, hint=f"Did you mean {near}? " if near else "")


def chosen(request: Request, listing: Listing, host: str) -> Choice:
    """The files to fetch. Raises `ModelError` when the repository does not hold them."""
    if request.known and request.known.files:
        choice = _named(request.known, listing, host)
    elif any(file.path.endswith(".gguf") for file in listing.files):
        choice = _gguf(request, listing)
    else:
        choice = _checkpoint(listing)
    names = [file.name for file in choice.files]
    if len(set(names)) != len(names) or not all(is_plain_name(name) for name in names):
        raise _nothing(listing, "its files have names that cannot be kept")
    if missing := missing_part(names):
        raise _nothing(listing, f"{missing} is missing")
    return choice


def _named(known: Model, listing: Listing, host: str) -> Choice:
    found = {wanted.role: _match(known, wanted, listing, host) for wanted in known.files}
    projector = found.get(PROJECTOR)
    files = tuple(file for file in (found[MODEL], projector) if file)
    told_by = "catalogue" if known.is_pinned else "hub"
    return Choice(known.engine, files, found[MODEL].name, projector.name if projector else "", told_by)


def _match(known: Model, wanted: WantedFile, listing: Listing, host: str) -> HubFile:
    matching = sorted((f for f in listing.files if fnmatchcase(f.name, wanted.name)), key=lambda file: file.path)
    if not matching:
        raise failure("no_file", host=host, file=wanted.name)
    file = matching[0]
    if not wanted.sha256:
        return file
    if file.sha256 not in ("", wanted.sha256) or file.size not in (-1, wanted.size):
        raise failure("not_ours", file.sha256, host=host, file=file.name, repository=known.repository)
    return replace(file, size=wanted.size, sha256=wanted.sha256)


def _gguf(request: Request, listing: Listing) -> Choice:
    files = [file for file in listing.files if file.path.endswith(".gguf")]
    projectors = [file for file in files if "mmproj" in file.name.lower()]
    texts = [file for file in files if file not in projectors and not file.name.startswith("mtp-")]
    if not projectors:
        raise _nothing(listing, "there is no mmproj file, so it cannot see")
    if not texts:
        raise _nothing(listing, "there is only a projector")
    first = _text(request.quantisation, texts, listing)
    projector = next(iter(_by_quantisation(projectors, _PROJECTOR_QUANTISATIONS)), projectors[0])
    return Choice("gguf", (*_all_parts(first, texts), projector), first.name, projector.name)


def _text(quantisation: str, texts: Sequence[HubFile], listing: Listing) -> HubFile:
    first_parts = [file for file in texts if not (part := PART.search(file.name)) or part[1] == "00001"]
    if not first_parts:
        raise _nothing(listing, "the first part of it is missing")
    if quantisation:
        matching = _by_quantisation(first_parts, (quantisation,))
        if not matching:
            raise _nothing(listing, f"there is no {quantisation}")
        return matching[0]
    fine = [file for file in _by_quantisation(first_parts, ("Q8_0",)) if 0 <= file.size <= _SMALL]
    smallest = sorted(first_parts, key=lambda file: file.size)
    return next(iter((*fine, *_by_quantisation(first_parts, _QUANTISATIONS), *smallest)))


def _by_quantisation(files: Iterable[HubFile], order: Sequence[str]) -> list[HubFile]:
    listed = sorted(files, key=lambda file: file.path)
    signs = [re.compile(rf"(?<![A-Z0-9]){re.escape(name.upper())}(?![A-Z0-9]|_[A-Z])") for name in order]
    return [file for sign in signs for file in listed if sign.search(file.name.upper())]


def _all_parts(first: HubFile, files: Sequence[HubFile]) -> tuple[HubFile, ...]:
    part = PART.search(first.path)
    if not part:
        return (first,)
    stem = PART.sub("", first.path)
    return tuple(sorted((f for f in files if PART.sub("", f.path) == stem), key=lambda file: file.path))


def _checkpoint(listing: Listing) -> Choice:
    top = [file for file in listing.files if "/" not in file.path]
    names = {file.name for file in top}
    if "config.json" not in names:
        raise _nothing(listing, "there is neither a GGUF file nor a config.json")
    if not any(name.endswith(".safetensors") for name in names):
        raise _nothing(listing, "its weights are not in safetensors")
    wanted = [f for f in top if f.name.endswith(_CHECKPOINT) and not f.name.startswith((".", "consolidated"))]
    return Choice("torch", tuple(wanted))


def _nothing(listing: Listing, reason: str) -> ModelError:
    return failure("nothing_fits", repository=listing.repository, reason=reason)
