"""Models that were cut into several files, whose names tell how many: NAME-00001-of-00003.gguf."""

import re
from collections.abc import Collection

PART = re.compile(r"-(\d{5})-of-(\d{5})(?=\.(?:gguf|safetensors)$)")


def missing_part(names: Collection[str]) -> str:
    """The first file that is not there though others tell of it by their names; empty when none is missing."""
    held = set(names)
    for name in sorted(held):
        if part := PART.search(name):
            parts = (
                f"{name[: part.start()]}-{number:05}-of-{part[2]}{name[part.end() :]}"
                for number in range(1, int(part[2]) + 1)
            )
            if missing := next((each for each in parts if each not in held), ""):
                return missing
    return ""
