"""What of a model's answer is let through: row by row, cut into deltas in every way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrator.language import prompts
from narrator.language.novelty import MARKER, Novelty
from narrator.messages import Ask, Reason, Scene

SCENE = Scene(revision=0, frame_at=0.0, media_t=0.0, epoch=0)

NOTHING_NEW = [
    "NOTHING_NEW",
    "nothing_new",
    "NOTHING_NEW.",
    "  NOTHING_NEW\n",
    "**NOTHING_NEW**",
    "_NOTHING_NEW_",
    "`NOTHING_NEW`",
    "[NOTHING_NEW]",
    "(NOTHING_NEW)",
    "<NOTHING_NEW>",
    '"NOTHING_NEW."',
    "“Nothing new.”",
    "「NOTHING_NEW」",
    "NOTHING NEW",
    "NOTHING-NEW!",
    "Nothing new.",
    "nothing new",
    "Sure! NOTHING_NEW",
    "Okay, nothing new.",
    "Answer: NOTHING_NEW",
    "<think>The cat sleeps on.</think>NOTHING_NEW",
    "NOTHING_NEW NOTHING_NEW",
    "RIEN_DE_NOUVEAU",
    "**NICHTS_NEUES**.",
]

WITH_MARKER = [
    ("NOTHING_NEW\nA cat comes.", "A cat comes."),
    ("NOTHING_NEW: A cat comes.", "A cat comes."),
    ("NOTHING_NEW, but a dog barks.", "But a dog barks."),
    ("A cat comes. NOTHING_NEW", "A cat comes."),
    ("A cat comes. (NOTHING_NEW)", "A cat comes."),
    ("A cat comes. **NOTHING_NEW.**", "A cat comes."),
    ("A cat comes. Nothing new.", "A cat comes."),
    ("A cat comes.\nNOTHING_NEW\nA dog comes.", "A cat comes.\nA dog comes."),
    ("Nothing new. A cat comes.", "A cat comes."),
]

PREAMBLES = [
    ("The image shows a man walking.", "A man walking."),
    ("This picture shows a man.", "A man."),
    ("**The image shows** a man.", "A man."),
    ("In this image, a cat sleeps.", "A cat sleeps."),
    ("Sure! A cat sleeps.", "A cat sleeps."),
    ("Sure, here is the description: a cat sleeps.", "A cat sleeps."),
    ("Certainly. Here's what's new: a cat sleeps.", "A cat sleeps."),
    ("Now: A cat sleeps.", "A cat sleeps."),
    ("12 seconds ago: A cat slept.", "A cat slept."),
    ("At 0:54: A cat sleeps.", "A cat sleeps."),
    ("<think>A cat? A dog.</think>\n\nA dog sleeps.", "A dog sleeps."),
    ("<THINKING>Hm.</THINKING> A dog sleeps.", "A dog sleeps."),
    ("<think>It never ends", ""),
    ("Natürlich! Eine Katze schläft.", "Eine Katze schläft."),
]

UNTOUCHED = [
    "A man walks.",
    "Nothing new happens on the left.",
    "There is nothing new here.",
    "Nothing newer than this.",
    "The door opens. Nothing new on the shelf.",
    "Now a man comes in.",
    "Now, a man comes in.",
    "In the middle a cat sleeps.",
    "In the picture on the wall a cat sleeps.",
    "I see a man on the left.",
    "The image of a cat hangs on the wall.",
    "Sure-footed, a goat climbs.",
    "12 people stand in a row.",
    "At 0:54 the clock stops.",
    "STOP is written on the sign.",
    "The tab MAIN_WINDOW is open.",
    "Nothing",
    "A new",
    "A man says 'no'",
    "猫が寝ている。",
    "",
]


def streamed(text: str, step: int) -> tuple[str, Novelty]:
    novelty = Novelty()
    pieces = [novelty.feed(text[at : at + step]) for at in range(0, len(text), step)]
    return "".join([*pieces, novelty.flush()]), novelty


@pytest.mark.parametrize("step", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("text", NOTHING_NEW)
def test_the_marker_is_never_let_through(text, step):
    out, novelty = streamed(text, step)
    assert out == ""
    assert novelty.nothing_new


@pytest.mark.parametrize("step", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(("text", "kept"), WITH_MARKER)
def test_text_beside_the_marker_is_kept(text, kept, step):
    out, novelty = streamed(text, step)
    assert out.strip() == kept
    assert not novelty.nothing_new


@pytest.mark.parametrize("step", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(("text", "kept"), PREAMBLES)
def test_preambles_and_reasoning_are_left_out(text, kept, step):
    out, novelty = streamed(text, step)
    assert out == kept
    assert not novelty.nothing_new


@pytest.mark.parametrize("step", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("text", UNTOUCHED)
def test_everything_else_comes_through(text, step):
    out, novelty = streamed(text, step)
    assert out == text
    assert not novelty.nothing_new


def test_ordinary_words_are_held_back_for_a_word_at_most():
    novelty = Novelty()
    assert novelty.feed("A") + novelty.feed(" man") == "A man"
    novelty = Novelty()
    assert novelty.feed("The") == ""
    assert novelty.feed(" man") == "The man"


def test_silence_is_not_taken_for_nothing_new():
    assert not streamed("", 1)[1].nothing_new


@given(st.lists(st.sampled_from(["NOTHING", "_", "NEW", "**", " ", "A cat", ".", "\n", "<think>", "</think>", "Now:"])))
def test_no_mixture_lets_the_marker_through(pieces):
    novelty = Novelty()
    out = "".join([*map(novelty.feed, pieces), novelty.flush()])
    assert MARKER not in out


@given(st.text(alphabet="abc .,:\"'é猫\n", max_size=60), st.integers(1, 9))
def test_nothing_of_a_plain_answer_is_lost(text, step):
    out, _ = streamed(text, step)
    assert [letter for letter in out.casefold() if letter.isalnum()] == [
        letter for letter in text.casefold() if letter.isalnum()
    ]


REPEATS = [
    ("en", "A man sits at the table.", "A man sits at the table."),
    ("en", "A man sits at a table.", "The man is sitting at the table."),
    ("en", "A man is standing on the left.", "A man stands on the left."),
    ("en", "A dog is on the left.", "On the left, a dog."),
    ("en", "A man sits at the table.", "A man is still sitting at the table."),
    (
        "en",
        "A man in a blue shirt sits at a wooden table with a laptop.",
        "A man in a shirt sits at a table with a laptop.",
    ),
    ("en", "A cat sleeps on the sofa, and a dog lies on the floor.", "A dog lies on the floor."),
    ("en", "It rains. Two people walk to the right.", "Two people walk to the right."),
    ("de", "Ein Mann sitzt am Tisch.", "Der Mann sitzt noch immer am Tisch."),
    ("de", "Ein Hund steht rechts.", "Rechts ein Hund steht."),
    (
        "de",
        "Auf der linken Seite liegt ein schwarzer Hund.",
        "Auf der linken Seite liegt auch jetzt ein schwarzer Hund.",
    ),
    ("fr", "Un homme est assis à la table.", "L'homme est toujours assis à la table."),
    ("es", "Un hombre está sentado a la mesa.", "El hombre está sentado a la mesa."),
    ("ja", "猫がソファで寝ている。", "猫がソファで寝ている。"),
    ("zh", "一个人从左边进来。", "一个人从左边进来"),
    ("th", "แมวนอนบนโซฟา", "แมวนอนบนโซฟา"),
    ("ar", "رجل يجلس على اليسار.", "رجل يجلس على اليسار."),
    ("", "A man sits at the table.", "A man sits at the table!"),
]

NEWS = [
    ("en", "A person comes in on the left.", "A person leaves on the left."),
    ("en", "A person comes in on the left.", "A person comes in on the right."),
    ("en", "A person comes in on the left.", "Another person comes in on the left."),
    ("en", "A person comes in on the left.", "A person comes in on the left again."),
    ("en", "A red car passes.", "A blue car passes."),
    ("en", "Two people stand at the door.", "Three people stand at the door."),
    ("en", "Platform 12 is written on the sign.", "Platform 13 is written on the sign."),
    ("en", "The thermometer shows 5 degrees.", "The thermometer shows -5 degrees."),
    ("en", "It costs $5.", "It costs €5."),
    ("en", "The door is open.", "The door is not open."),
    ("en", "The door is not open.", "The door is open."),
    ("en", "The door isn't open.", "The door is open."),
    ("en", "There is no dog on the sofa.", "There is a dog on the sofa."),
    ("en", "The black cat stops eating its food.", "The black cat is eating its food."),
    ("en", "The door is locked.", "The door is unlocked."),
    ("en", "A man appears on the left.", "A man disappears on the left."),
    ("en", "A dog chases a cat.", "A cat chases a dog."),
    ("en", "A man on the left hands a book to a woman.", "A woman on the left hands a book to a man."),
    ("en", "He moves from the left to the middle.", "He moves from the middle to the left."),
    (
        "en",
        "A man in a blue shirt stands at a wooden table with a laptop.",
        "A man in a blue shirt sits at a wooden table with a laptop.",
    ),
    ("en", "A dog runs on the beach.", "Dogs run on the beach."),
    ("en", "A man enters.", "A woman enters."),
    ("en", "She sits at the table.", "He sits at the table."),
    ("en", "The cat lies under the table.", "The cat lies on the table."),
    ("en", "A man sits at the table.", "A man sits at the table with a dog."),
    ("en", "The sign points northeast.", "The sign points northwest."),
    ("de", "Eine Person kommt von links herein.", "Eine Person geht nach links hinaus."),
    ("de", "Die Tür ist nicht offen.", "Die Tür ist offen."),
    ("de", "Ein rotes Auto fährt vorbei.", "Ein blaues Auto fährt vorbei."),
    ("de", "Der Mann auf der linken Seite winkt.", "Der Mann auf der rechten Seite winkt."),
    ("de", "Es wird hell.", "Es wird dunkel."),
    ("fr", "La porte n'est pas ouverte.", "La porte est ouverte."),
    ("es", "La puerta no está abierta.", "La puerta está abierta."),
    ("zh", "一个人从左边进来。", "一个人从右边进来。"),
    ("zh", "一个人从左边进来。", "一个人从左边离开。"),
    ("ja", "猫がいる。", "猫がいない。"),
    ("th", "แมวอยู่ทางซ้าย", "แมวอยู่ทางขวา"),
    ("hi", "एक हरा दरवाज़ा", "एक हरी दरवाज़ा"),
    ("ar", "رجل يجلس على اليسار.", "رجل يجلس على اليمين."),
    ("xx", "The door is not open.", "The door is open."),
]


SAY_MORE = {
    "A man sits at the table with a dog.",
    "A person comes in on the left again.",
    "Another person comes in on the left.",
}


@pytest.mark.parametrize(("language", "said", "line"), REPEATS)
def test_a_repeat_is_not_heard_again(language, said, line):
    assert Novelty((said,), language=language).repeats(line)


@pytest.mark.parametrize(("language", "said", "line"), NEWS)
def test_what_differs_in_one_word_that_matters_is_heard(language, said, line):
    assert not Novelty((said,), language=language).repeats(line)
    assert not Novelty((said,)).repeats(line)


@pytest.mark.parametrize(("language", "said", "line"), NEWS)
def test_the_other_way_round_it_is_heard_too_unless_it_says_less(language, said, line):
    if line not in SAY_MORE:
        assert not Novelty((line,), language=language).repeats(said)


def test_only_the_last_three_lines_count():
    said = ("A car passes the house.", "A dog barks.", "Rain falls.", "A child waves.")
    assert not Novelty(said, language="en").repeats("A car passes the house.")
    assert Novelty(said, language="en").repeats("A dog barks.")
    assert Novelty(said, language="en").repeats("Rain falls.")


def test_a_model_that_goes_round_in_circles_is_heard_once():
    novelty = Novelty(language="en")
    clauses = ["A man sits there.", "A dog sleeps.", "A man sits there.", "A dog sleeps."]
    assert [clause for clause in clauses if not novelty.repeats(clause)] == clauses[:2]


@pytest.mark.parametrize(
    ("clause", "heard"),
    [
        ("A man sits at the table, and a dog comes in.", "And a dog comes in."),
        ("A man sits at the table; a dog comes in.", "A dog comes in."),
        ("A man is sitting at the table while a dog comes in.", "While a dog comes in."),
        ("A man sits at the table with a dog.", "A man sits at the table with a dog."),
        ("A man stands up, and a dog comes in.", "A man stands up, and a dog comes in."),
        ("A man sits at the table.", ""),
    ],
)
def test_of_a_line_that_goes_on_only_the_addition_is_heard(clause, heard):
    assert Novelty(("A man sits at the table.",), language="en").fresh(clause) == heard


def test_the_start_of_a_line_that_may_be_a_repeat_is_known():
    novelty = Novelty(("On the left side, two people stand.",), language="en")
    assert novelty.may_repeat("On the left side,")
    assert not novelty.may_repeat("On the right side,")


def test_an_echo_of_the_prompt_is_not_heard():
    ask = Ask(Reason.CHANGE, SCENE, said=("A man sits at the table.",), words=20)
    prompt = prompts.build(ask, (), prompts.Manner())
    novelty = Novelty.of(prompt, "en")
    assert novelty.repeats("Tell of the newest picture; older ones only show what led to it.")
    assert novelty.repeats("Tell only what is new and was not said yet, in at most 20 words.")
    assert novelty.repeats("A man sits at the table.")
    assert not novelty.repeats("A woman in a red coat comes in.")


def test_who_asks_is_answered_with_what_was_said_before():
    ask = Ask(Reason.USER, SCENE, said=("A man sits at the table.",))
    assert not Novelty.of(prompts.build(ask, (), prompts.Manner()), "en").repeats("A man sits at the table.")


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_can_be_judged(said, clause):
    novelty = Novelty((said,), language="en")
    assert novelty.repeats(clause) in (True, False)
    assert Novelty((clause,)).may_repeat(clause) in (True, False)
