"""Says in sentences what a Scene holds, and what is new in it. Pure: the same scene and news give the same words.

grammar   words and templates of one language, from `resources/wording/LANGUAGE.toml`
overview  what is there
changes   which of the news still hold, and belong together
report    what is new
reading   what text reads
"""

from collections.abc import Sequence

from narrator.language.phrasing import normal
from narrator.messages import News, Scene
from narrator.wording.grammar import Grammar
from narrator.wording.overview import Overview
from narrator.wording.report import Report


class Wording:
    """The describer's words in one language, for example "en". Raises `DataFileDamaged`."""

    def __init__(self, language: str = "en") -> None:
        self._grammar = Grammar(language)
        self._overview = Overview(self._grammar)
        self._report = Report(self._grammar, self._overview)

    def overview(self, scene: Scene, said: Sequence[str] = (), *, is_cut: bool = False) -> list[str]:
        """What is there, in a few sentences; nothing when the last line in `said` was the same."""
        sentences = self._overview.sentences(scene, said, is_cut=is_cut)
        if not sentences:
            sentences = [self._grammar.sentence("nothing_now" if is_cut else "nothing_yet")]
        return [] if said and normal(said[-1]) == normal(" ".join(sentences)) else sentences

    def answer(self, scene: Scene, said: Sequence[str] = ()) -> list[str]:
        """What is there, for a user who asks: never nothing, and more than an overview that comes unasked."""
        sentences = self._overview.sentences(scene, on_request=True) or [self._grammar.sentence("nothing")]
        if said and normal(said[-1]).endswith(normal(" ".join(sentences))):
            return [self._grammar.sentence("unchanged"), *sentences]
        return sentences

    def news(self, scene: Scene, news: Sequence[News], said: Sequence[str] = ()) -> list[str]:
        """What of `news` is worth telling and still so: at most two short sentences, and what text reads."""
        return self._report.sentences(scene, news, said)
