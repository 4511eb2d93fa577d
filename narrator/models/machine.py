"""What this machine has for a model: memory, cores, and a graphics card with its memory."""

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

_ANSWERS_WITHIN = 5.0
_QUESTION = ("--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")
_METAL_SHARE = 0.7
"""The part of its memory that macOS lends to the graphics of Apple's own chips, roughly."""

LLAMA_BUILDS = "https://github.com/xorbitsai/xllamacpp lists the wheels for CUDA, ROCm and Vulkan."
"""What is installed with the program is the build for the processor, and on a Mac for Metal."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics card that models can run on; `free_mb` was measured just now."""

    name: str
    total_mb: int
    free_mb: int
    is_apple: bool = False


@dataclass(frozen=True, slots=True)
class Machine:
    """Memory in megabytes, and physical cores. `gpu` is None when none was found that we can ask."""

    ram_mb: int
    free_ram_mb: int
    cores: int
    gpu: Gpu | None = None


def look() -> Machine:
    """Look now; takes up to some tenths of a second where there is an NVIDIA card."""
    import psutil

    memory = psutil.virtual_memory()
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    total, free = round(memory.total / 1e6), round(memory.available / 1e6)
    return Machine(total, free, cores, _nvidia() or _apple(total, free))


@cache
def first_look() -> Machine:
    """What was there at the first call: what fits must not change because a model of our own was loaded since."""
    return look()


def _nvidia() -> Gpu | None:
    """The NVIDIA card with the most free memory, as the driver's own program tells; None where that is missing."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        command = [program, *_QUESTION]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_ANSWERS_WITHIN)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    cards = [card for card in map(_card, done.stdout.splitlines()) if card]
    return max(cards, key=lambda card: card.free_mb, default=None)


def _card(line: str) -> Gpu | None:
    """A line such as "NVIDIA GeForce RTX 4090, 24564, 23000", in mebibytes."""
    name, *numbers = (part.strip() for part in line.rsplit(",", 2))
    try:
        total, free = (round(int(number) * 1.048576) for number in numbers)
    except ValueError:  # a card that is split up says [N/A]
        return None
    return Gpu(name, total, free)


def _apple(total: int, free: int) -> Gpu | None:
    if sys.platform != "darwin" or platform.machine() != "arm64":
        return None
    return Gpu("the graphics of this Mac", round(total * _METAL_SHARE), round(free * _METAL_SHARE), is_apple=True)
