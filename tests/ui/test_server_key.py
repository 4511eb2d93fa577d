"""The key of a model server, given in the window: it goes to the server whose address stands beside it, to no other."""

import pytest
from fakes.openai_service import OpenAIService
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication

from narrator.privacy import keys
from narrator.settings import config_folder
from narrator_ui.describer_dialog import DescriberDialog

PRESSED_MS = 150
KEY = "sk-room-next-door"


@pytest.fixture(autouse=True)
def no_key_of_the_users(monkeypatch):
    monkeypatch.delenv("SCENE_NARRATOR_SERVER_KEY", raising=False)


@pytest.fixture
def service():
    with OpenAIService(key=KEY) as service:
        yield service


def press(window, qtbot, keys_: str) -> None:
    combination = QKeySequence(keys_)[0]
    qtbot.keyClick(QApplication.focusWidget() or window, combination.key(), combination.keyboardModifiers())
    qtbot.wait(PRESSED_MS)


def server_page(window, qtbot):
    """The dialog, standing on the model server, when it has looked for a key."""
    press(window, qtbot, "Ctrl+B")
    qtbot.waitUntil(lambda: any(dialog.isActiveWindow() for dialog in window.findChildren(DescriberDialog)))
    dialog = next(dialog for dialog in window.findChildren(DescriberDialog) if dialog.isActiveWindow())
    dialog.choices.setCurrentRow([page.spec.id for page in dialog.pages].index("server"))
    qtbot.waitUntil(lambda: "Looking" not in dialog.page().key.state.text())
    return dialog, dialog.page()


def write(qtbot, field, text: str) -> None:
    field.setFocus()
    field.clear()
    qtbot.keyClicks(field, text)


def plain(label) -> str:
    return label.text().replace("\u200b", "")


def place(service: OpenAIService) -> str:
    return f"127.0.0.1:{service.port}"


def test_a_key_typed_with_the_address_reaches_that_server(open_window, qtbot, service):
    window = open_window("A dog comes in.")
    _, page = server_page(window, qtbot)
    write(qtbot, page.model.field("server.url"), service.url)
    write(qtbot, page.key.field, KEY)
    press(window, qtbot, "Alt+U")
    qtbot.waitUntil(lambda: not window.findChildren(DescriberDialog), timeout=10_000)
    qtbot.waitUntil(lambda: bool(service.asked), timeout=10_000)
    assert service.last.headers["authorization"] == f"Bearer {KEY}"
    assert keys.kept_for("server", place(service))[0].value == KEY
    assert f"for {place(service)}" in plain(window.effect)


def test_save_and_test_uses_the_key_for_the_new_address(open_window, qtbot, service):
    window = open_window("A dog comes in.")
    _, page = server_page(window, qtbot)
    write(qtbot, page.model.field("server.url"), service.url)
    write(qtbot, page.key.field, KEY)
    page.key.test.click()
    qtbot.waitUntil(lambda: " works, " in page.key.result.text(), timeout=10_000)
    assert f"There is a key for {place(service)}" in plain(page.key.state)


def test_a_key_without_an_address_is_not_kept(open_window, qtbot):
    window = open_window("A dog comes in.")
    dialog, page = server_page(window, qtbot)
    write(qtbot, page.key.field, KEY)
    press(window, qtbot, "Alt+U")
    qtbot.waitUntil(lambda: "Give the server's address first" in plain(page.key.result))
    assert dialog.isVisible()
    assert page.key.field.text() == KEY
    assert not (config_folder() / "keys.toml").exists()
    assert window.session.wanted_backend != "server"


def test_a_key_for_another_server_is_told_and_so_is_its_end(open_window, qtbot, service):
    keys.store_key("server", "sk-of-another", "gpu.example:8443")
    window = open_window("A dog comes in.", options={"server.url": service.url})
    _, page = server_page(window, qtbot)
    assert f"is for gpu.example:8443 and is not sent to {place(service)}." in plain(page.key.state)
    assert "A new key takes its place." in plain(page.key.state)
    assert page.key.remove.isEnabled()
    write(qtbot, page.key.field, KEY)
    press(window, qtbot, "Alt+U")
    qtbot.waitUntil(lambda: bool(service.asked), timeout=10_000)
    assert service.last.headers["authorization"] == f"Bearer {KEY}"
    assert "It takes the place of the key for gpu.example:8443, which is gone." in plain(window.effect)


def test_the_key_of_this_server_and_that_of_the_environment_are_told(open_window, qtbot, service, monkeypatch):
    keys.store_key("server", KEY, place(service))
    window = open_window("A dog comes in.", options={"server.url": service.url})
    _, page = server_page(window, qtbot)
    assert plain(page.key.state).startswith(f"There is a key for {place(service)} in the file ")
    press(window, qtbot, "Escape")
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    monkeypatch.setenv("SCENE_NARRATOR_SERVER_KEY", "sk-loose")
    _, page = server_page(window, qtbot)
    assert "in the environment variable SCENE_NARRATOR_SERVER_KEY" in plain(page.key.state)
    write(qtbot, page.key.field, KEY)
    page.key.test.click()
    qtbot.waitUntil(lambda: "It is not used while there is one in the environment" in plain(page.key.state))
