"""What is known of servers, from `resources/catalogue/servers.toml`: where they listen and in what they differ."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from narrator.errors import DataFileDamaged
from narrator.resources import resource

_FILE = "catalogue/servers.toml"


@dataclass(frozen=True, slots=True)
class Preset:
    """One kind of server; the fields are told in the file."""

    id: str
    title: str
    url: str
    owned_by: str
    domain: str
    max_images: int
    prefix_cache: bool
    usage_in_stream: bool
    system_prompt: bool
    max_tokens_field: str
    loads_on_demand: bool
    min_gap: float
    prices: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""


@cache
def presets() -> Mapping[str, Preset]:
    """Every known kind of server by id; "" is any other. Raises `DataFileDamaged`."""
    try:
        table = _table()
        entries = {"": {}, **table["presets"]}
        return {id_: Preset(**{**table["defaults"], **entry, "id": id_}) for id_, entry in entries.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        sentence = f"The program's file {_FILE} cannot be read."
        raise DataFileDamaged(sentence, "Install Scene Narrator again.", str(error)) from error


def may_see(model: str) -> bool:
    """Whether a model's name is that of one which takes pictures."""
    return any(part in model.lower() for part in _table()["sees"])


def may_think(model: str) -> bool:
    """Whether a model's name is that of one which thinks before it answers."""
    return any(part in model.lower() for part in _table()["thinks"])


def recognised(chosen: str, host: str, owned_by: str = "") -> Preset:
    """The kind that was chosen, else the one that its domain or its list of models gives away, else any."""
    known = presets()
    if chosen in known:
        return known[chosen]
    for preset in known.values():
        if preset.domain and f".{host}".endswith(f".{preset.domain}"):
            return preset
        if preset.owned_by and preset.owned_by == owned_by:
            return preset
    return known[""]


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resource(_FILE).read_text(encoding="utf-8"))
