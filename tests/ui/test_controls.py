import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from narrator_ui.controls import Button, FlowLayout


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_a_button_with_the_focus_is_pressed_even_by_a_shortcut_of_the_window(qtbot, key):
    window, done = QWidget(), []
    shortcut = QAction(window)
    shortcut.setShortcut(QKeySequence(Qt.Key.Key_Space))
    shortcut.triggered.connect(lambda: done.append("shortcut"))
    window.addAction(shortcut)
    button = Button.doing("Dismiss", lambda: done.append("button"))
    button.setParent(window)
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    button.setFocus()
    qtbot.waitUntil(button.hasFocus)
    qtbot.keyClick(button, key)
    assert done == ["button"]


def test_a_button_takes_over_the_name_of_its_action(qtbot):
    action = QAction("Pause")
    button = Button.of(action)
    qtbot.addWidget(button)
    action.setText("Start")
    assert button.text() == "Start"


@pytest.mark.parametrize("width", [150, 320, 900])
def test_buttons_wrap_and_none_leaves_the_window(qtbot, width):
    window = QWidget()
    buttons = [Button.doing(name, lambda: None) for name in ("Pause", "Hush", "Repeat", "Describe now", "Help")]
    window.setLayout(FlowLayout(*buttons))
    qtbot.addWidget(window)
    window.resize(width, window.heightForWidth(width))
    window.show()
    qtbot.waitExposed(window)
    places = [button.geometry() for button in buttons]
    assert all(window.rect().contains(place) for place in places)
    assert not any(one.intersects(other) for one in places for other in places if one is not other)
    rows = {place.top() for place in places}
    assert (len(rows) > 1) == (width < 400)
