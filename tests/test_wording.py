"""The words for what is there and for what is new: exact sentences, and what no sentence may ever do."""

import re
import tomllib
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrator.errors import DataFileDamaged
from narrator.language.phrasing import normal
from narrator.messages import Box, News, NewsKind, Scene, TextLine, Track, Trouble
from narrator.resources import resource
from narrator.sight.labels import LABELS
from narrator.wording import Wording
from narrator.wording.grammar import read

LEFT, MIDDLE, RIGHT = 0.15, 0.5, 0.85
WORDING = Wording("en")
DATA = tomllib.loads(resource("wording/en.toml").read_text(encoding="utf-8"))
CALM = settings(deadline=None)
"""A busy machine is no failure."""
_numbers = count(1)


def thing(
    label: str,
    x: float = MIDDLE,
    *,
    y: float = 0.5,
    height: float = 0.4,
    score: float = 0.8,
    colour: str = "",
    edge: str = "",
) -> Track:
    box = Box(x - 0.05, y - height / 2, x + 0.05, y + height / 2)
    return Track(next(_numbers), label, score, box, colour, edge)


def people(*places: float, edge: str = "") -> list[Track]:
    return [thing("person", x, edge=edge) for x in places]


def scene(
    tracks: Iterable[Track] = (),
    *,
    text: tuple[TextLine, ...] = (),
    brightness: float = 0.5,
    trouble: Trouble | None = None,
) -> Scene:
    return Scene(1, 0.0, 0.0, 0, tracks=tuple(tracks), text=text, brightness=brightness, trouble=trouble)


def news(kind: NewsKind, *tracks: Track, text: tuple[TextLine, ...] = (), trouble: Trouble | None = None) -> list[News]:
    if tracks:
        return [News(next(_numbers), 0.0, kind, track) for track in tracks]
    return [News(next(_numbers), 0.0, kind, text=text, trouble=trouble)]


def came(*tracks: Track) -> list[News]:
    return news(NewsKind.APPEARED, *tracks)


def went(*tracks: Track) -> list[News]:
    return news(NewsKind.LEFT, *tracks)


def written(*lines: str, score: float = 0.9) -> tuple[TextLine, ...]:
    return tuple(TextLine(line, score, Box(0.4, 0.1 * n, 0.6, 0.1 * n + 0.08)) for n, line in enumerate(lines))


def line(sentences: list[str]) -> str:
    return " ".join(sentences)


