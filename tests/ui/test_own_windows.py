import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QWidget

from narrator_ui.own_windows import OwnWindows, physical


@pytest.fixture(autouse=True)
def no_windows_of_earlier_tests(qapp):
    """They are closed with the next turn of the loop."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_places_are_told_when_they_change_and_held_for_a_moment(qtbot):
    told = []
    own = OwnWindows(told.append, lambda: "screen")
    window = QWidget()
    qtbot.addWidget(window)
    window.setGeometry(10, 20, 300, 200)
    window.show()
    own.look()
    own.look()
    assert told == [[physical(window)]]
    first = physical(window)
    window.move(400, 300)
    own.look()
    assert told[-1] == sorted([first, physical(window)])
    for _ in range(5):
        own.look()
    assert told[-1] == [physical(window)]
    window.hide()
    for _ in range(6):
        own.look()
    assert told[-1] == []


def test_a_dialog_counts_too(qtbot):
    told = []
    own = OwnWindows(told.append, lambda: "screen")
    windows = [QWidget(), QWidget()]
    for window in windows:
        qtbot.addWidget(window)
        window.show()
    windows[1].move(500, 400)
    own.look()
    assert len(told[-1]) == 2
