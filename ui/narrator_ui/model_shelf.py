"""The models that run on this computer, here or to be fetched, as the window tells of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec

from narrator import installing, registry
from narrator.models import recommend, store
from narrator.models.catalogue import Model, catalogue
from narrator.models.machine import Machine, look
from narrator.models.recommend import Fit, Speed
from narrator.models.sizes import in_words
from narrator.models.store import Installed, Record

_LICENCES: Mapping[str, str] = {
    "apache-2.0": "Apache 2.0: free for any use, paid work too",
    "mit": "MIT: free for any use, paid work too",
    "gemma terms of use": "Gemma terms of use: free, paid work too, but some uses are forbidden; read them",
    "gemma": "Gemma terms of use: free, paid work too, but some uses are forbidden; read them",
    "qwen research (not for commercial use)": "Qwen Research: free for research and for yourself, not for paid work",
    "llama 3 community licence": "Llama 3 community licence: free, paid work too, with conditions; read them",
    "llama3": "Llama 3 community licence: free, paid work too, with conditions; read them",
}
"""By the name that catalogue or hub give a licence, in lower case."""
_ENGINES: Mapping[str, tuple[str, ...]] = {"gguf": ("xllamacpp", "llama_cpp"), "torch": ("torch",)}
"""What is imported to run a model, any one of them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One model: known of the catalogue, here, both, half here, or here and damaged."""

    name: str
    title: str
    engine: str
    known: Model | None = None
    fit: Fit | None = None
    here: Installed | None = None
    is_half: bool = False
    is_recommended: bool = False
    is_chosen: bool = False
    licence: str = ""
    is_damaged: bool = False
    """Files of it are gone, or of another size than when they came."""

    @property
    def repository(self) -> str:
        """Where it comes from on the hub; empty for one that the user took in."""
        if self.known is not None:
            return self.known.repository
        return self.name.partition(":")[0] if "/" in self.name else ""

    @property
    def is_to_fetch(self) -> bool:
        """Whether a download can bring it, or the rest of it."""
        return self.here is None and bool(self.repository)

    @property
    def is_too_big(self) -> bool:
        return self.fit is not None and self.fit.speed is Speed.TOO_BIG

    @property
    def is_kept(self) -> bool:
        """Whether it was whole once and lies here, in whatever state."""
        return self.here is not None or self.is_damaged

    @property
    def is_gated(self) -> bool:
        """Its terms must be accepted before it can be fetched."""
        return self.known is not None and self.known.gated


@dataclass(frozen=True, slots=True)
class Shelf:
    """All models, the recommended one first, and what is said of this computer and of the choice."""

    entries: tuple[Entry, ...]
    machine: Machine
    advice: str


def read(chosen: str = "") -> Shelf:
    """Look at this computer and at what is here; takes some tenths of a second. Raises `DataFileDamaged`.

    `chosen` is the name of the model that describes, if one does.
    """
    machine = look()
    advice = recommend.advise(machine)
    here = {model.name: model for model in store.installed()}
    half = set(store.half_fetched())
    damaged = {record.name: record for record in store.records() if record.name not in here}
    best = advice.model.id if advice.model else ""
    known = [_known(model, machine, here, half, best) for model in catalogue().models.values()]
    known = [replace(entry, is_damaged=entry.name in damaged) for entry in known]
    names = {entry.name for entry in known}
    own = [_own(model) for name, model in here.items() if name not in names]
    own += [_damaged(record) for name, record in damaged.items() if name not in names]
    folders = {store.folder_of(name).name for name in (*names, *here)}
    torn = [Entry(name, name, "", is_half=True) for name in sorted(half - folders)]
    told = "No model fits. The built-in describer needs none."
    if advice.model:
        told = f"Recommended: {advice.model.title}."
    entries = (*sorted(known, key=_order), *own, *torn)
    marked = tuple(replace(entry, is_chosen=entry.name == chosen and entry.is_kept) for entry in entries)
    return Shelf(marked, machine, f"{told} {advice.reason}")


def about_machine(machine: Machine) -> str:
    """What this computer has for a model, in a sentence."""
    memory = f"{in_words(machine.free_ram_mb * 1e6)} of {in_words(machine.ram_mb * 1e6)} of memory are free"
    cores = f"{machine.cores} processor core{'' if machine.cores == 1 else 's'}"
    if machine.gpu is None:
        return f"This computer: {memory}, {cores}, and no graphics card that can be asked."
    card = f"{in_words(machine.gpu.free_mb * 1e6)} of {in_words(machine.gpu.total_mb * 1e6)} are free"
    return f"This computer: {memory}, {cores}; on the graphics card {machine.gpu.name} {card}."


def row(entry: Entry) -> str:
    """A model in one short line."""
    parts = [entry.title]
    if entry.is_recommended:
        parts.append("recommended")
    parts += [place(entry), *((_shortly(entry.fit),) if entry.fit else ()), size(entry)]
    return "  ·  ".join(part for part in parts if part)


def spoken(entry: Entry) -> str:
    """All that counts of a model, for who hears the list."""
    recommended = ", recommended" if entry.is_recommended else ""
    return " ".join((f"{entry.title}{recommended}.", *(line for _, line in facts(entry))))


def facts(entry: Entry) -> list[tuple[str, str]]:
    """What is known of a model, each fact with its name, as sentences."""
    found = [("Here", f"{place(entry).capitalize()}.") if place(entry) else ("Here", "Not on this computer yet.")]
    if entry.fit:
        found.append(("Speed", f"{_at_length(entry.fit).capitalize()}."))
    if entry.known:
        found.append(("Size", f"Download {size(entry)}, memory about {in_words(entry.known.memory_mb * 1e6)}."))
        found.append(("Languages", f"{', '.join(entry.known.languages)}."))
    elif size(entry):
        found.append(("Size", f"{size(entry)} on the disk."))
    if entry.licence:
        found.append(("Licence", f"{_LICENCES.get(entry.licence.lower(), entry.licence)}."))
    if entry.is_gated:
        found.append(("Terms", "You must accept its maker's terms before it can be downloaded."))
    if remedy := engine_missing(entry.engine):
        found.append(("Needs", remedy))
    return found


def place(entry: Entry) -> str:
    """Whether it is here."""
    if entry.here:
        return "on this computer, chosen" if entry.is_chosen else "on this computer"
    if entry.is_damaged:
        return "damaged: a file is gone or has changed"
    return "partly downloaded" if entry.is_half else ""


def size(entry: Entry) -> str:
    """What there is to download, or what lies on the disk; rounded where the catalogue does not know it exactly."""
    if entry.here:
        return in_words(entry.here.size)
    if entry.known is None:
        return ""
    rough = "" if entry.known.is_pinned else "about "
    return f"{rough}{in_words(entry.known.download_mb * 1e6)}"


def engine_missing(engine: str) -> str:
    """What to install so that models of this kind can run; empty when nothing is missing."""
    if any(find_spec(module) is not None for module in _ENGINES.get(engine, ("sys",))):
        return ""
    extra = registry.spec_of("backends", engine).extra
    return f"The part of the program that runs it is not installed: {installing.command(extra)}"


def _known(model: Model, machine: Machine, here: Mapping[str, Installed], half: set[str], best: str) -> Entry:
    return Entry(
        model.id,
        model.title,
        model.engine,
        model,
        recommend.fit(model, machine),
        here.get(model.id),
        store.folder_of(model.id).name in half,
        model.id == best,
        licence=model.licence,
    )


def _own(model: Installed) -> Entry:
    record = store.record_of(model.name)
    return Entry(model.name, model.title, model.engine, here=model, licence=record.licence if record else "")


def _damaged(record: Record) -> Entry:
    return Entry(record.name, record.title or record.name, record.engine, licence=record.licence, is_damaged=True)


def _order(entry: Entry) -> tuple[bool, bool, bool, float, int]:
    """The recommended one, then those that are here, then by how long a picture takes; what does not fit comes last."""
    assert entry.fit is not None
    assert entry.known is not None
    is_here = entry.is_kept or entry.is_half
    return not entry.is_recommended, not is_here, entry.is_too_big, entry.fit.seconds, entry.known.memory_mb


def _shortly(fit: Fit) -> str:
    if fit.speed is Speed.TOO_BIG:
        return "too big"
    speed = "only for questions" if fit.speed is Speed.QUESTIONS else str(fit.speed)
    return f"{speed}, {_seconds(fit)} a picture" if fit.seconds else speed


def _at_length(fit: Fit) -> str:
    if fit.speed is Speed.TOO_BIG:
        return "it does not fit into the memory of this computer that is free now"
    words = {
        Speed.LIVE: "fast enough to describe live",
        Speed.SLOW: "slow: what it tells comes late",
        Speed.QUESTIONS: "too slow to narrate, good for questions",
    }[fit.speed]
    if fit.on_gpu:
        return f"{words}, on the graphics card; this was not measured"
    return f"{words}, about {_seconds(fit)} for a picture, as an estimate"


def _seconds(fit: Fit) -> str:
    count = max(1, round(fit.seconds))
    return f"{count} second{'' if count == 1 else 's'}"