OVERVIEWS = [
    ([], "Nothing is recognised yet."),
    (people(LEFT), "A person on the left."),
    (people(MIDDLE, MIDDLE), "Two people in the middle."),
    (people(LEFT, RIGHT), "Two people, one on the left and one on the right."),
    (people(LEFT, LEFT, MIDDLE), "Three people, two on the left and one in the middle."),
    (people(LEFT, MIDDLE, RIGHT), "Three people across the picture."),
    (people(*[RIGHT] * 4), "Four people on the right."),
    (people(*[RIGHT] * 5), "A group of people on the right."),
    (people(LEFT, LEFT, MIDDLE, RIGHT, RIGHT), "Several people across the picture."),
    (people(LEFT, LEFT, LEFT, LEFT, MIDDLE, RIGHT), "Several people, most of them on the left."),
    (people(*[LEFT] * 3, *[MIDDLE] * 3, *[RIGHT] * 3), "Many people across the picture."),
    (
        [*people(RIGHT, RIGHT, RIGHT), thing("car", RIGHT, colour="white")],
        "Three people and a white car, on the right.",
    ),
    ([*people(LEFT), thing("car", RIGHT)], "A person on the left, a car on the right."),
    (
        [thing("car", RIGHT), thing("dog", MIDDLE), *people(LEFT)],
        "A person on the left, a dog in the middle. A car on the right.",
    ),
    ([thing("person", colour="orange")], "A person in orange in the middle."),
    ([thing("person", colour="red"), thing("person", colour="blue")], "Two people in the middle."),
    ([thing("person", colour="red"), thing("person", colour="red")], "Two people in the middle."),
    ([thing("car", colour="orange")], "An orange car in the middle."),
    ([thing("car", colour="red"), thing("car", colour="red")], "Two red cars in the middle."),
    ([thing("orange", colour="orange")], "An orange in the middle."),
    ([thing("car", colour="mauve")], "A car in the middle."),
    ([thing("person", height=0.9)], "A person, near, in the middle."),
    ([thing("person", height=0.9), thing("dog", LEFT)], "A person, near, in the middle. A dog on the left."),
    ([thing("person", LEFT, height=0.1)], "A person far off on the left."),
    ([thing("chair", height=0.05)], "A chair in the middle."),
    ([thing("dog", score=0.45)], "Perhaps a dog in the middle."),
    ([thing("person", score=0.45)], "A person in the middle."),
    ([thing("person", score=0.4)], "Perhaps a person in the middle."),
    ([thing("dog", score=0.45), thing("dog", score=0.7)], "Two dogs in the middle."),
    ([thing("sheep"), thing("sheep")], "Two sheep in the middle."),
    ([thing("car", LEFT), thing("traffic light", LEFT)], "A street, it seems: a car and a traffic light, on the left."),
    ([thing("bed", LEFT), *people(RIGHT)], "A bedroom, it seems: a person on the right, a bed on the left."),
    ([*people(LEFT), thing("tie", LEFT), thing("handbag", LEFT)], "A person on the left."),
    ([thing("suitcase", LEFT), thing("a new class", LEFT)], "A suitcase on the left."),
]


@pytest.mark.parametrize(("tracks", "words"), OVERVIEWS, ids=[words for _, words in OVERVIEWS])
def test_says_what_is_there(tracks: list[Track], words: str) -> None:
    assert line(WORDING.overview(scene(tracks))) == words


def test_says_what_text_reads_after_what_is_there() -> None:
    shown = scene([*people(RIGHT, RIGHT, RIGHT), thing("car", RIGHT, colour="white")], text=written("NO", "PARKING"))
    assert line(WORDING.overview(shown)) == "Three people and a white car, on the right. Text reads: NO PARKING."


def test_says_that_it_is_dark() -> None:
    assert line(WORDING.overview(scene(people(LEFT), brightness=0.1))) == "A person on the left. It is dark."


def test_does_not_say_at_every_cut_that_it_is_dark() -> None:
    shown = scene(people(LEFT), brightness=0.1)
    assert line(WORDING.overview(shown, ["Now a dog. It is dark."], is_cut=True)) == "Now a person on the left."


def test_marks_another_scene() -> None:
    assert line(WORDING.overview(scene(people(LEFT)), is_cut=True)) == "Now a person on the left."
    assert line(WORDING.overview(scene(), is_cut=True)) == "Another scene: nothing is recognised."
    assert line(WORDING.overview(scene(text=written("The end")), is_cut=True)) == "Text reads: The end."


def test_does_not_say_the_same_overview_twice_in_a_row() -> None:
    shown = scene(people(LEFT))
    assert WORDING.overview(shown, ["A person on the left."]) == []
    assert WORDING.overview(shown, ["A person on the left.", "It got dark."]) == ["A person on the left."]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (written("NO", "PARKING"), "Text reads: NO PARKING."),
        (written("Mind the step!"), "Text reads: Mind the step!"),
        ((*written("OPEN"), TextLine("EXIT", 0.9, Box(0.8, 0.8, 0.9, 0.9))), "Text reads: OPEN, EXIT."),
        (written("word " * 20), f"Text reads: {'word ' * 12}".strip() + ", and more."),
        (written(" \n\t", "…"), ""),
        (written("blurred", score=0.7), ""),
        (written("**Sale** 3.5 %"), "Text reads: Sale 3.5 %."),
    ],
)
def test_reads_text(lines: tuple[TextLine, ...], words: str) -> None:
    assert line(WORDING.overview(scene(people(LEFT), text=lines))[1:]) == words


