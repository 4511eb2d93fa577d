"""The rolling buffer: older is smaller, bytes are bounded, pictures are encoded once."""

import cv2
import numpy as np
import pytest

from narrator.history import History, encode, shrunk
from narrator.messages import Frame


def frame(at, size=(720, 1280), seq=None):
    pixels = np.random.default_rng(int(at * 10)).integers(0, 255, (*size, 3), np.uint8)
    return Frame(int(at * 30) if seq is None else seq, at, at, at, 0, pixels)


def sides(moment):
    return [max(picture.width, picture.height) for picture in moment.pictures]


def test_a_moment_is_due_each_interval():
    history = History(1.0, 16_000_000)
    assert history.wants(frame(0))
    history.keep(frame(0), is_cut=False)
    assert not history.wants(frame(0.9))
    assert history.wants(frame(1.0))


def test_older_moments_are_smaller():
    history = History(1.0, 16_000_000)
    for at in (0, 30, 62, 69):
        history.keep(frame(at), is_cut=False)
    assert [max(sides(moment)) for moment in history.moments()] == [192, 384, 768, 768]


def test_bytes_are_bounded_and_the_oldest_goes():
    history = History(1.0, 1_000_000)
    for at in range(40):
        history.keep(frame(at), is_cut=False)
    assert history.bytes <= 1_000_000
    assert history.moments()[-1].captured_at == 39
    assert history.moments()[0].captured_at > 0


def test_pictures_keep_their_aspect_and_decode():
    history = History(1.0, 16_000_000)
    history.keep(frame(0, (1080, 1920)), is_cut=True)
    (moment,) = history.moments()
    assert moment.is_cut
    assert [(p.width, p.height) for p in moment.pictures] == [(768, 432), (384, 216), (192, 108)]
    decoded = cv2.imdecode(np.frombuffer(moment.pictures[0].jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (432, 768, 3)


def test_the_newest_is_encoded_once():
    history = History(1.0, 16_000_000)
    newest = frame(0, seq=7)
    assert history.newest(newest) is history.newest(newest)
    assert history.newest(frame(1, seq=8)) is not history.newest(newest)


@pytest.mark.parametrize("size", [(1, 1), (1, 8000), (3000, 5), (193, 191)])
def test_odd_sizes(size):
    small = shrunk(np.zeros((*size, 3), np.uint8), 192)
    assert 1 <= max(small.shape[:2]) <= 192
    assert min(small.shape[:2]) >= 1
    assert encode(small).jpeg[:2] == b"\xff\xd8"
