"""A key that is kept or deleted in the window counts from the next request of a describer that is in use."""

import pytest
from fakes.gemini_service import GeminiService
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication

from narrator.privacy import keys
from narrator.privacy.consent import Consents
from narrator_ui.describer_dialog import DescriberDialog

LONG_MS = 20_000


@pytest.fixture
def service():
    with GeminiService() as running:
        yield running


@pytest.fixture
def page(open_window, qtbot, service, tmp_path):
    """Where the key is given, in a window that narrates with Gemini."""
    keys.store_key("gemini", "the-first-key")
    Consents(tmp_path / "consents.toml").give("gemini", "127.0.0.1")
    options = {"gemini.base_url": service.url, "gemini.min_gap": 0.0, "loop": True}
    window = open_window(backend="gemini", options=options)
    qtbot.waitUntil(lambda: bool(service.asked), timeout=LONG_MS)
    shortcut = QKeySequence("Ctrl+B")[0]
    qtbot.keyClick(QApplication.focusWidget() or window, shortcut.key(), shortcut.keyboardModifiers())
    qtbot.waitUntil(lambda: any(dialog.isVisible() for dialog in window.findChildren(DescriberDialog)))
    dialog = window.findChildren(DescriberDialog)[-1]
    dialog.choices.setCurrentRow([page.spec.id for page in dialog.pages].index("gemini"))
    qtbot.waitUntil(lambda: "There is a key" in dialog.page().key.state.text())
    return dialog.page()


def test_another_key_is_in_the_next_request(page, qtbot, service):
    service.set(key="the-second-key")
    page.key.field.setText("the-second-key")
    qtbot.mouseClick(page.key.test, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "accepts the key" in page.key.result.text(), timeout=LONG_MS)
    qtbot.waitUntil(lambda: service.last.headers["x-goog-api-key"] == "the-second-key", timeout=LONG_MS)


def test_with_its_key_deleted_nothing_more_is_sent(page, qtbot, service):
    notices = page.window().parent().notices
    qtbot.mouseClick(page.key.remove, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "is deleted" in page.key.result.text(), timeout=LONG_MS)
    qtbot.waitUntil(lambda: any("No key for Gemini" in notice.text for notice in notices.notices()), timeout=LONG_MS)
    asked = len(service.asked)
    qtbot.wait(2000)
    assert len(service.asked) == asked