class TestAnswer:
    def test_always_says_something(self) -> None:
        assert WORDING.answer(scene()) == ["Nothing is recognised."]
        assert WORDING.answer(scene(brightness=0.1)) == ["It is dark."]

    def test_says_when_nothing_changed(self) -> None:
        shown = scene(people(LEFT))
        assert line(WORDING.answer(shown)) == "A person on the left."
        assert line(WORDING.answer(shown, ["A person on the left."])) == "Nothing changed. A person on the left."
        again = ["Nothing changed. A person on the left."]
        assert line(WORDING.answer(shown, again)) == "Nothing changed. A person on the left."
        assert line(WORDING.answer(scene(), ["Nothing is recognised."])) == "Nothing changed. Nothing is recognised."

    def test_tells_more_than_an_overview(self) -> None:
        shown = scene([*people(LEFT), thing("tie", LEFT)], text=written("N0TICE", score=0.65))
        assert line(WORDING.answer(shown)) == "A person and a tie, on the left. It may say: N0TICE."

    def test_names_the_trouble(self) -> None:
        assert WORDING.answer(scene(trouble=Trouble.COVERED)) == ["The camera seems to be covered."]


def test_tells_who_comes_in() -> None:
    one, two = people(LEFT, 0.2, edge="left")
    assert WORDING.news(scene([one]), came(one)) == ["A person comes in from the left."]
    assert WORDING.news(scene([one, two]), came(one, two)) == ["Two people come in from the left."]
    assert WORDING.news(scene([one, two]), came(one)) == ["Another person comes in from the left, two now."]


def test_tells_of_comers_from_both_sides_at_once() -> None:
    one, two = *people(LEFT, edge="left"), *people(RIGHT, edge="right")
    assert WORDING.news(scene([one, two]), came(one, two)) == ["Two people come in from both sides."]


def test_joins_different_comers() -> None:
    person, dog = thing("person", LEFT, edge="left"), thing("dog", LEFT, colour="brown", edge="left")
    assert WORDING.news(scene([dog, person]), came(dog, person)) == ["A person and a brown dog come in from the left."]


@pytest.mark.parametrize(
    ("edge", "words"), [("top", "A bird comes in at the top."), ("bottom", "A bird comes in at the bottom.")]
)
def test_tells_every_edge(edge: str, words: str) -> None:
    bird = thing("bird", edge=edge)
    assert WORDING.news(scene([bird]), came(bird)) == [words]


def test_names_what_is_suddenly_there() -> None:
    dog = thing("dog", RIGHT)
    assert WORDING.news(scene([dog]), came(dog)) == ["A dog on the right."]


def test_names_things_only_when_they_are_the_first_of_their_class() -> None:
    old, new = thing("chair", LEFT), thing("chair", RIGHT)
    assert WORDING.news(scene([old, new]), came(new)) == []
    assert WORDING.news(scene([new]), came(new)) == ["A chair on the right."]


def test_leaves_out_who_came_and_went() -> None:
    passer = thing("person", LEFT, edge="left")
    assert WORDING.news(scene(), [*came(passer), *went(passer)]) == []


def test_leaves_out_who_is_no_longer_there() -> None:
    passer = thing("person", LEFT, edge="left")
    assert WORDING.news(scene(), came(passer)) == []
    assert WORDING.news(scene(), news(NewsKind.COMES_CLOSER, passer)) == []


def test_leaves_out_what_was_lost_and_found() -> None:
    lost, found = thing("car", 0.5), thing("truck", 0.52)
    assert WORDING.news(scene([found]), [*went(lost), *came(found)]) == []


