"""How many of a class the listener believes are there, judged by the lines that were heard."""

from collections.abc import Iterable, Sequence

from narrator.language.phrasing import normal
from narrator.wording.grammar import Grammar

_NUMBERS = (0, 1, 2, 3, 4, 5, 9)
"""One for each word that the grammar has for a number."""


def believed(grammar: Grammar, label: str, said: Sequence[str]) -> int | None:
    """The number that was heard last, the least of its range for "several" and "many"; None when none was heard."""
    statements = [(number, f" {normal(text)} ") for number in _NUMBERS for text in _statements(grammar, label, number)]
    for line in reversed(said):
        heard = f" {normal(line)} "
        places = [(heard.rfind(text) + len(text), number) for number, text in statements if text in heard]
        if places:
            return max(places)[1]
    return None


def _statements(grammar: Grammar, label: str, number: int) -> Iterable[str]:
    """Every way in which a sentence states that there are so many now."""
    what, count = grammar.plural(label), grammar.count(number, label)
    if number == 0:
        yield grammar.gone(label)
    if number <= 1:
        yield grammar.remaining("", label, number)
        return
    yield grammar.noun(label, number).text
    if number == grammar.several_from:
        yield grammar.group(label).text
    yield grammar.remaining("", label, number)
    yield grammar.extended("total", "counted", sentence="", count=count)
    for key in ("more", "there_are", "now_there_are", "fewer"):
        yield grammar.extended("total", key, what=what, count=count)
