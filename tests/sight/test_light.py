"""Dark and light are told once, when they last."""

from itertools import pairwise

import numpy as np
import pytest

from narrator.messages import NewsKind
from narrator.sight.light import Light

FPS = 10


def told(levels: list[float]) -> list[tuple[float, NewsKind]]:
    light = Light()
    return [(number / FPS, kind) for number, level in enumerate(levels) if (kind := light.notice(level, number / FPS))]


def seconds(level: float, duration: float) -> list[float]:
    return [level] * int(duration * FPS)


def ramp(start: float, stop: float, duration: float) -> list[float]:
    return [float(level) for level in np.linspace(start, stop, int(duration * FPS))]


def test_a_lamp_that_goes_out_and_on_again() -> None:
    news = told([*seconds(0.5, 10), *seconds(0.1, 20), *seconds(0.5, 20)])
    assert [kind for _, kind in news] == [NewsKind.DARKER, NewsKind.BRIGHTER]
    assert news[0][0] < 12
    assert news[1][0] < 33


def test_dusk_within_a_few_seconds_is_told_once() -> None:
    assert [kind for _, kind in told([*seconds(0.5, 5), *ramp(0.5, 0.08, 3), *seconds(0.08, 60)])] == [NewsKind.DARKER]


@pytest.mark.parametrize("step", [0.9, 1.1, 0.7, 1.3])
def test_a_cloud_is_no_news(step: float) -> None:
    assert told([*seconds(0.5, 10), *seconds(0.5 * step, 20), *seconds(0.5, 20)]) == []


def test_a_blink_is_no_news() -> None:
    assert (
        told([*seconds(0.5, 10), *seconds(0.02, 0.3), *seconds(0.5, 10), *seconds(1.0, 0.3), *seconds(0.5, 10)]) == []
    )


def test_a_flickering_lamp_is_not_told_all_the_time() -> None:
    levels = [level for _ in range(30) for level in (*seconds(0.5, 2), *seconds(0.1, 2))]
    times = [at for at, _ in told(levels)]
    assert all(later - earlier >= 6 for earlier, later in pairwise(times))
