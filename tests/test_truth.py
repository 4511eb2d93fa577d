"""Whether words about one scene still hold in another."""

import pytest

from narrator.messages import Box, Scene, Track
from narrator.truth import still_true


def scene(*labels, revision=1, epoch=0):
    tracks = tuple(Track(number, label, 0.9, Box(0, 0, 1, 1)) for number, label in enumerate(labels))
    return Scene(revision, 0.0, 0.0, epoch, tracks=tracks)


@pytest.mark.parametrize(
    ("then", "now", "holds"),
    [
        (scene("person"), scene("person"), True),
        (scene("person"), scene("person", "dog"), True),
        (scene("person", "dog"), scene("dog"), True),
        (scene("person"), scene(), False),
        (scene("person"), scene("dog"), False),
        (scene(), scene("dog"), True),
        (scene("person"), scene("person", revision=2), False),
        (scene("person"), scene("person", epoch=1), False),
    ],
)
def test_words_hold_while_something_of_them_is_there(then, now, holds):
    assert still_true(then, now) is holds