def test_tells_who_leaves_and_who_remains() -> None:
    gone = thing("person", 0.97)
    assert WORDING.news(scene(), went(gone)) == ["A person leaves to the right, nobody remains."]
    assert WORDING.news(scene(people(LEFT)), went(gone)) == ["A person leaves to the right, one remains."]
    assert WORDING.news(scene(people(LEFT, LEFT)), went(gone)) == ["A person leaves to the right, two remain."]
    assert WORDING.news(scene(people(LEFT, LEFT, LEFT)), went(gone)) == []


def test_tells_who_remains_only_of_people() -> None:
    person, dog = thing("person", 0.03), thing("dog", 0.03)
    assert WORDING.news(scene(people(MIDDLE)), went(person, dog)) == ["A person and a dog leave to the left."]


def test_tells_of_animals_and_vehicles_that_leave() -> None:
    assert WORDING.news(scene(), went(thing("dog", 0.05))) == ["A dog leaves to the left."]
    assert WORDING.news(scene(), went(thing("chair", 0.05))) == []


def test_tells_that_the_last_one_is_out_of_sight() -> None:
    assert WORDING.news(scene(), went(thing("person"))) == ["Nobody in sight any more."]
    assert WORDING.news(scene(), went(thing("cat"))) == ["No cat in sight any more."]
    assert WORDING.news(scene(people(LEFT)), went(thing("person"))) == []
    assert WORDING.news(scene(), went(thing("cat", score=0.5))) == []


def test_tells_a_crowd_as_a_whole() -> None:
    crowd = people(*[0.1 * n for n in range(1, 6)], edge="left")
    assert WORDING.news(scene(crowd), came(*crowd)) == ["Several people, most of them on the left."]
    assert WORDING.news(scene(crowd), came(*crowd[:2])) == ["More people come in, several now."]
    assert WORDING.news(scene(crowd), went(thing("person", 0.97))) == []
    more = people(*[0.1 * n for n in range(5, 10)], edge="left")
    assert WORDING.news(scene(crowd + more), came(*more)) == ["More people come in, many now."]
    assert WORDING.news(scene(crowd[:2]), went(*crowd[2:])) == ["Fewer people now, two."]


CROWD = people(*[0.1 * n for n in range(1, 8)], edge="left")


@pytest.mark.parametrize(
    ("now", "said", "words"),
    [
        (7, [], "Another person comes in from the left."),
        (7, ["Three people on the left."], "Several people now."),
        (
            7,
            ["Several people now.", "Another person comes in from the left, four now."],
            "Now there are several people.",
        ),
        (7, ["A person leaves to the left, two remain."], "Several people now."),
        (7, ["A group of people on the left."], "Another person comes in from the left."),
        (7, ["More people come in, many now."], "Several people now."),
        (7, ["Several people now.", "Another person comes in from the left."], ""),
        (5, ["Three people on the left."], "Several people now."),
        (3, ["Several people now."], "Another person comes in from the left, three now."),
    ],
)
def test_tells_the_number_of_a_crowd_when_the_listener_believes_otherwise(
    now: int, said: list[str], words: str
) -> None:
    assert line(WORDING.news(scene(CROWD[:now]), came(CROWD[0]), said)) == words


def test_seven_eight_or_nine_people_are_about_the_same() -> None:
    nine = people(*[0.1 * n for n in range(1, 10)], edge="left")
    assert WORDING.news(scene(nine), went(thing("person", 0.97)), ["Several people across the picture."]) == []


def test_tells_one_walker_among_many_only_when_it_comes_closer() -> None:
    walkers = people(LEFT, MIDDLE, RIGHT)
    for kind in (NewsKind.MOVES_LEFT, NewsKind.MOVES_RIGHT, NewsKind.GOES_AWAY):
        assert WORDING.news(scene(walkers), news(kind, walkers[1])) == []
    closer = news(NewsKind.COMES_CLOSER, walkers[1])
    assert WORDING.news(scene(walkers), closer) == ["One of the people in the middle comes closer."]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (NewsKind.COMES_CLOSER, "A dog in the middle comes closer."),
        (NewsKind.GOES_AWAY, "A dog moves away."),
        (NewsKind.MOVES_LEFT, "A dog moves to the left."),
        (NewsKind.MOVES_RIGHT, "A dog moves to the right."),
    ],
)
def test_tells_motion(kind: NewsKind, words: str) -> None:
    dog = thing("dog")
    assert WORDING.news(scene([dog]), news(kind, dog)) == [words]


