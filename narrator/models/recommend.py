"""Which model suits this machine, and why; what each would cost in time where there is no graphics card."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from narrator.models.catalogue import Model, catalogue, find
from narrator.models.machine import LLAMA_BUILDS, Machine
from narrator.models.sizes import in_words
from narrator.models.store import Installed

_GFLOPS_A_CORE = 53.0
"""From 3.6 CPU-seconds for a tile of 512 pixels with a tower of 93 million parameters and 1024 patches: 2 x 93e6 x 1024
operations, measured on one thread of a server processor with AVX-512. Others differ by a factor of two or more."""
_GB_A_SECOND = 13.5
"""How fast weights are read for each word: 77 tokens a second of a file of 0.175 GB, measured on the same machine."""
_MOST_THREADS = 8
"""llama.cpp is given no more, and one core fewer than there are: the window and the program's own sight need one."""
_ANSWER_TOKENS = 30
_PROMPT_TOKENS = 200
_LIVE, _SLOW = 2.0, 10.0
"""Seconds for a picture up to which a line comes while it is still true, and up to which waiting for it is bearable."""
_ROOM_TO_SPARE = 1.1
_NEEDS_BUILD = f" llama.cpp must be its build for that card: {LLAMA_BUILDS}"


class Speed(StrEnum):
    """How a model fares on a machine."""

    LIVE = "live"
    SLOW = "slow"
    QUESTIONS = "for questions only"
    TOO_BIG = "does not fit"


@dataclass(frozen=True, slots=True)
class Fit:
    """A model on a machine. `seconds` for a picture are reckoned, not measured; 0 on a graphics card, or unknown."""

    model: Model
    speed: Speed
    on_gpu: bool
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Advice:
    """The model to take, None when none fits, and why in sentences; then all models, the fastest first."""

    model: Model | None
    reason: str
    fits: tuple[Fit, ...]


def fit(model: Model, machine: Machine) -> Fit:
    """How a model fares on a machine."""
    needed = model.memory_mb * _ROOM_TO_SPARE
    if machine.gpu and needed <= machine.gpu.free_mb:
        return Fit(model, Speed.LIVE, on_gpu=True)
    if needed > machine.free_ram_mb:
        return Fit(model, Speed.TOO_BIG, on_gpu=False)
    seconds = seconds_on_processor(model, _threads(model, machine.cores))
    speed = Speed.LIVE if seconds <= _LIVE else Speed.SLOW if seconds <= _SLOW else Speed.QUESTIONS
    return Fit(model, speed, on_gpu=False, seconds=seconds)


def seconds_on_processor(model: Model, threads: int) -> float:
    """Roughly how long a new picture takes without a graphics card, from its arrival to the end of a short line."""
    seeing = 2e-3 * model.vision * model.patches
    reading = 2e-3 * model.text * (model.tokens + _PROMPT_TOKENS)
    telling = _ANSWER_TOKENS * model.download_mb / 1000 / _GB_A_SECOND
    return (seeing + reading) / (_GFLOPS_A_CORE * threads) + telling


def advise(machine: Machine) -> Advice:
    """The model that suits a machine."""
    fits = tuple(sorted((fit(model, machine) for model in _candidates()), key=_by_speed))
    on_gpu = [each for each in fits if each.on_gpu]
    if on_gpu:
        best = max(on_gpu, key=lambda each: each.model.rank).model
        return Advice(best, _why_on_gpu(best, machine), fits)
    here = [each for each in fits if each.speed is not Speed.TOO_BIG]
    if not here:
        return Advice(None, _why_none(machine), fits)
    bearable = [each for each in here if each.speed is Speed.LIVE]
    best_fit = max(bearable, key=lambda each: each.model.rank) if bearable else here[0]
    return Advice(best_fit.model, _why_on_processor(best_fit, machine), fits)


def best_installed(here: Sequence[Installed], machine: Machine) -> Installed:
    """Of models of one engine, the best that runs live; without any, the fastest. One that nobody knows comes last."""

    def key(model: Installed) -> tuple[int, float, int]:
        known = find(model.name)
        if known is None:
            return 0, -model.size, 0
        found = fit(known, machine)
        is_live = found.speed is Speed.LIVE
        return (2, known.rank, 0) if is_live else (1, -found.seconds, -known.memory_mb)

    return max(here, key=key)


def _threads(model: Model, cores: int) -> int:
    """What the engine takes when its setting is left as it is."""
    free = max(1, cores - 1)
    return min(free, _MOST_THREADS) if model.engine == "gguf" else free


def _candidates() -> list[Model]:
    """GGUF first: it needs no torch, which is large. Where terms must be accepted nothing is recommended."""
    return [model for model in catalogue().models.values() if model.engine == "gguf" and not model.gated]


def _by_speed(each: Fit) -> tuple[bool, float, int]:
    return each.speed is Speed.TOO_BIG, each.seconds, each.model.memory_mb


def _why_on_gpu(best: Model, machine: Machine) -> str:
    assert machine.gpu is not None
    return (
        f"It needs about {in_words(best.memory_mb * 1e6)} of the {in_words(machine.gpu.free_mb * 1e6)} that are free "
        f"on {machine.gpu.name}, and describes best of those that fit. It should describe live; the time for a "
        f"picture was not measured on such a card.{'' if machine.gpu.is_apple else _NEEDS_BUILD}"
    )


def _why_on_processor(best: Fit, machine: Machine) -> str:
    card = "No graphics card that can be asked was found" if machine.gpu is None else "No model fits the graphics card"
    cores = f"{machine.cores} core{'s' if machine.cores > 1 else ''}"
    begin = f"{card}. On {cores} it takes about {best.seconds:.0f} seconds for a picture, by reckoning"
    if best.speed is Speed.LIVE:
        return f"{begin}: enough to describe live."
    return (
        f"{begin}: too slow to narrate live, though no other is faster. The built-in describer narrates at once; "
        "a model here is for questions and for detail that may come late."
    )


def _why_none(machine: Machine) -> str:
    return f"Of {in_words(machine.ram_mb * 1e6)} of memory only {in_words(machine.free_ram_mb * 1e6)} are free."
