import numpy as np
import pytest
from PySide6.QtGui import QColor

from narrator_ui.video_view import VideoView

BLACK, RED, BLUE = (0, 0, 0), (255, 0, 0), (0, 0, 255)


@pytest.fixture
def view(qtbot):
    view = VideoView()
    qtbot.addWidget(view)
    view.resize(200, 200)
    view.show()
    qtbot.waitExposed(view)
    return view


def picture(width: int, height: int, rgb: tuple[int, int, int]) -> np.ndarray:
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = rgb[::-1]
    pixels.flags.writeable = False
    return pixels


def colour(view: VideoView, x: int, y: int) -> tuple[int, int, int]:
    pixel = QColor(view.grab().toImage().pixel(x, y))
    return pixel.red(), pixel.green(), pixel.blue()


@pytest.mark.parametrize("rgb", [RED, BLUE, (10, 200, 90)])
def test_a_bgr_picture_has_its_own_colours(view, rgb):
    view.show_picture(picture(64, 64, rgb))
    assert colour(view, 100, 100) == rgb


def test_a_wide_picture_keeps_its_aspect(view):
    view.show_picture(picture(320, 160, RED))
    column = [colour(view, 100, y) for y in (0, 48, 52, 147, 152, 199)]
    assert column == [BLACK, BLACK, RED, RED, BLACK, BLACK]


def test_a_tall_picture_keeps_its_aspect(view):
    view.show_picture(picture(160, 320, RED))
    row = [colour(view, x, 100) for x in (0, 48, 52, 147, 152, 199)]
    assert row == [BLACK, BLACK, RED, RED, BLACK, BLACK]


def test_the_bars_of_an_earlier_picture_are_cleared(view):
    view.show_picture(picture(200, 200, RED))
    view.grab()
    view.show_picture(picture(320, 160, BLUE))
    assert colour(view, 100, 10) == BLACK


@pytest.mark.parametrize(("width", "height"), [(1, 1), (8000, 4), (3, 5000), (641, 479)])
def test_odd_sizes_are_painted(view, width, height):
    view.show_picture(picture(width, height, RED))
    assert RED in [colour(view, *place) for place in ((100, 100), (99, 100), (100, 99))]


def test_a_part_of_a_larger_array_is_painted_as_it_is(view):
    large = np.zeros((100, 300, 3), np.uint8)
    large[:, 100:200] = RED[::-1]
    view.show_picture(large[:, 100:200])
    assert [colour(view, x, 100) for x in (2, 100, 197)] == [RED, RED, RED]


def test_only_a_new_picture_is_painted_and_a_still_one_once_more_smoothly(view, qtbot):
    view.show_picture(picture(64, 64, RED))
    qtbot.waitUntil(lambda: view.painted == 1)
    view.refine()
    view.refine()
    qtbot.waitUntil(lambda: view.painted == 2)
    view.refine()
    qtbot.wait(50)  # nothing more may come
    assert view.painted == 2


def test_a_message_stands_over_the_picture_and_goes_away(view):
    view.show_picture(picture(200, 200, RED))
    view.show_message("Paused")
    assert view.accessibleDescription() == "Paused"
    with_message = view.grab().toImage()
    view.show_message("")
    assert view.grab().toImage() != with_message
    assert colour(view, 100, 100) == RED


def test_a_message_is_shown_before_the_first_picture(view):
    empty = view.grab().toImage()
    view.show_message("Waiting for the first picture…")
    assert view.grab().toImage() != empty