def test_merges_those_who_move_alike() -> None:
    two = people(MIDDLE, MIDDLE)
    assert WORDING.news(scene(two), news(NewsKind.COMES_CLOSER, *two)) == ["Two people in the middle come closer."]
    assert WORDING.news(scene(two), news(NewsKind.MOVES_LEFT, *two)) == ["Two people move to the left."]


def test_tells_only_the_newest_motion() -> None:
    dog = thing("dog")
    both = [*news(NewsKind.COMES_CLOSER, dog), *news(NewsKind.GOES_AWAY, dog)]
    assert WORDING.news(scene([dog]), both) == ["A dog moves away."]


def test_tells_who_goes_to_and_fro_only_when_there_is_nothing_else() -> None:
    walker, dog = thing("person"), thing("dog", RIGHT)
    told = [*news(NewsKind.MOVES_LEFT, walker), *came(dog)]
    assert WORDING.news(scene([walker, dog]), told) == ["A dog on the right."]


def test_does_not_tell_that_a_comer_goes_on() -> None:
    dog = thing("dog")
    moves = news(NewsKind.MOVES_RIGHT, dog)
    assert WORDING.news(scene([dog]), moves, ["A dog comes in from the left."]) == []
    assert WORDING.news(scene([dog]), moves, ["A dog comes in from the right."]) == ["A dog moves to the right."]


def test_people_come_before_animals_vehicles_and_things() -> None:
    tracks = [thing("chair", LEFT), thing("car", LEFT, edge="left"), thing("dog", RIGHT, edge="right"), *people(MIDDLE)]
    told = WORDING.news(scene(tracks), came(*tracks))
    assert told == ["A person in the middle.", "A dog comes in from the right."]


def test_says_new_text_once() -> None:
    sign = written("FILM", "STUDIO")
    read = news(NewsKind.TEXT, text=sign)
    assert WORDING.news(scene(text=sign), read) == ["Text reads: FILM STUDIO."]
    assert WORDING.news(scene(text=sign), read, ["Text reads: FILM STUDI0."]) == []
    assert WORDING.news(scene(text=sign), read, ["Now a person on the left. Text reads: FILM STUDIO."]) == []
    assert WORDING.news(scene(text=written("EXIT")), read) == []


def test_text_is_told_with_what_matters_most() -> None:
    person, dog, sign = thing("person", LEFT), thing("dog", RIGHT), written("OPEN")
    told = WORDING.news(scene([person, dog], text=sign), [*came(person, dog), *news(NewsKind.TEXT, text=sign)])
    assert told == ["A person on the left.", "Text reads: OPEN."]


@pytest.mark.parametrize(
    ("kind", "brightness", "words"),
    [
        (NewsKind.DARKER, 0.1, "It got dark."),
        (NewsKind.DARKER, 0.3, "It got darker."),
        (NewsKind.BRIGHTER, 0.4, "It got brighter."),
        (NewsKind.BRIGHTER, 0.7, "It got bright."),
    ],
)
def test_tells_the_light(kind: NewsKind, brightness: float, words: str) -> None:
    assert WORDING.news(scene(brightness=brightness), news(kind)) == [words]


def test_leaves_out_light_that_turned_back() -> None:
    assert WORDING.news(scene(), [*news(NewsKind.DARKER), *news(NewsKind.BRIGHTER)]) == []


