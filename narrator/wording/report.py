"""What is new, in at most two short sentences: what matters most first, and a busy place as a whole."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from narrator.language.phrasing import normal
from narrator.messages import News, NewsKind, Scene, TextLine, Track
from narrator.wording.belief import believed
from narrator.wording.changes import Changes, changes, exit_edge, since_cut
from narrator.wording.grammar import KINDS, Grammar, Phrase, finished, third
from narrator.wording.overview import DARK, Overview
from narrator.wording.reading import SURE, is_among, read_out, reading

_CROWD = 5
"""From this many of a class on, comings and goings are told as a whole."""
_MANY = 9
"""Between several and many: whoever heard one of them does not hear the other for this number."""
_FEW = 2
_SURE_IT_WAS = 0.55
"""What was seen no better than this may have come or gone for the detector only."""
_BRIGHT = 0.6
_MAX_SENTENCES, _MAX_WORDS = 2, 17
"""What is said in five seconds at 200 words a minute."""
_LEAST_WORDS_OF_TEXT, _WORDS_AROUND_TEXT = 6, 4
_MOVERS = ("people", "animals", "vehicles")
_MOST_CLASSES = 3
_COMINGS, _MOTIONS, _GOINGS, _LIGHT = range(4)
_RANK_OF_THINGS = len(_MOVERS)
_LAST = len(KINDS)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class _Told:
    """A sentence that may be said: lower ranks first, and the first of its forms that was not just heard.

    Who walks to and fro has the last rank, and is told only when there is nothing else.
    """

    rank: tuple[int, int]
    forms: tuple[str, ...]


class Report:
    """Tells news in one language."""

    def __init__(self, grammar: Grammar, overview: Overview) -> None:
        self._grammar = grammar
        self._overview = overview

    def sentences(self, scene: Scene, news: Sequence[News], said: Sequence[str]) -> list[str]:
        """What of `news` holds in `scene`, matters, and is not in the lines just `said`."""
        heard = {normal(text) for line in said for text in (line, *_SENTENCE_END.split(line))}
        if scene.trouble:
            return _unheard([finished(self._grammar.data["trouble"][scene.trouble])], heard)
        news = since_cut(news)
        over = self._trouble_over(scene, news)
        if over:
            return _unheard(over, heard)
        tracks = [track for track in scene.tracks if self._grammar.knows(track.label)]
        known = [each for each in news if each.track is None or self._grammar.knows(each.track.label)]
        found = changes(tracks, known, self._grammar.kind)
        told = [*self._crowds(found, said), *self._comings(found), *self._goings(found), *self._motions(found, said)]
        new_text = self._new_text(scene, news, said)
        chosen = _chosen([*told, *self._light(scene, news)], heard, is_text_next=bool(new_text))
        room = _MAX_WORDS - sum(len(sentence.split()) for sentence in chosen)
        return [*chosen, *reading(self._grammar, new_text, max(_LEAST_WORDS_OF_TEXT, room - _WORDS_AROUND_TEXT))]

    def _trouble_over(self, scene: Scene, news: Sequence[News]) -> list[str]:
        """That the picture is back, and what it shows; nothing when nobody heard that it was gone."""
        kinds = [each.kind for each in news]
        if NewsKind.CLEAR not in kinds or NewsKind.TROUBLE in kinds:
            return []
        sentences: dict[str, str] = self._grammar.data["trouble_over"]
        trouble = next(each.trouble for each in reversed(news) if each.kind is NewsKind.CLEAR)
        return [finished(sentences.get(trouble or "", sentences["any"])), *self._overview.sentences(scene)[:1]]

    def _crowds(self, found: Changes, said: Sequence[str]) -> Iterator[_Told]:
        """How many of a class there are, where too many come and go to tell each one."""
        for label in sorted(found.now | found.before):
            if not self._is_crowd(label, found):
                continue
            clauses = self._new_number(label, found, said) or self._one_more(label, found)
            if clauses:
                yield _Told((self._overview.rank(label), _COMINGS), tuple(map(finished, clauses)))

    def _new_number(self, label: str, found: Changes, said: Sequence[str]) -> list[str]:
        """Told when the listener believes otherwise, and not when the number is about the same."""
        now, came = found.now[label], [track for track in found.arrivals if track.label == label]
        if now == len(came):
            return self._overview.clauses(came)[:1]
        believes = believed(self._grammar, label, said)
        expected = found.before[label] if believes is None else believes
        count = self._grammar.count(now, label)
        if now >= _CROWD:
            is_same = count == self._grammar.count(expected, label) or (now == _MANY and expected >= _CROWD)
            is_growing = len(came) > 1 and now > expected
            keys = [] if is_same else [*(["more"] if is_growing else []), "there_are", "now_there_are"]
        else:
            keys = ["fewer"] if now < expected - 1 else []
        what = self._grammar.plural(label)
        return [self._grammar.extended("total", key, what=what, count=count) for key in keys]

    def _one_more(self, label: str, found: Changes) -> list[str]:
        """Now and then one who comes in, so that a busy place does not sound deserted."""
        comers = [track for track in found.arrivals if track.label == label and self._comes_in(track)]
        return [self._comes(edge, tracks, found) for edge, tracks in _by(_edge, comers).items()][:1]

    def _is_crowd(self, label: str, found: Changes) -> bool:
        return max(found.now[label], found.before[label]) >= _CROWD

    def _comings(self, found: Changes) -> Iterator[_Told]:
        arrivals = [track for track in found.arrivals if self._is_coming_told(track, found)]
        over_edges = _by(_edge, filter(self._comes_in, arrivals))
        if {"left", "right"} <= over_edges.keys() and len({track.label for track in arrivals}) == 1:
            over_edges["both"] = over_edges.pop("left") + over_edges.pop("right")
        for edge, tracks in over_edges.items():
            clause = self._with_total(self._comes(edge, tracks, found), tracks, found)
            yield self._event(_COMINGS, tracks, clause)
        for place, tracks in _by(_third, (track for track in arrivals if not self._comes_in(track))).items():
            who = self._newcomers(tracks, found)
            clause = self._grammar.clause("there_is", who, place=self._grammar.place(place))
            told = self._event(_COMINGS, tracks, clause)
            yield told if self._rank(tracks) < _RANK_OF_THINGS else replace(told, forms=told.forms[:1])

    def _is_coming_told(self, track: Track, found: Changes) -> bool:
        """Whether one more of its kind matters here, and is not only a box that flickers."""
        if self._is_crowd(track.label, found):
            return False
        is_first = not found.before[track.label]
        kind = self._grammar.kind(track.label)
        if kind == "worn":
            return is_first and not any(self._grammar.kind(label) == "people" for label in found.now)
        if kind not in _MOVERS or self._comes_in(track):
            return is_first or kind in _MOVERS
        return is_first or (found.now[track.label] <= _FEW + 1 and track.score >= _SURE_IT_WAS)

    def _comes_in(self, track: Track) -> bool:
        return bool(track.entered_from) and self._grammar.kind(track.label) in _MOVERS

    def _comes(self, edge: str, tracks: Sequence[Track], found: Changes) -> str:
        who = self._newcomers(tracks, found)
        return self._grammar.clause("comes_in", who, side=self._grammar.data["from"][edge])

    def _newcomers(self, tracks: Sequence[Track], found: Changes) -> Phrase:
        """ "a person and a dog", "another person", "two more people"."""
        phrases = []
        for same in self._overview.by_class(tracks):
            label = same[0].label
            if found.now[label] > len(same):
                phrases.append(self._overview.hedged(self._grammar.further(label, len(same)), same))
            else:
                phrases.append(self._overview.noun(same))
        return self._grammar.listing(phrases[:_MOST_CLASSES])

    def _with_total(self, clause: str, tracks: Sequence[Track], found: Changes) -> str:
        """How many people there are now, when others were there before."""
        label = tracks[0].label
        is_of_people = {track.label for track in tracks} == {label} and self._grammar.kind(label) == "people"
        if not is_of_people or found.now[label] == len(tracks):
            return clause
        return self._grammar.extended("total", "counted", sentence=clause, count=self._grammar.count(found.now[label]))

    def _goings(self, found: Changes) -> Iterator[_Told]:
        """Who left over an edge; who is nowhere any more only when it was the last of its class, and surely there."""
        gone = [track for track in found.departures if self._is_going_told(track, found)]
        by_edge = _by(lambda track: exit_edge(track.box), gone)
        vanished = by_edge.pop("", [])
        of_people = [edge for edge, tracks in by_edge.items() if all(map(self._is_person, tracks))]
        for edge, tracks in by_edge.items():
            phrases = [self._overview.noun(same) for same in self._overview.by_class(tracks)]
            clause = self._grammar.clause("leaves", self._grammar.listing(phrases), side=self._grammar.data["to"][edge])
            if edge in of_people[-1:]:
                clause = self._grammar.remaining(clause, tracks[0].label, found.now[tracks[0].label])
            yield self._event(_GOINGS, tracks, clause)
        told = {track.label for tracks in by_edge.values() for track in tracks}
        for label in sorted({track.label for track in vanished if track.score >= _SURE_IT_WAS} - told):
            if not found.now[label]:
                yield _Told((self._overview.rank(label), _GOINGS), (finished(self._grammar.gone(label)),))

    def _is_going_told(self, track: Track, found: Changes) -> bool:
        is_mover = self._grammar.kind(track.label) in _MOVERS
        return is_mover and not self._is_crowd(track.label, found) and found.now[track.label] <= _FEW

    def _motions(self, found: Changes, said: Sequence[str]) -> Iterator[_Told]:
        for motion, pairs in _by_motion(found.motions).items():
            movers = [track for track in pairs if self._is_motion_told(motion, track, found, said)]
            by_place = _by(_third, movers) if motion is NewsKind.COMES_CLOSER else {"": movers} if movers else {}
            for place, tracks in by_place.items():
                rank = self._rank(tracks) if motion is NewsKind.COMES_CLOSER else _LAST
                yield _Told((rank, _MOTIONS), (finished(self._motion(motion, tracks, place, found)),))

    def _is_motion_told(self, motion: NewsKind, track: Track, found: Changes, said: Sequence[str]) -> bool:
        """Where many move only what comes closer matters; and who just came in goes on, as everybody expects."""
        if self._grammar.kind(track.label) not in _MOVERS:
            return False
        if motion is NewsKind.COMES_CLOSER:
            return True
        if found.now[track.label] > _FEW:
            return False
        edge = {NewsKind.MOVES_LEFT: "right", NewsKind.MOVES_RIGHT: "left"}.get(motion)
        return not edge or not any(self._grammar.data["from"][edge] in line for line in said[-_FEW:])

    def _motion(self, motion: NewsKind, tracks: Sequence[Track], place: str, found: Changes) -> str:
        phrases = []
        for same in self._overview.by_class(tracks):
            is_one_of_many = len(same) == 1 and found.now[same[0].label] > _FEW
            phrases.append(self._grammar.among(same[0].label) if is_one_of_many else self._overview.noun(same))
        who = self._grammar.listing(phrases[:_MOST_CLASSES])
        if motion is NewsKind.COMES_CLOSER:
            return self._grammar.clause("comes_closer", who, place=self._grammar.place(place))
        if motion is NewsKind.GOES_AWAY:
            return self._grammar.clause("goes_away", who)
        side = "left" if motion is NewsKind.MOVES_LEFT else "right"
        return self._grammar.clause("moves", who, side=self._grammar.data["to"][side])

    def _new_text(self, scene: Scene, news: Sequence[News], said: Sequence[str]) -> list[TextLine]:
        """The lines that are new, still there, and were not just read out."""
        there = [line.text for line in scene.text]
        heard = read_out(self._grammar, said)
        lines = [line for each in news for line in each.text if line.score >= SURE]
        return [line for line in lines if is_among(line.text, there) and not is_among(line.text, heard)]

    def _light(self, scene: Scene, news: Sequence[News]) -> Iterator[_Told]:
        """The light as it became, when it did not turn back meanwhile."""
        kinds = [each.kind for each in news if each.kind in (NewsKind.DARKER, NewsKind.BRIGHTER)]
        if not kinds or len(set(kinds)) > 1:
            return
        if kinds[-1] is NewsKind.DARKER:
            key = "got_dark" if scene.brightness < DARK else "got_darker"
        else:
            key = "got_bright" if scene.brightness > _BRIGHT else "got_brighter"
        yield _Told((_LAST, _LIGHT), (self._grammar.sentence(key),))

    def _event(self, order: int, tracks: Sequence[Track], clause: str) -> _Told:
        """Something that may happen again, and is then told with other words."""
        forms = self._grammar.sentences["again"]["forms"]
        return _Told((self._rank(tracks), order), tuple(finished(form.format(sentence=clause)) for form in forms))

    def _rank(self, tracks: Iterable[Track]) -> int:
        return min(self._overview.rank(track.label) for track in tracks)

    def _is_person(self, track: Track) -> bool:
        return self._grammar.kind(track.label) == "people"


def _chosen(told: Iterable[_Told], heard: set[str], *, is_text_next: bool) -> list[str]:
    """What matters most, within the length that is said in five seconds."""
    chosen: list[str] = []
    for each in sorted(told, key=lambda each: each.rank):
        fresh = _unheard(each.forms, heard)[:1]
        words = sum(len(text.split()) for text in chosen + fresh)
        most = _MAX_SENTENCES - (is_text_next and bool(chosen))
        is_minor = each.rank == (_LAST, _MOTIONS)
        if fresh and (not chosen or (len(chosen) < most and words <= _MAX_WORDS and not is_minor)):
            chosen += fresh
    return chosen


def _unheard(sentences: Iterable[str], heard: set[str]) -> list[str]:
    return [sentence for sentence in sentences if normal(sentence) not in heard]


def _by(key: Callable[[Track], str], tracks: Iterable[Track]) -> dict[str, list[Track]]:
    groups: dict[str, list[Track]] = {}
    for track in tracks:
        groups.setdefault(key(track), []).append(track)
    return groups


def _by_motion(motions: Iterable[tuple[NewsKind, Track]]) -> dict[NewsKind, list[Track]]:
    groups: dict[NewsKind, list[Track]] = {}
    for motion, track in motions:
        groups.setdefault(motion, []).append(track)
    return groups


def _edge(track: Track) -> str:
    return track.entered_from


def _third(track: Track) -> str:
    return third(track.box)
