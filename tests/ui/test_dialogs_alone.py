"""The dialogs by themselves: by keys alone, and with every text size."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QMainWindow, QMessageBox

from narrator.language import styles
from narrator.language.prompts import Manner
from narrator.seams import BackendSpec, Setting
from narrator.settings import Settings
from narrator_ui.consent_dialog import ConsentDialog
from narrator_ui.describer_dialog import DescriberDialog, Describers
from narrator_ui.focus_dialog import FocusDialog, focus_told
from narrator_ui.key_box import KeyActions
from narrator_ui.limits_dialog import LimitsDialog
from narrator_ui.sent_dialog import SentActions, SentDialog, SentTable
from narrator_ui.style_dialog import StyleDialog
from narrator_ui.theme import Theme

PARAGRAPHS = ("Pictures go to Gemini.", "A picture goes whenever something changes. " * 8)
OWN = "Whisper every word, as if the picture slept."
EMBEDDED = BackendSpec(id="embedded", title="Built in", help="Tells what the program itself sees.")
REMOTE = BackendSpec(
    id="gemini",
    title="Gemini",
    help="Gemini looks at the pictures.",
    is_remote=True,
    key_variables=("GEMINI_API_KEY",),
    settings=(
        Setting("gemini.model", "lite", "Which model describes."),
        Setting("gemini.vertex", False, "Use Vertex AI."),
        Setting("gemini.temperature", 1.0, "How freely it words.", 0, 2),
    ),
)

PRESSED_MS = 150
"""A button that is pressed by its letter stays down for 100 ms and does its work then."""


@pytest.fixture
def window(qtbot, undressed):
    window = QMainWindow()
    window.resize(700, 500)
    qtbot.addWidget(window)
    window.show()
    return window


def opened(qtbot, dialog):
    dialog.open()
    dialog.activateWindow()
    qtbot.waitUntil(lambda: dialog.isActiveWindow() and QApplication.focusWidget() is not None)
    return dialog


def press(qtbot, *keys: str) -> None:
    for key in keys:
        combination = QKeySequence(key)[0]
        qtbot.keyClick(QApplication.focusWidget(), combination.key(), combination.keyboardModifiers())
        if key.startswith("Alt+"):
            qtbot.wait(PRESSED_MS)


def describers(applied: list, problem: str = "", key: str = "") -> Describers:
    return Describers(
        [EMBEDDED, REMOTE],
        {setting.key: setting.default for setting in REMOTE.settings},
        lambda _: KeyActions(lambda: key, lambda _: "in memory", lambda: "Deleted.", lambda: "It works."),
        lambda _: lambda key: [("lite", "Lite"), ("full", "Full")] if key == "gemini.model" else [],
        lambda _, values: {"gemini.temperature": "Full ignores it."} if values["gemini.model"] == "full" else {},
        lambda changes: applied.append(dict(changes)) or problem,
    )


def every_dialog(window) -> dict:
    rows = [("12:03:00", "example.org", "2", "768x432 high, 384x216 low", "1,400 + 40", "$0.0005")] * 30
    sent = SentActions(lambda: SentTable(rows, "30 requests."), lambda: None, lambda _: None)
    opened_up = DescriberDialog(window, describers([]), "gemini", lambda _: None)
    opened_up.page().more.click()
    return {
        "consent": ConsentDialog(window, "Gemini looks at the pictures", PARAGRAPHS, "May pictures be sent?"),
        "focus": FocusDialog(window, ""),
        "style": StyleDialog(window, lambda _: None),
        "sent": SentDialog(window, sent, lambda _: None, keeps_pictures=False),
        "describer": opened_up,
        "limits": LimitsDialog(window, Settings.defaults().values, lambda _: ""),
    }


@pytest.mark.parametrize("percent", [100, 200, 400])
def test_nothing_is_cut_off_at_any_text_size(window, qtbot, percent):
    theme = Theme(QApplication.instance(), lambda: None)
    theme.apply("light", percent)
    room = window.screen().availableGeometry()
    for name, dialog in every_dialog(window).items():
        opened(qtbot, dialog)
        qtbot.wait(50)
        content, viewport = dialog.scrolling.widget(), dialog.scrolling.viewport()
        assert content.width() <= viewport.width(), f"{name} is wider than its dialog"
        assert dialog.width() <= room.width(), name
        assert dialog.height() <= room.height(), name
        for button in dialog.findChildren(QAbstractButton):
            if button.isVisible() and button.text():
                assert button.width() >= button.sizeHint().width(), f"{name}: {button.text()} is cut off"
                right = button.mapTo(dialog, button.rect().topRight()).x()
                assert right <= dialog.width(), f"{name}: {button.text()} leaves the dialog"
        dialog.done(0)
    theme.close()


def test_every_control_is_reached_with_tab_and_has_a_name(window, qtbot):
    for name, dialog in every_dialog(window).items():
        opened(qtbot, dialog)
        seen = []
        for _ in range(40):
            focused = QApplication.focusWidget()
            if focused in seen:
                break
            seen.append(focused)
            assert focused.accessibleName() or getattr(focused, "text", str)(), f"{name}: {focused} has no name"
            assert dialog.rect().intersects(focused.rect().translated(focused.mapTo(dialog, focused.rect().topLeft())))
            press(qtbot, "Tab")
        buttons = [b for b in dialog.findChildren(QAbstractButton) if b.isVisible() and b.isEnabled() and b.text()]
        groups = [button for button in buttons if button.group()]  # of a group the chosen one takes the focus
        assert {b.text() for b in buttons if b not in groups} <= {getattr(w, "text", str)() for w in seen}, name
        dialog.done(0)


@pytest.mark.parametrize(("keys", "answer"), [(["Alt+Y"], 1), (["Alt+N"], 0), (["Escape"], 0), (["Tab", "Space"], 1)])
def test_consent_is_answered_by_keys(window, qtbot, keys, answer):
    dialog = opened(qtbot, ConsentDialog(window, "Gemini", PARAGRAPHS, "May pictures be sent?"))
    results: list[int] = []
    dialog.finished.connect(results.append)
    press(qtbot, *keys)
    assert results == [answer]


def test_no_key_that_is_typed_by_chance_consents(window, qtbot):
    dialog = opened(qtbot, ConsentDialog(window, "Gemini", PARAGRAPHS, "May pictures be sent?"))
    press(qtbot, "Space", "Return", "Enter", "Y", "D", "R")
    assert dialog.isVisible()


def test_the_consent_page_is_read_whole_and_can_be_hushed(window, qtbot):
    hushed = []
    hush = QAction(window)
    hush.setShortcuts([QKeySequence("Escape"), QKeySequence("H")])
    hush.triggered.connect(lambda: hushed.append(True))
    dialog = opened(qtbot, ConsentDialog(window, "Gemini", PARAGRAPHS, "May pictures be sent?", [hush]))
    assert all(paragraph.strip() in dialog.spoken() for paragraph in (*PARAGRAPHS, "May pictures be sent?"))
    assert "Escape for no" in dialog.spoken()
    assert all(paragraph.strip() in dialog.page.toPlainText() for paragraph in PARAGRAPHS)
    press(qtbot, "H")
    assert hushed == [True]
    assert dialog.isVisible()
    press(qtbot, "Escape")
    assert not dialog.isVisible()


@pytest.mark.parametrize(
    ("current", "keys", "focus"),
    [
        ("", ["Down", "Return"], "only people"),
        ("", ["Alt+T", "Return"], "only text"),
        ("only people", ["Up", "Return"], ""),
        ("only cats", ["Return"], "only cats"),
    ],
)
def test_a_focus_is_chosen_by_keys(window, qtbot, current, keys, focus):
    dialog = opened(qtbot, FocusDialog(window, current))
    taken = []
    dialog.accepted.connect(lambda: taken.append(dialog.chosen()))
    press(qtbot, *keys)
    assert taken == [focus]


def test_own_words_are_typed(window, qtbot):
    dialog = opened(qtbot, FocusDialog(window, ""))
    dialog.words.setFocus()
    qtbot.keyClicks(dialog.words, " the traffic light ")
    assert dialog.own.isChecked()
    assert dialog.chosen() == "the traffic light"
    assert [focus_told(words) for words in ("", "only text", "cats")] == [
        "Telling everything",
        "Telling only text",
        "Telling only: cats",
    ]


def test_the_gallery_shows_what_each_style_asks(window, qtbot):
    dialog = opened(qtbot, StyleDialog(window, lambda _: None, Manner(style="terse")))
    assert dialog.chosen() == "terse"
    assert styles.find("terse").text.splitlines()[0] in dialog.preview.toPlainText()
    assert not dialog.remove.isEnabled()
    press(qtbot, "Home")
    assert dialog.chosen() == styles.DEFAULT
    assert dialog.description.text() == styles.find(styles.DEFAULT).description
    assert dialog.styles.currentItem().text().startswith("1  ")
    press(qtbot, "Return")
    assert not dialog.isVisible()


def test_own_styles_come_in_go_out_and_are_removed(window, qtbot, tmp_path):
    told: list[str] = []
    file = tmp_path / "Whisper.txt"
    file.write_text(OWN, encoding="utf-8")
    dialog = opened(qtbot, StyleDialog(window, told.append))
    dialog.import_file(str(file))
    assert dialog.chosen() == "whisper"
    assert "your own" in dialog.styles.currentItem().text()
    assert OWN in dialog.preview.toPlainText()
    dialog.export_file(str(tmp_path / "out.toml"))
    assert OWN in (tmp_path / "out.toml").read_text(encoding="utf-8")
    dialog.export_file(str(tmp_path / "out.toml"))
    assert "is there already" in dialog.problem()
    dialog.import_file(str(tmp_path / "nothing.txt"))
    assert "there is no such file" in dialog.problem()
    dialog.remove_style()
    assert dialog.problem() == ""
    assert "whisper" not in styles.styles()
    assert [words.split(":")[0] for words in told] == ["Brought in", "Written to out.toml", "Removed"]


def test_a_file_of_the_users_that_is_damaged_is_told(window, qtbot, tmp_path):
    (tmp_path / "config" / "prompts").mkdir(parents=True)
    (tmp_path / "config" / "prompts" / "broken.toml").write_text("title = ", encoding="utf-8")
    dialog = opened(qtbot, StyleDialog(window, lambda _: None))
    assert "broken.toml was left out" in dialog.problem()
    assert dialog.styles.count() == len(styles.styles())


def test_the_record_is_walked_through_and_erased_after_a_question(window, qtbot):
    rows = [("12:03:01", "example.org", "1", "768x432", "300", "$0.01"), ("12:03:00", "example.org", "2", "", "", "")]
    told: list[str] = []
    actions = SentActions(lambda: SentTable(list(rows), f"{len(rows)} requests."), rows.clear, lambda _: None)
    dialog = opened(qtbot, SentDialog(window, actions, told.append, keeps_pictures=False))
    assert dialog.total.text() == "2 requests."
    assert dialog.table.currentItem().text() == "12:03:01"
    press(qtbot, "Down", "Right")
    assert dialog.table.currentItem().text() == "example.org"
    dialog.erase.click()
    box = dialog.findChild(QMessageBox)
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert len(rows) == 2
    dialog.erase.click()
    box = next(box for box in dialog.findChildren(QMessageBox) if box.isVisible())
    qtbot.waitUntil(box.isActiveWindow)
    qtbot.keyClick(box, Qt.Key.Key_E, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: not rows)
    qtbot.waitUntil(lambda: dialog.total.text() == "Nothing was sent.")
    assert dialog.table.rowCount() == 0
    assert not dialog.erase.isEnabled()
    assert told == ["Erased. Nothing was sent."]


def test_keeping_pictures_is_switched_by_key(window, qtbot):
    kept: list[bool] = []
    actions = SentActions(lambda: SentTable((), ""), lambda: None, kept.append)
    opened(qtbot, SentDialog(window, actions, lambda _: None, keeps_pictures=False))
    press(qtbot, "Alt+K")
    press(qtbot, "Alt+K")
    assert kept == [True, False]


def test_a_describer_is_chosen_with_its_settings_by_keys(window, qtbot):
    applied: list[dict] = []
    dialog = opened(qtbot, DescriberDialog(window, describers(applied), "embedded", lambda _: None))
    assert dialog.page().key is None
    press(qtbot, "Down")
    page = dialog.page()
    assert page.spec is REMOTE
    page.more.setFocus()
    press(qtbot, "Space")
    assert page.advanced.isVisible()
    page.advanced.field("gemini.vertex").setFocus()
    press(qtbot, "Space")
    page.model.field("gemini.model").setFocus()
    press(qtbot, "Down")
    assert not page.advanced.field("gemini.temperature").isEnabled()
    press(qtbot, "Alt+U")
    assert applied == [{"gemini.model": "full", "gemini.vertex": True, "backend": "gemini"}]
    assert not dialog.isVisible()


LOCAL = BackendSpec(
    id="gguf",
    title="llama.cpp",
    help="A model in a file.",
    is_local=True,
    settings=(Setting("gguf.model", "", "Which model.", path_to="file"), Setting("gguf.threads", 0, "Cores.")),
)
SERVER = BackendSpec(
    id="server",
    title="Server",
    help="A server.",
    is_remote=True,
    key_variables=("SERVER_KEY",),
    settings=(Setting("server.url", "", "Where it is."), Setting("server.side", 768, "Longest side.")),
)


def all_describers(applied: list, tiers: str = "", models=None) -> Describers:
    some = describers(applied)
    specs = [EMBEDDED, REMOTE, LOCAL, SERVER]
    values = {setting.key: setting.default for spec in specs for setting in spec.settings} | {"tiers": tiers}
    return Describers(specs, values, some.keys, lambda _: lambda _: [], lambda _, __: {}, some.apply, models)


@pytest.mark.parametrize(
    ("before", "keys", "after"),
    [
        ("", ["Down", "Down"], {"tiers": "gguf"}),
        ("", ["Down", "Down", "Tab", "Down", "Down", "Down"], {"tiers": "gguf, server"}),
        ("gguf", [], {}),
        ("gguf:tiny.gguf, server", [], {}),
        ("gguf, server", ["Tab", "Home"], {"tiers": "gguf"}),
        ("gguf,server", ["Home"], {"tiers": ""}),
    ],
)
def test_who_speaks_first_is_chosen_by_keys(window, qtbot, before, keys, after):
    applied: list[dict] = []
    dialog = opened(qtbot, DescriberDialog(window, all_describers(applied, before), "gemini", lambda _: None))
    assert dialog.tiers.then.isVisible() is bool(before)
    press(qtbot, "Alt+I")
    press(qtbot, *keys)
    press(qtbot, "Alt+U")
    assert applied == [{**after, "backend": "gemini"}]


def test_models_are_reached_from_the_page_of_a_describer_on_this_computer(window, qtbot):
    gone: list[bool] = []
    dialog = opened(
        qtbot, DescriberDialog(window, all_describers([], models=lambda: gone.append(True)), "gguf", lambda _: None)
    )
    press(qtbot, "Alt+M")
    assert gone == [True]
    assert not dialog.isVisible()


@pytest.mark.parametrize("id_", ["embedded", "gemini", "gguf", "server"])
def test_letters_of_the_describers_are_taken_once(window, qtbot, id_):
    dialog = opened(qtbot, DescriberDialog(window, all_describers([], "gguf", lambda: None), id_, lambda _: None))
    parts = [part for kind in (QAbstractButton, QLabel) for part in dialog.findChildren(kind) if part.isVisible()]
    letters = [part.text().partition("&")[2][:1].lower() for part in parts if "&" in part.text()]
    assert len(letters) == len(set(letters))


def test_where_a_server_is_stands_first_and_a_key_may_be_missing(window, qtbot):
    dialog = opened(qtbot, DescriberDialog(window, all_describers([]), "server", lambda _: None))
    page = dialog.page()
    assert page.model.field("server.url").isVisible()
    assert not page.advanced.isVisible()
    qtbot.waitUntil(lambda: page.key.state.text() == "There is no key. Give one only if the server asks for it.")


def test_a_key_that_was_only_pasted_is_kept_with_the_choice(window, qtbot):
    applied: list[dict] = []
    dialog = opened(qtbot, DescriberDialog(window, describers(applied), "gemini", lambda _: None))
    field = dialog.page().key.field
    field.setFocus()
    qtbot.keyClicks(field, "secret")
    press(qtbot, "Return")
    qtbot.waitUntil(lambda: not dialog.isVisible())
    assert field.text() == ""
    assert applied == [{"backend": "gemini"}]


def test_a_choice_that_cannot_be_is_told_and_the_dialog_stays(window, qtbot):
    dialog = opened(qtbot, DescriberDialog(window, describers([], "No such model."), "gemini", lambda _: None))
    press(qtbot, "Return")
    assert dialog.isVisible()
    assert dialog.problem() == "No such model."


def test_cancel_changes_nothing(window, qtbot):
    applied: list[dict] = []
    dialog = opened(qtbot, DescriberDialog(window, describers(applied), "gemini:old", lambda _: None))
    assert dialog.page().spec is REMOTE
    press(qtbot, "Escape")
    assert not dialog.isVisible()
    assert applied == []
