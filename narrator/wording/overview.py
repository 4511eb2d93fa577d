"""What is there: people first, each class with its number and place, then light and text."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from narrator.messages import Scene, Track
from narrator.wording.grammar import KINDS, Grammar, Phrase, distance, finished, third
from narrator.wording.reading import reading

DARK = 0.15
"""Mean luminance below which it is dark."""
_DOUBT = 0.5
_DOUBT_OF_PEOPLE = 0.42
"""Below these detector scores a thing is told with "perhaps"; people are seldom taken for something else."""
_GROUP = 5
_MOST = 0.6
_CLASSES, _CLASSES_ON_REQUEST = 3, 6
_WORDS_OF_TEXT, _WORDS_OF_TEXT_ON_REQUEST = 12, 40


@dataclass(frozen=True, slots=True)
class _Class:
    """All things of one class in words. A split one names its places itself."""

    phrase: Phrase
    place: str = ""
    is_apart: bool = False
    """A comma stands before its place, and a full stop behind it."""
    is_split: bool = False


class Overview:
    """Describes scenes in one language."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar

    def sentences(
        self, scene: Scene, said: Sequence[str] = (), *, is_cut: bool = False, on_request: bool = False
    ) -> list[str]:
        """What is there, nothing when nothing is recognised; `on_request` tells more things and more text.

        That it is dark is not repeated while a line in `said` says so."""
        grammar = self._grammar
        if scene.trouble:
            return [finished(grammar.data["trouble"][scene.trouble])]
        tracks = [track for track in scene.tracks if grammar.knows(track.label)]
        clauses = self.clauses(tracks, on_request=on_request)
        name = grammar.scene_name(track.label for track in tracks if track.score >= _DOUBT)
        if clauses and name:
            clauses[0] = grammar.phrase("in_scene", scene=name, what=clauses[0])
        if clauses and is_cut:
            clauses[0] = grammar.phrase("now", what=clauses[0])
        is_dark, dark = scene.brightness < DARK, grammar.sentence("dark")
        is_told = is_dark and not any(dark in line for line in said)
        words = _WORDS_OF_TEXT_ON_REQUEST if on_request else _WORDS_OF_TEXT
        text = reading(grammar, scene.text, words, with_doubtful=on_request)
        return [*(finished(clause) for clause in clauses), *([dark] if is_told else []), *text]

    def noun(self, tracks: Sequence[Track]) -> Phrase:
        """Things of one class, with their colour when all have the same, hedged when none is sure."""
        colours = {track.colour for track in tracks}
        most = 1 if self._grammar.kind(tracks[0].label) == "people" else _GROUP - 1
        colour = colours.pop() if len(colours) == 1 and len(tracks) <= most else ""
        return self.hedged(self._grammar.noun(tracks[0].label, len(tracks), colour), tracks)

    def hedged(self, phrase: Phrase, tracks: Sequence[Track]) -> Phrase:
        """The phrase, with a "perhaps" when none of the tracks is sure."""
        doubt = _DOUBT_OF_PEOPLE if self._grammar.kind(tracks[0].label) == "people" else _DOUBT
        return self._grammar.hedged(phrase) if max(track.score for track in tracks) < doubt else phrase

    def by_class(self, tracks: Iterable[Track]) -> list[list[Track]]:
        """The tracks by class, what matters most first: by kind, then by size in the picture."""
        groups: dict[str, list[Track]] = {}
        for track in tracks:
            groups.setdefault(track.label, []).append(track)
        return sorted(groups.values(), key=lambda group: (self.rank(group[0].label), -max(map(_area, group))))

    def rank(self, label: str) -> int:
        """0 for what matters most."""
        return KINDS.index(self._grammar.kind(label))

    def clauses(self, tracks: Sequence[Track], *, on_request: bool = False) -> list[str]:
        """Two places a clause; a class that is split over two places has a clause of its own."""
        clauses: list[list[str]] = []
        is_open = False
        for _, same in groupby(
            self._classes(tracks, on_request=on_request), key=lambda whole: (whole.place, whole.is_split)
        ):
            members = list(same)
            text = self._placed(members)
            stands_alone = members[0].is_split or members[0].is_apart
            if is_open and not stands_alone and len(clauses[-1]) < 2:
                clauses[-1].append(text)
            else:
                clauses.append([text])
            is_open = not stands_alone
        return [self._grammar.sequence(clause) for clause in clauses]

    def _classes(self, tracks: Sequence[Track], *, on_request: bool) -> list[_Class]:
        groups = self.by_class(tracks)
        kinds = {self._grammar.kind(group[0].label) for group in groups}
        if "people" in kinds and not on_request:
            groups = [group for group in groups if self._grammar.kind(group[0].label) != "worn"]
        return [self._class(group) for group in groups[: _CLASSES_ON_REQUEST if on_request else _CLASSES]]

    def _class(self, group: Sequence[Track]) -> _Class:
        phrase = self.noun(group)
        thirds = Counter(third(track.box) for track in group)
        if len(thirds) == 1:
            return self._together(group, phrase)
        if len(thirds) == 2 and len(group) < _GROUP:
            return _Class(self._split(group[0].label, phrase, thirds), is_split=True)
        name, most = thirds.most_common(1)[0]
        if most >= _MOST * len(group):
            return _Class(phrase, self._grammar.phrase("mostly", place=self._grammar.place(name)), is_apart=True)
        return _Class(phrase, self._grammar.place("spread"))

    def _together(self, group: Sequence[Track], phrase: Phrase) -> _Class:
        label = group[0].label
        distances = {distance(track.box, self._grammar.kind(label)) for track in group}
        how_far = distances.pop() if len(distances) == 1 else ""
        if len(group) >= _GROUP and self._grammar.kind(label) == "people":
            phrase = self._grammar.group(label)
        return _Class(phrase, self._grammar.place(third(group[0].box), how_far), is_apart=how_far == "near")

    def _split(self, label: str, phrase: Phrase, thirds: Counter[str]) -> Phrase:
        """ "three people, two on the left and one on the right"."""
        parts = [
            self._grammar.phrase(
                "part", count=self._grammar.count(thirds[name], label), place=self._grammar.place(name)
            )
            for name in ("left", "middle", "right")
            if name in thirds
        ]
        text = self._grammar.phrase("split", what=phrase.text, parts=self._grammar.enumeration(parts))
        return Phrase(text, is_plural=True)

    def _placed(self, classes: Sequence[_Class]) -> str:
        what = self._grammar.listing([each.phrase for each in classes]).text
        if classes[0].is_split:
            return what
        template = "listed" if len(classes) > 1 or classes[0].is_apart else "placed"
        return self._grammar.phrase(template, what=what, place=classes[0].place)


def _area(track: Track) -> float:
    return track.box.width * track.box.height