@pytest.mark.parametrize(
    ("trouble", "begins", "ends"),
    [
        (Trouble.BLACK, "The picture is black.", "The picture is back."),
        (Trouble.COVERED, "The camera seems to be covered.", "The camera can see again."),
        (Trouble.FROZEN, "The picture is frozen.", "The picture moves again."),
        (Trouble.BLURRED, "The picture is badly blurred.", "The picture is clear again."),
    ],
)
def test_tells_trouble_and_its_end(trouble: Trouble, begins: str, ends: str) -> None:
    began = news(NewsKind.TROUBLE, trouble=trouble)
    over = news(NewsKind.CLEAR, trouble=trouble)
    assert WORDING.news(scene(people(LEFT), trouble=trouble), [*came(*people(LEFT)), *began]) == [begins]
    assert WORDING.news(scene(trouble=trouble), began, [begins]) == []
    assert WORDING.news(scene(people(LEFT)), over, [begins]) == [ends, "A person on the left."]
    assert WORDING.news(scene(people(LEFT)), [*began, *over]) == []


def test_forgets_news_from_before_a_cut() -> None:
    old, new = thing("dog", LEFT), thing("cat", RIGHT)
    told = WORDING.news(scene([old, new]), [*came(old), *news(NewsKind.CUT), *came(new)])
    assert told == ["A cat on the right."]


def test_tells_again_what_happens_again_in_other_words() -> None:
    said: list[str] = []
    for _ in range(8):
        person = thing("person", LEFT, edge="left")
        said.append(line(WORDING.news(scene([person]), came(person), said[-3:])))
    assert said[:4] == [
        "A person comes in from the left.",
        "Again, a person comes in from the left.",
        "Once more, a person comes in from the left.",
        "Yet again, a person comes in from the left.",
    ]
    assert all(said)


def test_hedges_news() -> None:
    dog = thing("dog", LEFT, score=0.45, edge="left")
    assert WORDING.news(scene([dog]), came(dog)) == ["Perhaps a dog comes in from the left."]


def test_an_unknown_language_is_english() -> None:
    for language in ("xx", "en-GB", "en_US.UTF-8", "../en", ""):
        assert line(Wording(language).overview(scene(people(LEFT)))) == "A person on the left."


GERMAN = Wording("de")


@pytest.mark.parametrize(
    ("tracks", "words"),
    [
        ([*people(LEFT, RIGHT)], "Zwei Personen, eine links und eine rechts."),
        ([thing("dog", LEFT), thing("dog", RIGHT)], "Zwei Hunde, einer links und einer rechts."),
        ([thing("dog", colour="white")], "Ein weißer Hund in der Mitte."),
        ([thing("cat", colour="white")], "Eine weiße Katze in der Mitte."),
        ([thing("horse", colour="white")], "Ein weißes Pferd in der Mitte."),
        ([thing("car", colour="red"), thing("car", colour="red")], "Zwei rote Autos in der Mitte."),
        ([thing("person", colour="orange")], "Eine Person in Orange in der Mitte."),
        ([thing("dog", score=0.45)], "So etwas wie ein Hund in der Mitte."),
        (people(*[RIGHT] * 5), "Eine Gruppe von Personen rechts."),
        (
            [thing("truck", RIGHT), thing("traffic light", RIGHT)],
            "Eine Straße, wie es scheint: ein Lastwagen und eine Ampel, rechts.",
        ),
    ],
)
def test_gender_is_a_matter_of_the_data(tracks: list[Track], words: str) -> None:
    assert line(GERMAN.overview(scene(tracks))) == words


