"""What is told, how, and by whom: by keys of the window, with the consent that a describer far away needs."""

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication

from narrator.language import styles
from narrator.messages import Meter, Phase, State, Utterance
from narrator.privacy.consent import Consents
from narrator_ui.consent_dialog import ConsentDialog
from narrator_ui.describer_dialog import DescriberDialog
from narrator_ui.focus_dialog import FocusDialog
from narrator_ui.sent_dialog import SentDialog
from narrator_ui.source_dialog import SourceDialog
from narrator_ui.status import described, metered
from narrator_ui.style_dialog import StyleDialog

DOG = "A dog comes in from the left."
KEY = "AIza-made-up-0123456789"


def press(window, qtbot, keys: str) -> None:
    combination = QKeySequence(keys)[0]
    qtbot.keyClick(QApplication.focusWidget() or window, combination.key(), combination.keyboardModifiers())


def shown(window, qtbot, kind):
    """The dialog of this kind, as soon as it has the focus."""
    qtbot.waitUntil(lambda: any(dialog.isActiveWindow() for dialog in window.findChildren(kind)))
    dialog = next(dialog for dialog in window.findChildren(kind) if dialog.isActiveWindow())
    qtbot.waitUntil(lambda: dialog.isAncestorOf(QApplication.focusWidget() or window))
    return dialog


@pytest.mark.parametrize("where", ["button", "captions"])
def test_detail_changes_by_keys(open_window, qtbot, where):
    window = open_window(DOG)
    if where == "captions":
        window.captions.setFocus()
    press(window, qtbot, "M")
    assert window.session.settings.whole("narration.detail") == 4
    assert window.effect.text() == "Detail 4 of 5"
    for _ in range(5):
        press(window, qtbot, "L")
    assert window.effect.text() == "Detail 1 of 5, no further"


def test_what_a_key_did_is_spoken_by_a_voice_that_is_heard(open_window, qtbot, null_sink):
    window = open_window(DOG, voice="espeak")
    events = window.session.subscribe()
    press(window, qtbot, "M")
    said = [event.text for event in events.drain() if isinstance(event, Utterance)]
    assert "Detail 4 of 5" in said


def test_styles_change_by_number(open_window, qtbot):
    window = open_window(DOG)
    names = list(styles.styles())
    press(window, qtbot, "3")
    assert window.session.settings.text("narration.style") == names[2]
    assert window.effect.text() == f"Style: {styles.find(names[2]).title}"
    press(window, qtbot, "9")
    assert window.session.settings.text("narration.style") == names[2]
    assert window.effect.text() == "There is no style 9"


def test_the_menu_names_the_styles(open_window):
    window = open_window(DOG)
    menu = next(top.menu() for top in window.menuBar().actions() if "Telling" in top.text())
    menu.aboutToShow.emit()
    titles = [style.title for style in styles.styles().values()]
    assert f"Style 2: {titles[1]}" in [entry.text() for entry in menu.actions()]


def test_a_style_is_chosen_in_the_gallery(open_window, qtbot):
    window = open_window(DOG)
    press(window, qtbot, "S")
    dialog = shown(window, qtbot, StyleDialog)
    press(window, qtbot, "Down")
    name = dialog.chosen()
    press(window, qtbot, "Return")
    assert window.session.settings.text("narration.style") == name != styles.DEFAULT


def test_digits_and_letters_in_a_dialog_do_nothing_to_the_window(open_window, qtbot):
    window = open_window(DOG)
    press(window, qtbot, "F")
    dialog = shown(window, qtbot, FocusDialog)
    dialog.words.setFocus()
    qtbot.keyClicks(dialog.words, "only 3 small dogs")
    press(window, qtbot, "Return")
    settings = window.session.settings
    assert settings.text("narration.focus") == "only 3 small dogs"
    assert (settings.text("narration.style"), settings.whole("narration.detail")) == (styles.DEFAULT, 3)
    assert window.effect.text() == "Telling only 3 small dogs"


