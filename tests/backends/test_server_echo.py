"""What a model repeats of its prompt is left out, wherever the pieces of its answer are cut."""

import pytest
from fakes.server_talk import picture, prompt
from hypothesis import given
from hypothesis import strategies as st

from narrator.backends._server_echo import Echo

SYSTEM = "You tell a blind person what a camera sees. Begin with what moves. Never guess."
REQUEST = "Say in 20 words what is new."
SAID = "A man in a red coat crosses the street to the left."
PROMPT = prompt("Now:", picture(), f'You said:\n- "{SAID}"', REQUEST, system=SYSTEM, said=(SAID,))


def heard(pieces):
    echo = Echo(PROMPT)
    text = "".join(map(echo.feed, pieces)) + echo.rest()
    return text.strip(), echo.has_repeated


@pytest.mark.parametrize(
    ("answer", "spoken"),
    [
        ("A dog runs.", "A dog runs."),
        (f"{SYSTEM} {REQUEST} A dog runs.", "A dog runs."),
        (f"{SYSTEM.upper()}\n\n{REQUEST}\nAssistant: A dog runs.", "A dog runs."),
        (f"{SYSTEM}\nNow:\n{REQUEST}\nA dog runs.\nIt barks.", "A dog runs.\nIt barks."),
        (f"A dog runs.\n{SYSTEM} {REQUEST}", "A dog runs."),
        (SYSTEM, ""),
        ("Never guess.", "Never guess."),
        (SAID, SAID),
        ("", ""),
        ("…", "…"),
        ("You tell a tall tale.", "You tell a tall tale."),
    ],
)
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_only_the_answer_is_spoken(answer, spoken, size):
    assert heard([answer[at : at + size] for at in range(0, len(answer), size)])[0] == spoken


@given(st.lists(st.integers(1, 30), max_size=40))
def test_wherever_the_pieces_are_cut(sizes):
    answer, pieces = f"{SYSTEM} {REQUEST}\nASSISTANT: A dog runs. It barks.\nA cat sleeps.", []
    for size in sizes:
        pieces.append(answer[:size])
        answer = answer[size:]
    assert heard([*pieces, answer]) == ("A dog runs. It barks.\nA cat sleeps.", True)


@given(st.text())
def test_what_is_no_repetition_comes_whole(text):
    echo = Echo(PROMPT)
    told = echo.feed(text) + echo.rest()
    assert echo.has_repeated or told == text


def test_an_answer_is_not_kept_waiting():
    echo = Echo(PROMPT)
    assert echo.feed("A dog ") == "A dog "
    assert echo.feed("runs") == "runs"
