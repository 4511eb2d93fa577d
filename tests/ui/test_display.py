import pytest

from narrator.errors import NoWindow
from narrator_ui.display import require_display


@pytest.mark.parametrize("display", ["", "nonsense", ":", ":4711", "localhost:4711", "unix:4711.0"])
def test_no_display_is_told_with_a_remedy(display):
    with pytest.raises(NoWindow) as caught:
        require_display({"DISPLAY": display})
    assert caught.value.sentence == "There is no display to open a window on."
    assert "--no-window" in caught.value.remedy


def test_a_display_that_answers_is_good(xvfb_display):
    require_display({"DISPLAY": xvfb_display})
    require_display({"DISPLAY": f"{xvfb_display}.0"})


def test_other_platforms_of_qt_are_left_to_qt():
    require_display({"QT_QPA_PLATFORM": "offscreen"})
    require_display({"WAYLAND_DISPLAY": "wayland-0"})
