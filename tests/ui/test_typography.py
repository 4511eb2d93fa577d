import pytest

from narrator_ui.typography import breakable, clock


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.9, "0:07"), (61, "1:01"), (3599, "59:59"), (3723, "1:02:03"), (-1, "0:00")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_only_very_long_words_may_be_broken():
    assert breakable("A person comes in from the left.") == "A person comes in from the left."
    broken = breakable("See https://www.example.org/a/very/long/address now")
    assert broken.replace("\u200b", "") == "See https://www.example.org/a/very/long/address now"
    assert "\u200b" in broken
