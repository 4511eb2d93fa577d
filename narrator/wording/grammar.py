"""Makes noun phrases, places and sentences of one language from its data file under `resources/wording/`.

The file holds words and templates only: what is worth saying is decided in `wording`. Wherever a form depends on the
grammatical gender of a class, the key with the suffix `_` + gender is looked up before the plain key.
"""

import tomllib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from narrator.errors import DataFileDamaged
from narrator.messages import Box
from narrator.resources import resource

KINDS = ("people", "animals", "vehicles", "things", "worn")
"""What a class may be, what matters most first."""
_NEAR = {"people": 0.75, "animals": 0.6, "vehicles": 0.6}
_FAR = {"people": 0.15, "animals": 0.1, "vehicles": 0.08}
"""Heights of the box, in parts of the picture's, from which and up to which a thing is called near and far off."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A noun phrase and whether its verb stands in the plural."""

    text: str
    is_plural: bool = False


class Grammar:
    """One language, for example "en" or "en-GB"; English when there is no such file. Raises `DataFileDamaged`."""

    def __init__(self, language: str) -> None:
        self.data = read(_file(language))

    @property
    def sentences(self) -> dict[str, Any]:
        """The table `[sentences]`."""
        table: dict[str, Any] = self.data["sentences"]
        return table

    def knows(self, label: str) -> bool:
        """Whether there is a word for this class."""
        return label in self.data["classes"]

    def kind(self, label: str) -> str:
        """One of `KINDS`."""
        return str(self.data["classes"][label]["kind"])

    def count(self, number: int, label: str = "") -> str:
        """The number as a word; a quantity such as "several" when it is large."""
        count = self.data["count"]
        if number >= count["many_from"]:
            return str(count["many"])
        if number >= count["several_from"]:
            return str(count["several"])
        key = {0: "none", 1: "single"}.get(number)
        return self._form(count, key, label) if key else str(count["words"][str(number)])

    def noun(self, label: str, number: int, colour: str = "") -> Phrase:
        """ "a white car", "two people"."""
        if number > 1:
            return Phrase(f"{self.count(number)} {self._plural(label, colour)}", is_plural=True)
        entry = self.data["classes"][label]
        if self._is_dress(label, colour):
            return Phrase(self._dressed(f"{entry['article']} {entry['one']}", colour))
        if self._is_told(label, colour):
            return Phrase(f"{self._form(self.data['colours'][colour], 'one', label)} {entry['one']}")
        return Phrase(f"{entry['article']} {entry['one']}")

    def further(self, label: str, number: int) -> Phrase:
        """ "another person", "two more people"."""
        entry = self.data["classes"][label]
        if number == 1:
            return Phrase(self._form(self.data["phrases"], "another", label).format(what=entry["one"]))
        text = self.phrase("more", what=entry["many"], count=self.count(number))
        return Phrase(text, is_plural=True)

    def group(self, label: str) -> Phrase:
        """ "a group of people"."""
        return Phrase(self.phrase("group", what=self.plural(label)))

    def among(self, label: str) -> Phrase:
        """ "one of the people"."""
        return Phrase(self._form(self.data["phrases"], "among", label).format(what=self.plural(label)))

    def gone(self, label: str) -> str:
        """ "nobody in sight any more"."""
        key = "gone_people" if self.kind(label) == "people" else "gone"
        return self.fill(key, label, what=self.singular(label))

    def remaining(self, clause: str, label: str, number: int) -> str:
        """The clause, and how many of a class are left."""
        key = {0: "none", 1: "one"}.get(number, "many")
        return self.extended("remain", key, label, sentence=clause, count=self.count(number, label))

    @property
    def several_from(self) -> int:
        """The least number that is not named."""
        return int(self.data["count"]["several_from"])

    def singular(self, label: str) -> str:
        """The bare noun."""
        return str(self.data["classes"][label]["one"])

    def plural(self, label: str) -> str:
        """The bare plural."""
        return str(self.data["classes"][label]["many"])

    def hedged(self, phrase: Phrase) -> Phrase:
        """ "perhaps a dog"."""
        is_plural = phrase.is_plural and not self.data["phrases"]["hedged_is_singular"]
        return Phrase(self.phrase("hedged", what=phrase.text), is_plural)

    def listing(self, phrases: Sequence[Phrase]) -> Phrase:
        """ "a, b and c"; its verb stands in the plural when there is more than one."""
        texts = [phrase.text for phrase in phrases]
        text = self.enumeration(texts)
        return Phrase(text, is_plural=len(phrases) > 1 or phrases[0].is_plural)

    def sequence(self, texts: Sequence[str]) -> str:
        """ "a, b, c"."""
        return str(self.data["list"]["comma"]).join(texts)

    def enumeration(self, texts: Sequence[str]) -> str:
        """ "a, b and c"."""
        head = [self.sequence(texts[:-1])] if len(texts) > 1 else []
        return str(self.data["list"]["last"]).join([*head, texts[-1]])

    def place(self, third: str, distance: str = "") -> str:
        """ "on the left"; "far off on the left" with a distance of "near" or "far"."""
        return str(self.data["places"][f"{third}_{distance}" if distance else third])

    def phrase(self, key: str, **parts: str) -> str:
        """A template of `[phrases]`, filled."""
        return str(self.data["phrases"][key]).format(**parts)

    def clause(self, verb: str, who: Phrase, **parts: str) -> str:
        """A sentence of `[sentences.VERB]`, not yet capitalised, with the verb in agreement."""
        template = str(self.sentences[verb]["many" if who.is_plural else "one"])
        return template.format(who=who.text, **parts)

    def extended(self, table: str, key: str, label: str = "", **parts: str) -> str:
        """A template of `[sentences.TABLE]`, filled."""
        return self._form(self.sentences[table], key, label).format(**parts)

    def fill(self, key: str, label: str = "", **parts: str) -> str:
        """A template of `[sentences]`, filled, not yet capitalised."""
        return self._form(self.sentences, key, label).format(**parts)

    def sentence(self, key: str, label: str = "", **parts: str) -> str:
        """A template of `[sentences]`, filled, as a whole sentence."""
        return finished(self.fill(key, label, **parts))

    def scene_name(self, labels: Iterable[str]) -> str:
        """The kind of place that these classes make likely, hedged, or an empty text."""
        present = set(labels)
        fitting = (scene for scene in self.data["scenes"] if all(present & set(row) for row in scene["needs"]))
        return str(next((scene["name"] for scene in fitting), ""))

    def _plural(self, label: str, colour: str) -> str:
        noun = self.plural(label)
        if self._is_dress(label, colour):
            return self._dressed(noun, colour)
        if self._is_told(label, colour):
            entry = self.data["colours"][colour]
            return f"{entry.get('many', entry['word'])} {noun}"
        return noun

    def _is_told(self, label: str, colour: str) -> bool:
        return colour in self.data["colours"] and not self.data["classes"][label].get("plain", False)

    def _is_dress(self, label: str, colour: str) -> bool:
        """A person is never called by a colour; clothes are."""
        return self.kind(label) == "people" and colour in self.data["colours"]

    def _dressed(self, noun: str, colour: str) -> str:
        return self.phrase("dressed", what=noun, colour=str(self.data["colours"][colour]["word"]))

    def _form(self, table: dict[str, Any], key: str, label: str) -> str:
        gendered = f"{key}_{self.data['classes'][label].get('gender', '')}" if label else key
        return str(table[gendered if gendered in table else key])


def third(box: Box) -> str:
    """ "left", "middle" or "right"."""
    return "left" if box.centre_x < 1 / 3 else "right" if box.centre_x > 2 / 3 else "middle"


def distance(box: Box, kind: str) -> str:
    """ "near", "far" or, in between or for things of unknown size, an empty text."""
    if kind not in _NEAR:
        return ""
    return "near" if box.height >= _NEAR[kind] else "far" if box.height <= _FAR[kind] else ""


def finished(text: str) -> str:
    """With a capital at its start and a mark at its end."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", "…")) else text + "."


def read(path: Path) -> dict[str, Any]:
    """The words and templates in a language's file. Raises `DataFileDamaged`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        remedy = "Install Scene Narrator again."
        raise DataFileDamaged(f"The program's file {path.name} is damaged.", remedy, str(error)) from error


def _file(language: str) -> Path:
    name = language.replace("_", "-").partition("-")[0].lower()
    if name.isalpha():
        with suppress(DataFileDamaged):
            return resource(f"wording/{name}.toml")
    return resource("wording/en.toml")