def test_news_come_in_german() -> None:
    dogs = [thing("dog", LEFT, edge="left"), thing("dog", LEFT)]
    assert GERMAN.news(scene(dogs), came(dogs[0])) == ["Ein weiterer Hund kommt von links ins Bild."]
    both = [thing("dog", LEFT, score=0.45, edge="left"), thing("dog", LEFT, score=0.45, edge="left")]
    assert GERMAN.news(scene(both), came(*both)) == ["So etwas wie zwei Hunde kommt von links ins Bild."]
    gone = thing("person", 0.97)
    assert GERMAN.news(scene(people(LEFT)), went(gone)) == ["Eine Person verlässt das Bild nach rechts, eine bleibt."]
    assert GERMAN.news(scene(), went(thing("cat"))) == ["Keine Katze mehr zu sehen."]
    crowd = people(*[0.1 * n for n in range(1, 8)])
    assert GERMAN.news(scene(crowd), came(crowd[0]), ["Zwei Personen links."]) == ["Jetzt mehrere Personen."]


def test_german_articles_fit_the_gender() -> None:
    words = tomllib.loads(resource("wording/de.toml").read_text(encoding="utf-8"))
    assert set(words["classes"]) == set(LABELS)
    for label, entry in words["classes"].items():
        assert entry["article"] == (
            "etwas" if label == "broccoli" else {"m": "ein", "f": "eine", "n": "ein"}[entry["gender"]]
        )
        assert (entry["kind"], entry.get("plain")) == (
            DATA["classes"][label]["kind"],
            DATA["classes"][label].get("plain"),
        )


def test_every_language_has_every_key() -> None:
    def keys(table: dict[str, object], before: str = "") -> set[str]:
        nested = {key: value for key, value in table.items() if isinstance(value, dict)}
        below = {name for key, value in nested.items() for name in keys(value, f"{before}{key}.")}
        return below | {before + key for key in table}

    def plain(names: set[str]) -> set[str]:
        """Without forms for a gender, and without what a word may but need not have."""
        without_gender = {re.sub(r"_[a-z]$", "", name) for name in names}
        return {
            name for name in without_gender if not re.search(r"^(classes|colours)\..+\.(plain|gender|many|word)$", name)
        }

    for path in resource("wording").glob("*.toml"):
        other = tomllib.loads(path.read_text(encoding="utf-8"))
        assert plain(keys(other)) == plain(keys(DATA)), path.name


def test_every_class_has_a_singular_a_plural_and_the_right_article() -> None:
    assert set(DATA["classes"]) == set(LABELS)
    for label, entry in DATA["classes"].items():
        assert entry["one"]
        assert entry["many"]
        assert entry["many"] != entry["one"] or label == "sheep"
        sounds_open = entry["one"][0] in "aeiou"
        assert entry["article"] == ("some" if label == "broccoli" else "an" if sounds_open else "a")


TRACKS = st.builds(
    thing,
    st.sampled_from(LABELS),
    st.floats(0.05, 0.95),
    height=st.floats(0.02, 1.0),
    score=st.floats(0.3, 1.0),
    colour=st.sampled_from(["", "unheard of", *DATA["colours"]]),
    edge=st.sampled_from(["", "left", "right", "top", "bottom"]),
)
WRITTEN = st.lists(
    st.builds(TextLine, st.text(max_size=30), st.floats(0, 1), st.builds(lambda: Box(0.1, 0.1, 0.2, 0.2)))
)
SCENES = st.builds(
    lambda tracks, lines, light: scene(tracks, text=tuple(lines), brightness=light),
    st.lists(TRACKS, max_size=14),
    WRITTEN,
    st.floats(0, 1),
)


@st.composite
def scenes_with_news(draw: st.DrawFn) -> tuple[Scene, list[News]]:
    shown = draw(SCENES)
    others = draw(st.lists(TRACKS, max_size=6))
    kinds = st.sampled_from(
        [kind for kind in NewsKind if kind not in (NewsKind.TROUBLE, NewsKind.CLEAR, NewsKind.TEXT)]
    )
    subjects = st.sampled_from([*shown.tracks, *others]) if [*shown.tracks, *others] else st.none()
    happened = draw(st.lists(st.tuples(kinds, subjects), max_size=12))
    told = [
        News(next(_numbers), 0.0, kind, track if kind not in (NewsKind.DARKER, NewsKind.BRIGHTER) else None)
        for kind, track in happened
    ]
    return shown, [*told, *news(NewsKind.TEXT, text=shown.text)]


