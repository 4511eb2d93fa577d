"""Which pictures a model gets, for any memory and any limits."""

from hypothesis import given
from hypothesis import strategies as st

from narrator.budget import Limits, Planned, plan
from narrator.messages import EncodedPicture, Moment


def picture(side, size=100):
    return EncodedPicture(side, side // 2, b"x" * size)


def moment(at):
    return Moment(at, at, 0, False, (picture(768), picture(384), picture(192)))


def by_pixels(width, height, _detail):
    return width * height // 1000


NEWEST = Planned(picture(768), 100.0)
MOMENTS = [moment(float(at)) for at in range(90, 101)]


def test_newest_full_older_smaller_oldest_first():
    chosen = plan(NEWEST, MOMENTS, Limits(6, 10_000, 10_000), by_pixels)
    assert [p.captured_at for p in chosen] == [95, 96, 97, 98, 99, 100]
    assert [p.picture.width for p in chosen] == [192, 192, 384, 384, 384, 768]


def test_no_pictures_for_a_describer_that_takes_none():
    assert plan(NEWEST, MOMENTS, Limits(0, 10_000, 10_000), by_pixels) == ()
    assert plan(None, MOMENTS, Limits(9, 10_000, 10_000), by_pixels) == ()


@given(st.integers(1, 20), st.integers(0, 2000), st.integers(0, 3000), st.integers(0, 40))
def test_limits_hold_and_the_newest_is_always_there(pictures, tokens, size, kept):
    moments = [moment(float(at)) for at in range(100 - kept, 100)]
    chosen = plan(NEWEST, moments, Limits(pictures, tokens, size), by_pixels)
    assert chosen[-1] == NEWEST
    assert len(chosen) <= pictures
    times = [p.captured_at for p in chosen]
    assert times == sorted(times)
    widths = [p.picture.width for p in chosen]
    assert widths == sorted(widths)
    if len(chosen) > 1:
        assert sum(by_pixels(p.picture.width, p.picture.height, "") for p in chosen) <= tokens
        assert sum(len(p.picture.jpeg) for p in chosen) <= size
