"""Finds the files of model weights, each checked against the table that came with them."""

import tomllib
from pathlib import Path

from narrator.errors import DataFileDamaged
from narrator.resources import resource, verified


def weights(file: str) -> Path:
    """The path of a file of `resources/weights/` whose sha256 is right. Raises `DataFileDamaged`."""
    table = resource("weights/weights.toml")
    try:
        entries = tomllib.loads(table.read_text(encoding="utf-8"))["weights"]
        digest = next(entry["sha256"] for entry in entries if entry["file"] == file)
    except (OSError, ValueError, LookupError, StopIteration) as error:
        sentence = "The program's file weights/weights.toml is damaged."
        raise DataFileDamaged(sentence, "Install Scene Narrator again.", str(error)) from error
    return verified(f"weights/{file}", digest)
