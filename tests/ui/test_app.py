import sys

from PySide6.QtCore import QTimer

from narrator.messages import Level
from narrator_ui.app import unhandled_shown


def test_a_bug_in_the_window_is_shown_and_logged_and_narration_goes_on(open_window, qtbot, caplog):
    window = open_window("A dog comes in from the left.")
    before = sys.excepthook
    with unhandled_shown(window):
        QTimer.singleShot(0, lambda: [][1])
        qtbot.waitUntil(lambda: len(window.notices.notices()) == 1)
    assert sys.excepthook is before
    (notice,) = window.notices.notices()
    assert (notice.level, notice.text) == (Level.ERROR, "Something went wrong in the window.")
    assert "scene-narrator.log" in notice.remedy
    assert "IndexError" in caplog.text
    qtbot.waitUntil(lambda: len(window.captions.lines()) == 1)
