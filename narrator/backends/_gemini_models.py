"""What is known of Gemini's models, from `resources/catalogue/gemini.toml`: how they count, cost and are set."""

import math
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from functools import cache
from typing import Any

from narrator.errors import DataFileDamaged
from narrator.resources import resource
from narrator.seams import Prices

_FILE = "catalogue/gemini.toml"


@dataclass(frozen=True, slots=True)
class Tiles:
    """The rule up to 2.0: one tile for a small picture, else a grid of square tiles; pixels everywhere."""

    tokens: int
    small_side: int
    divisor: float
    least: int
    most: int
    longest_side: int

    def cost(self, width: int, height: int) -> int:
        """Tokens of a picture of this size."""
        if max(width, height) <= self.small_side:
            return self.tokens
        shrink = max(1.0, max(width, height) / self.longest_side)
        width, height = round(width / shrink), round(height / shrink)
        side = min(self.most, max(self.least, math.floor(min(width, height) / self.divisor)))
        return self.tokens * math.ceil(width / side) * math.ceil(height / side)


@dataclass(frozen=True, slots=True)
class Generation:
    """How a family of models counts the tokens of pictures."""

    name: str
    title: str
    source: str
    checked_on: date
    full_side: int
    video_frame: Mapping[str, int]
    """Tokens of one frame of a video, by level; "default" for the others."""
    tiles: Tiles | None = None
    levels: Mapping[str, int] = field(default_factory=dict)
    """Tokens of a picture by level of detail, cheapest first; empty where pixels decide."""
    unset: str = ""
    """The level that holds when none is given."""
    per_picture: bool = False
    """Each picture may have its own level; otherwise one holds for the whole request."""

    def cost(self, width: int, height: int, level: str) -> int:
        """Tokens of a picture of this size at a level of `levels`, or at the service's own when it is another."""
        if self.tiles:
            return self.tiles.cost(width, height)
        return self.levels.get(level, self.levels[self.unset])

    def video_cost(self, frames: int, level: str = "") -> int:
        """Tokens of so many frames of a video."""
        return frames * self.video_frame.get(level, self.video_frame["default"])


@dataclass(frozen=True, slots=True)
class DatedPrices:
    """Prices that hold from one day to another, both included; None for no bound."""

    prices: Prices
    since: date | None = None
    until: date | None = None

    def holds(self, day: date) -> bool:
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `thinking` maps what it may be told to think to what is sent: a level, or a number of tokens."""

    id: str
    title: str
    generation: Generation
    status: str = "current"
    retires_on: date | None = None
    replaced_by: str = ""
    context_in: int = 1_048_576
    max_out: int = 65_536
    max_images: int = 3000
    max_inline_mb: float = 7
    thinking: Mapping[str, str | int] = field(default_factory=dict)
    lowest_thinking: str = ""
    sampling: tuple[str, ...] = ()
    stop_sequences: bool = True
    video_input: bool = True
    grounding: bool = True
    live: bool = False
    prices: tuple[DatedPrices, ...] = ()
    price_source: str = ""
    checked_on: date | None = None
    is_known: bool = True
    """False for one that the catalogue does not tell of: the newest rule is taken for it."""

    def prices_on(self, day: date) -> Prices | None:
        """What it costs on a day; after the last entry ended, what that said."""
        holding = [entry.prices for entry in self.prices if entry.holds(day)]
        return holding[0] if holding else self.prices[-1].prices if self.prices else None

    def is_retired(self, day: date) -> bool:
        return self.status == "retired" or (self.retires_on is not None and self.retires_on <= day)

    def ignored(self) -> tuple[str, ...]:
        """The names of the settings that it does not honour."""
        names = [name for name in ("temperature", "top_p", "top_k") if name not in self.sampling]
        names += [] if self.thinking else ["thinking"]
        names += [] if self.generation.levels else ["media_resolution"]
        return (*names, *(() if self.grounding else ("search",)))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every model that is known, by id."""

    models: Mapping[str, Model]
    default: str
    newest: Generation
    max_request_mb: float

    def model(self, name: str) -> Model:
        """The model of this name; an unknown one has the default's knobs, the newest rule and the dearest price.

        One that is a version of a known model, such as gemini-2.5-flash-001, is like that.
        """
        if name in self.models:
            return self.models[name]
        relative = self._relative(name)
        if relative is not None:
            version = name.removeprefix(f"{relative.id}-")
            return replace(
                relative, id=name, replaced_by=relative.replaced_by or relative.id, is_known=version.isdigit()
            )
        narrators = [model for model in self.models.values() if not model.live and model.status == "current"]
        prices = [entry for model in narrators for entry in model.prices]
        dearest = max(prices, key=lambda entry: entry.prices.tokens_out)
        return replace(
            self.models[self.default],
            id=name,
            title=name,
            generation=self.newest,
            lowest_thinking="low",
            prices=(dearest,),
            is_known=False,
        )

    def successor(self, name: str, offered: Collection[str] | None, day: date) -> str:
        """The nearest model that works in place of `name`; `offered` are those the service has, None if not known."""
        if offered is None:
            offered = [model.id for model in self.models.values() if not model.is_retired(day)]
        works = [id_ for id_, model in self.models.items() if not model.live and id_ in offered and id_ != name]
        wishes = (self.model(name).replaced_by, self.default, *get_close_matches(name, works, 1, 0.5), *works)
        return next((wish for wish in wishes if wish in works), "")

    def _relative(self, name: str) -> Model | None:
        fitting = [id_ for id_ in self.models if name.startswith(f"{id_}-")]
        return self.models[max(fitting, key=len)] if fitting else None


@cache
def catalogue() -> Catalogue:
    """Raises `DataFileDamaged`."""
    try:
        table = tomllib.loads(resource(_FILE).read_text(encoding="utf-8"))
        generations = {name: _generation(name, entry) for name, entry in table["generations"].items()}
        models = {entry["id"]: _model(entry, generations) for entry in table["models"]}
        newest = generations[table["newest_generation"]]
        return Catalogue(models, table["default"], newest, table["max_request_mb"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        sentence = f"The program's file {_FILE} cannot be read."
        raise DataFileDamaged(sentence, "Install Scene Narrator again.", str(error)) from error


def _generation(name: str, entry: dict[str, Any]) -> Generation:
    tiles = Tiles(**entry["tiles"]) if "tiles" in entry else None
    return Generation(**{**entry, "name": name, "tiles": tiles})


def _model(entry: dict[str, Any], generations: Mapping[str, Generation]) -> Model:
    levels = {level: level.upper() for level in entry.pop("thinking_levels", ())}
    prices = tuple(
        DatedPrices(Prices(row["in"], row["out"], row["cached"]), row.get("from"), row.get("until"))
        for row in entry.pop("prices")
    )
    fields = {
        **entry,
        "generation": generations[entry["generation"]],
        "thinking": levels or entry.pop("thinking_budgets", {}),
        "sampling": tuple(entry.get("sampling", ())),
        "prices": prices,
    }
    fields.pop("thinking_budgets", None)
    return Model(**fields)