def test_the_describer_is_chosen_and_its_page_waits_for_a_yes(open_window, qtbot):
    window = open_window(DOG)
    press(window, qtbot, "Ctrl+B")
    dialog = shown(window, qtbot, DescriberDialog)
    titles = [dialog.choices.item(row).text() for row in range(dialog.choices.count())]
    assert "Script" not in titles
    dialog.choices.setCurrentRow(titles.index("Gemini"))
    assert dialog.page().model.field("gemini.model").count() > 3
    press(window, qtbot, "Return")
    shown(window, qtbot, ConsentDialog)
    assert window.session.backend == "embedded"
    press(window, qtbot, "Alt+Y")
    qtbot.waitUntil(lambda: window.session.backend == "gemini")
    assert window.session.consent_page is None


@pytest.mark.parametrize("keys", ["Escape", "Alt+N"])
def test_without_a_yes_the_built_in_describer_goes_on(open_window, qtbot, keys):
    window = open_window(backend="gemini")
    shown(window, qtbot, ConsentDialog)
    press(window, qtbot, keys)
    qtbot.waitUntil(lambda: window.session.consent_page is None)
    assert window.session.backend == "embedded"
    assert window.effect.text() == "No: nothing is sent"
    qtbot.wait(200)
    assert not window.findChildren(ConsentDialog)


def test_the_page_is_spoken(open_window, qtbot, null_sink):
    begun = time.monotonic()
    window = open_window(backend="gemini", voice="espeak")
    shown(window, qtbot, ConsentDialog)
    null_sink.wait_for_sound(begun)
    press(window, qtbot, "Escape")
    qtbot.waitUntil(lambda: window.effect.text() == "No: nothing is sent")


def test_consent_does_not_come_over_another_dialog(open_window, qtbot):
    window = open_window(DOG)
    press(window, qtbot, "Ctrl+L")
    shown(window, qtbot, SourceDialog)
    window.session.apply({"backend": "gemini"})
    qtbot.wait(150)
    assert not window.findChildren(ConsentDialog)
    press(window, qtbot, "Escape")
    shown(window, qtbot, ConsentDialog)


def test_a_page_of_a_describer_that_is_wanted_no_more_goes(open_window, qtbot):
    window = open_window(backend="gemini")
    shown(window, qtbot, ConsentDialog)
    window.session.apply({"backend": "embedded"})
    qtbot.waitUntil(lambda: not window.findChildren(ConsentDialog))
    assert window.session.backend == "embedded"


def test_what_was_sent_opens_empty(open_window, qtbot):
    window = open_window(DOG)
    press(window, qtbot, "Ctrl+Shift+S")
    dialog = shown(window, qtbot, SentDialog)
    assert dialog.total.text() == "Nothing was sent."
    press(window, qtbot, "Alt+K")
    qtbot.waitUntil(lambda: window.session.settings.flag("sent.pictures"))


def state(**values) -> State:
    return State(Phase.NARRATING, "demo", "gemini", "silent", 30.0, 5.0, 0, 100.0, None, **values)


def test_the_meter_is_told_in_a_line():
    meter = Meter(12, 23_000, 1_000, 1_150, 0.02, 0.28, 0.05, 2.0)
    assert metered(state(meter=meter)) == (
        "Gemini  ·  12 requests  ·  23k tokens in (5 % cached), 1k out  ·  $0.28 an hour  ·  $0.05 today of $2.00"
    )
    assert metered(state(meter=Meter(1, 300, 9, 0, 0.001, 0.004, 0.001))) == (
        "Gemini  ·  1 request  ·  300 tokens in, 9 out  ·  $0.004 an hour  ·  $0.001 today"
    )
    assert metered(state()) == ""
    assert "1.2M tokens in, 50k out" in metered(state(meter=Meter(1, 1_200_000, 50_000)))


