import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from narrator.messages import Level, Notice
from narrator_ui.controls import Button
from narrator_ui.notices import NoticeArea

NO_SOUND = Notice(Level.WARNING, "There is no sound device.", "Captions go on.")
NO_CAMERA = Notice(Level.ERROR, "There is no camera 0.", "Connect a camera.")


@pytest.fixture
def window(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    return window


@pytest.fixture
def area(window, qtbot):
    area = NoticeArea(information_ms=100)
    layout = QVBoxLayout(window)
    layout.addWidget(area)
    layout.addWidget(QPushButton("Below"))
    window.resize(600, 300)
    window.show()
    qtbot.waitExposed(window)
    return area


def words(area: NoticeArea) -> list[str]:
    return [label.text() for label in area.findChildren(QLabel) if label.isVisible()]


def buttons(area: NoticeArea) -> list[Button]:
    return [button for button in area.findChildren(Button) if button.isVisible()]


def test_the_area_takes_no_room_when_there_is_nothing_to_say(area):
    assert not area.isVisible()


def test_a_notice_says_what_is_wrong_and_what_to_do(area):
    area.show_notice(NO_CAMERA)
    assert words(area) == ["Error: There is no camera 0.", "Connect a camera."]


def test_a_notice_is_dismissed_by_key(area, qtbot):
    area.show_notice(NO_SOUND)
    (dismissal,) = buttons(area)
    qtbot.keyClick(dismissal, Qt.Key.Key_Return)
    assert area.notices() == []
    assert not area.isVisible()


def test_the_focus_is_not_lost_with_a_dismissed_notice(area, qtbot):
    area.show_notice(NO_SOUND)
    (dismissal,) = buttons(area)
    dismissal.setFocus()
    qtbot.waitUntil(dismissal.hasFocus)
    qtbot.keyClick(dismissal, Qt.Key.Key_Space)
    assert isinstance(area.window().focusWidget(), QPushButton)


def test_a_notice_that_is_shown_is_not_shown_twice(area):
    area.show_notice(NO_SOUND)
    area.show_notice(NO_SOUND)
    assert area.notices() == [NO_SOUND]


def test_the_newest_three_are_shown(area):
    for number in range(5):
        area.show_notice(Notice(Level.WARNING, f"Number {number}."))
    assert [notice.text for notice in area.notices()] == ["Number 2.", "Number 3.", "Number 4."]


def test_information_goes_by_itself_and_a_warning_stays(area, qtbot):
    area.show_notice(NO_SOUND)
    area.show_notice(Notice(Level.INFO, "The stream is back."))
    qtbot.waitUntil(lambda: area.notices() == [NO_SOUND])


def test_information_stays_while_it_has_the_focus(area, qtbot):
    area.show_notice(Notice(Level.INFO, "The stream is back."))
    buttons(area)[0].setFocus()
    qtbot.waitUntil(buttons(area)[0].hasFocus)
    qtbot.wait(200)  # twice as long as information stays
    assert len(area.notices()) == 1


def test_an_offer_is_a_button_that_does_it(area, qtbot):
    offer = QAction("Choose source…", area)
    area.show_notice(NO_CAMERA, offer)
    with qtbot.waitSignal(offer.triggered):
        qtbot.keyClick(buttons(area)[0], Qt.Key.Key_Space)
    area.show_notice(NO_SOUND)
    area.withdraw_offers()
    assert area.notices() == [NO_SOUND]


def test_an_offer_stays_when_the_same_notice_comes_again_without_it(area):
    area.show_notice(NO_CAMERA, QAction("Choose source…", area))
    area.show_notice(NO_CAMERA)
    assert len(buttons(area)) == 2
    area.withdraw_offers()
    assert area.notices() == []


@pytest.mark.parametrize("width", [200, 320, 900])
def test_words_and_buttons_have_room_at_every_width(area, qtbot, width):
    area.show_notice(Notice(Level.ERROR, "The stream at the door does not answer. " * 3, "Look after the camera."))
    area.window().resize(width, 400)
    qtbot.wait(10)
    labels = [label for label in area.findChildren(QLabel) if label.isVisible()]
    assert all(label.height() >= label.heightForWidth(label.width()) for label in labels)
    assert all(area.rect().contains(button.mapTo(area, button.rect().bottomRight())) for button in buttons(area))