def named(sentence: str) -> set[str]:
    """The classes that a sentence names, text that was read left out."""
    words = normal(re.sub(r"(Text reads|It may say): .*", "", sentence))
    words = re.sub(r"\b(in|an?|two|three|four) orange\b(?! s\b|$)", "", words)
    found = set()
    for label in sorted(LABELS, key=lambda label: -len(DATA["classes"][label]["one"])):
        entry = DATA["classes"][label]
        pattern = rf"\b({re.escape(normal(entry['one']))}|{re.escape(normal(entry['many']))})\b"
        if re.search(pattern, words):
            found.add(label)
            words = re.sub(pattern, "", words)
    return found


@CALM
@given(SCENES, st.booleans())
def test_an_overview_names_only_what_is_there(shown: Scene, is_cut: bool) -> None:
    present = {track.label for track in shown.tracks}
    for sentence in [*WORDING.overview(shown, is_cut=is_cut), *WORDING.answer(shown)]:
        assert named(sentence) - {"orange"} <= present
        assert sentence[-1] in ".!?…"
        assert sentence[0] == sentence[0].upper()


@CALM
@given(scenes_with_news())
def test_news_name_only_what_is_there_or_was(drawn: tuple[Scene, list[News]]) -> None:
    shown, told = drawn
    known = {track.label for track in shown.tracks} | {each.track.label for each in told if each.track}
    for sentence in WORDING.news(shown, told):
        assert named(sentence) - {"orange"} <= known
        assert sentence[-1] in ".!?…"


@CALM
@given(scenes_with_news())
def test_news_are_said_in_five_seconds(drawn: tuple[Scene, list[News]]) -> None:
    told = WORDING.news(*drawn)
    assert len(told) <= 2
    with_text = len(told) == 2 and told[1].startswith("Text reads:")
    assert len(line(told).split()) <= (24 if with_text else 17)


@CALM
@given(scenes_with_news())
def test_nothing_is_said_twice(drawn: tuple[Scene, list[News]]) -> None:
    said: list[str] = []
    for _ in range(5):
        told = WORDING.news(*drawn, said)
        assert not {normal(sentence) for sentence in told} & {normal(each) for each in said}
        assert normal(line(told)) not in {normal(each) for each in said if told}
        said += [*told, line(told)] if told else []


@CALM
@given(st.lists(TRACKS, min_size=1, max_size=12))
def test_numbers_agree_with_verbs(tracks: list[Track]) -> None:
    for sentence in WORDING.news(scene(tracks), [*came(*tracks), *news(NewsKind.COMES_CLOSER, *tracks)]):
        who = re.match(r"(.*?) (comes?|moves?)\b", sentence)
        if who:
            is_plural = (
                bool(re.match(r"(?:Perhaps )?(More|Two|Three|Four|Several|Many)\b", who[1], re.IGNORECASE))
                or " and " in who[1]
            )
            assert who[2].endswith("s") != is_plural, sentence


@CALM
@given(SCENES)
def test_never_speaks_of_identity_age_sex_or_mood(shown: Scene) -> None:
    words = normal(line([*WORDING.overview(shown), *WORDING.answer(scene(shown.tracks))])).split()
    assert not {"man", "woman", "boy", "girl", "he", "she", "same", "young", "old", "happy", "sad"} & set(
        words if not shown.text else []
    )


def test_a_damaged_file_is_told_in_plain_words(tmp_path: Path) -> None:
    damaged = tmp_path / "en.toml"
    damaged.write_bytes(b"language = ")
    with pytest.raises(DataFileDamaged, match=r"The program's file en\.toml is damaged") as raised:
        read(damaged)
    assert raised.value.remedy == "Install Scene Narrator again."