def test_who_narrates_is_told_when_it_is_another():
    assert "Describer: Gemini" in described(state(narrating="gemini"))
    assert "Narrating: Built in, Gemini rests" in described(state(narrating="embedded"))
    assert "Describer: Gemini" in described(state(narrating=""))


@pytest.mark.parametrize("narrating", ["", "gguf", "gemini"])
def test_who_answers_first_is_told(narrating):
    assert "Describers: llama.cpp, then Gemini" in described(state(narrating=narrating, ahead=("gguf:tiny.gguf",)))
    both = described(state(narrating=narrating, ahead=("gguf", "torch")))
    assert "Describers: llama.cpp, then Torch, then Gemini" in both


def test_that_all_who_were_chosen_rest_is_told():
    assert "Narrating: Built in, Gemini rests" in described(state(narrating="embedded", ahead=("gguf",)))


@pytest.mark.parametrize("percent", [100, 400])
def test_the_meter_wraps_in_a_narrow_window(open_window, qtbot, percent):
    window = open_window(DOG)
    window.bridge.close()
    window.theme.apply("dark", percent)
    window.resize(640, 480)
    window.status.show_state(state(meter=Meter(12, 23_000, 1_000, 1_150, 0.02, 0.28, 0.05, 2.0), narrating="embedded"))
    content, viewport = window.centralWidget().widget(), window.centralWidget().viewport()
    qtbot.waitUntil(lambda: content.width() <= viewport.width())
    qtbot.waitUntil(lambda: window.status.height() >= window.status.heightForWidth(window.status.width()))


def test_many_words_of_what_was_done_stay_inside_the_window(open_window, qtbot):
    window = open_window(DOG)
    window.theme.apply("light", 200)
    window.resize(640, 480)
    qtbot.waitUntil(lambda: window.width() == 640)
    window.tell("Telling only the small brown dog and whoever comes near it, or calls it, or throws something")
    assert window.rect().contains(window.effect.geometry())
    window.tell("Paused")
    assert window.effect.width() < 320


@pytest.fixture
def with_key(monkeypatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)


@pytest.mark.usefixtures("with_key")
def test_gemini_narrates_in_the_window_and_its_cost_is_shown(open_window, qtbot, gemini_service):
    gemini_service.set(answer=DOG)
    window = open_window(backend="gemini", options={"gemini.base_url": gemini_service.url})
    shown(window, qtbot, ConsentDialog)
    assert not gemini_service.calls, "nothing is sent before the yes"
    press(window, qtbot, "Alt+Y")
    qtbot.waitUntil(lambda: DOG in [line.text for line in window.captions.lines()], timeout=15_000)
    qtbot.waitUntil(lambda: "an hour" in window.status.text())
    assert "Describer: Gemini" in window.status.text()


def test_a_pasted_key_is_kept_and_tested_against_the_service(open_window, qtbot, gemini_service, tmp_path):
    window = open_window(DOG, options={"gemini.base_url": gemini_service.url})
    press(window, qtbot, "Ctrl+B")
    dialog = shown(window, qtbot, DescriberDialog)
    press(window, qtbot, "G")
    box = dialog.page().key
    qtbot.waitUntil(lambda: box.state.text().startswith("There is no key"))
    box.field.setFocus()
    qtbot.keyClicks(box.field, KEY)
    qtbot.keyClick(box.test, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: "have not agreed to that address" in box.result.text())
    assert not gemini_service.calls, "a key goes to nobody but its service before the user agrees"
    Consents(tmp_path / "consents.toml").give("gemini", "127.0.0.1")
    qtbot.keyClick(box.test, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: "accepts the key" in box.result.text(), timeout=15_000)
    assert box.state.text().startswith("There is a key")
    gemini_service.set(key="another one")
    qtbot.keyClick(box.test, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: "does not accept the key" in box.result.text(), timeout=15_000)
    qtbot.keyClick(box.remove, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: box.state.text().startswith("There is no key"))
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
