"""Lets through of a model's answer what is worth hearing: pure.

The word for "nothing new" is never spoken, nor are a model's reasoning, a preamble, what was just said, or the prompt.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

from rapidfuzz.distance import Indel

from narrator.language.likeness import content, heard, tells_the_same, tokens, words_of
from narrator.messages import Prompt, Reason

MARKER = "NOTHING_NEW"
"""The answer of a model that has nothing to tell; `resources/prompts/rules.toml` teaches it."""
_LAST_LINES = 3
"""WorldScribe (UIST 2024) compares with so many."""
_STATEMENT = 2
"""A part of a sentence with so many words that carry meaning stands for itself."""
_ECHO, _ECHO_WORDS = 0.9, 4
"""A sentence of so many words that is so much like one of the prompt is an echo of it."""
_LOOK_BACK = 80
_REASONING = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("◁think▷", "◁/think▷"),
)
_OPEN, _CLOSE = r"*_`\"'“‘«(\[<「", r"*_`\"'”’»)\]>」"
_MARK = re.compile(
    rf"(?<![^\W_])[{_OPEN}]*(?P<word>nothing[\s_-]*new)(?![^\W_])[{_CLOSE}]*(?P<stop>[.!…]*)[{_CLOSE}]*", re.IGNORECASE
)
_CLOSERS = re.compile(f"[{_CLOSE}]*")
_AFTER_MARK = re.compile(r"[\s:;,–—-]+")
_NAME_LIKE = re.compile(rf"[{_OPEN}]*(?P<word>[^\W\d_]+(?:_[^\W\d_]*)*)[{_CLOSE}.!…\s]*")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_PART = re.compile(r"[,;:–—、，]\s*")
_QUOTED = re.compile(r'(?m)^- ".*"$')


class Novelty:
    """Reads one answer. `said` are the lines that were heard, oldest first, in the language of the code `language`.

    `asked` are the texts of the prompt: a model that repeats them is not heard. A language that is not known, or "",
    makes for fewer dropped lines.
    """

    def __init__(self, said: Sequence[str] = (), *, asked: Sequence[str] = (), language: str = "") -> None:
        self._words = words_of(language)
        self._told: list[list[str]] = []
        self._statements: list[list[str]] = []
        for line in said[-_LAST_LINES:]:
            self._remember(line)
        self._asked = tuple(sentence for text in asked for sentence in _bare_sentences(text))
        self._held = ""
        self._is_opening = True
        self._starts_anew = False
        self._before = ""
        self._has_marker = False
        self._overheard: set[str] = set()

    @classmethod
    def of(cls, prompt: Prompt, language: str = "") -> "Novelty":
        """For the answer to this prompt; who asks is answered, also with what was said before."""
        said = () if prompt.reason is Reason.USER else prompt.said
        asked = (prompt.system, *(part for part in prompt.parts if isinstance(part, str)))
        return cls(said, asked=asked, language=language)

    @property
    def nothing_new(self) -> bool:
        """The answer so far is the marker and no other word."""
        return self._has_marker and not self._before

    def feed(self, text: str) -> str:
        """What of the answer so far is certain to be shown and spoken."""
        self._held += text
        return self._release(is_over=False)

    def flush(self) -> str:
        """What was still held back when the answer ended."""
        return self._release(is_over=True)

    def repeats(self, clause: str) -> bool:
        """Whether there is nothing in this clause that was not just said, in this answer or before."""
        return not self.fresh(clause)

    def fresh(self, clause: str) -> str:
        """The clause without what was just said; empty when nothing is left. What is given out counts as said."""
        if self._is_echo(clause) or self._is_told(clause):
            return ""
        rest = self._addition(clause)
        self._remember(rest)
        return rest

    def hear(self, lines: Iterable[str]) -> None:
        """Others told this meanwhile; lines that are known already change nothing."""
        for line in lines:
            if line not in self._overheard:
                self._overheard.add(line)
                self._remember(line)

    def may_repeat(self, start: str) -> bool:
        """Whether a sentence that begins so may come to be a repeat: it should be judged whole."""
        new = content(start, self._words)
        return any(told[: len(new)] == new for told in self._told)

    def _remember(self, line: str) -> None:
        for sentence in _sentences(line):
            parts = (content(part, self._words) for part in _PART.split(sentence))
            self._told.append(content(sentence, self._words))
            self._statements += [self._told[-1], *(part for part in parts if len(part) >= _STATEMENT)]

    def _is_told(self, clause: str) -> bool:
        new = content(clause, self._words)
        return any(tells_the_same(new, old, self._words) for old in self._statements)

    def _addition(self, clause: str) -> str:
        """What follows a statement that was said already, after a comma or a word such as "and"."""
        for place in _joints(clause, self._words.joining):
            start = content(clause[:place], self._words)
            if len(start) > _STATEMENT and self._is_told(clause[:place]):
                rest = clause[place:].lstrip(",;:–—、， ")
                return rest[:1].upper() + rest[1:]
        return clause

    def _is_echo(self, clause: str) -> bool:
        words = list(tokens(clause))
        line = " ".join(words)
        return len(words) >= _ECHO_WORDS and any(
            Indel.normalized_similarity(line, asked) >= _ECHO for asked in self._asked
        )

    def _release(self, *, is_over: bool) -> str:
        if self._is_opening and not self._drop_opening(is_over=is_over):
            return ""
        text = self._unmarked(is_over=is_over)
        if self._starts_anew or not self._before:
            text = text.lstrip()
        if text and self._starts_anew:
            text, self._starts_anew = text[0].upper() + text[1:], False
        if self._before or any(letter.isalnum() for letter in text):
            self._before = (self._before + text)[-_LOOK_BACK:]
        return text

    def _drop_opening(self, *, is_over: bool) -> bool:
        """Take reasoning and preambles off the start; False as long as more may come of them."""
        while True:
            cut = _opening_end(self._held)
            if cut is None:
                self._held = "" if is_over and _reasons(self._held) else self._held
                if is_over and _is_translated_marker(self._held):
                    self._held, self._has_marker = "", True
                self._is_opening = not is_over
                return is_over
            if cut == 0:
                self._is_opening = False
                return True
            self._held, self._starts_anew = self._held[cut:].lstrip(), True

    def _unmarked(self, *, is_over: bool) -> str:
        """The held text without markers; the end that may become one stays held."""
        text, start = "", 0
        for mark in _MARK.finditer(self._held):
            if mark.end() == len(self._held) and not is_over:
                break
            if self._is_marker(mark, text + self._held[start : mark.start()], is_over=is_over):
                text += self._held[start : mark.start()]
                after = _AFTER_MARK.match(self._held, mark.end())
                start = after.end() if after else mark.end()
                self._has_marker = self._starts_anew = True
        tail = None if is_over else _may_become_mark().search(self._held, start)
        end = tail.start() if tail else len(self._held)
        text += self._held[start:end]
        self._held = self._held[end:]
        return text

    def _is_marker(self, mark: re.Match[str], before: str, *, is_over: bool) -> bool:
        """Written as it was taught, or a sentence by itself: "Nothing new." """
        word = mark["word"]
        if "_" in word or word.isupper():
            return True
        before = (self._before + before).rstrip()
        after = self._held[mark.end() :]
        is_end = bool(mark["stop"]) or after.startswith("\n") or (is_over and not after.strip())
        return is_end and (not before or before[-1] in ".!?。")


def _sentences(text: str) -> list[str]:
    return [sentence for sentence in _SENTENCE.split(text) if sentence.strip()]


@lru_cache(maxsize=32)
def _bare_sentences(text: str) -> tuple[str, ...]:
    """The words of each sentence of a prompt but for the lines that it quotes."""
    return tuple(" ".join(tokens(sentence)) for sentence in _sentences(_QUOTED.sub("", text)))


def _joints(clause: str, joining: frozenset[str]) -> list[int]:
    """Where a second statement may begin, the last place first."""
    commas = [match.start() for match in _PART.finditer(clause)]
    words = [match.start() for match in re.finditer(r"\w+", clause) if match.group().casefold() in joining]
    return sorted(commas + words, reverse=True)


def _reasons(text: str) -> bool:
    text = text.lstrip().casefold()
    return any(text.startswith(begin) for begin, _ in _REASONING)


def _opening_end(text: str) -> int | None:
    """How long the first reasoning or preamble is, 0 when there is none, None when more must come to tell."""
    start = len(text) - len(text.lstrip())
    lower = text[start:].casefold()
    for begin, end in _REASONING:
        if lower.startswith(begin):
            place = text.casefold().find(end)
            return None if place < 0 else place + len(end)
        if begin.startswith(lower):
            return None
    if _may_be_translated_marker(text):
        return None
    return _preamble_end(text)


def _preamble_end(text: str) -> int | None:
    bare, ends = _bare(text)
    if not bare:
        return None
    for phrase, following in _preambles().items():
        if phrase.startswith(bare):
            return None
        if bare.startswith(phrase + " "):
            end = ends[len(phrase) - 1]
            after = following.match(text, end)
            if after:
                return after.end()
            if _CLOSERS.fullmatch(text, end):
                return None
    return 0


@cache
def _preambles() -> dict[str, re.Pattern[str]]:
    """Each preamble with what must follow it."""
    opening = heard()["opening"]
    mark, colon, comma = (re.compile(rf"[{_CLOSE}]*{sign}[{_CLOSE}]*\s*") for sign in ("[!.,:—–]+", ":", ","))
    pictures = [f"{article} {noun}" for article in opening["articles"] for noun in opening["nouns"]]
    return {
        **dict.fromkeys(opening["interjections"], mark),
        **dict.fromkeys(opening["labels"], colon),
        **dict.fromkeys((f"in {picture}" for picture in pictures), comma),
        **dict.fromkeys(
            (f"{picture} {verb}" for picture in pictures for verb in opening["verbs"]), re.compile(rf"[{_CLOSE}]*:?\s+")
        ),
    }


def _bare(text: str) -> tuple[str, list[int]]:
    """The words in small letters with one space between them, numbers as #; and where each letter ends in `text`."""
    bare, ends = "", list[int]()
    for place, letter in enumerate(text, 1):
        sign = "#" if letter.isdigit() else letter.casefold()[:1] if letter.isalnum() else " "
        if (sign in "# " and bare[-1:] == sign) or (sign == " " and not bare):
            if sign == "#":
                ends[-1] = place
            continue
        bare += sign
        ends.append(place)
    return bare, ends


def _may_be_translated_marker(text: str) -> bool:
    """One word in capitals so far, as RIEN_DE_NOUVEAU is: some models translate the marker."""
    match = _NAME_LIKE.fullmatch(text.strip())
    return bool(match and match["word"].isupper() and len(match["word"]) > 1)


def _is_translated_marker(text: str) -> bool:
    return _may_be_translated_marker(text) and "_" in text.strip("*_`")


@cache
def _may_become_mark() -> re.Pattern[str]:
    """The end of a text that may become the marker with what comes next."""
    pattern = "(?:n(?:e(?:w)?)?)?"
    for letter in reversed("othing"):
        pattern = f"(?:{letter}{pattern})?" if letter != "g" else rf"(?:g[\s_-]*{pattern})?"
    return re.compile(rf"(?<![^\W_])(?:[{_OPEN}]*n{pattern}[{_CLOSE}.!…]*|[{_OPEN}]+)$", re.IGNORECASE)
