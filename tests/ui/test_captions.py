import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractSlider, QApplication, QListView

from narrator_ui.captions import MOST_CAPTIONS, CaptionList, CurrentCaption, Line

LONG = "Text reads: " + "EMERGENCY EXIT ONLY. " * 30


@pytest.fixture
def captions(qtbot):
    captions = CaptionList()
    qtbot.addWidget(captions)
    captions.resize(300, 240)
    captions.show()
    qtbot.waitExposed(captions)
    return captions


@pytest.fixture
def current(qtbot):
    current = CurrentCaption()
    qtbot.addWidget(current)
    current.resize(500, 90)
    current.show()
    qtbot.waitExposed(current)
    return current


def fill(captions: CaptionList, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        captions.append(Line(number, f"Caption number {number} has a few words that need two lines."))
    QApplication.processEvents()


def scroll_to(captions: CaptionList, value: int) -> None:
    """As dragging the scroll bar does."""
    captions.verticalScrollBar().setSliderPosition(value)
    captions.verticalScrollBar().triggerAction(QAbstractSlider.SliderAction.SliderMove)


def first_visible(captions: CaptionList) -> str:
    return str(captions.indexAt(QPoint(1, 1)).data())


def is_at_end(captions: QListView) -> bool:
    bar = captions.verticalScrollBar()
    return bar.value() == bar.maximum()


def test_the_list_keeps_the_newest_captions_only(captions):
    for number in range(MOST_CAPTIONS + 250):
        captions.append(Line(number, "A person."))
    lines = captions.lines()
    assert MOST_CAPTIONS - 100 <= len(lines) <= MOST_CAPTIONS
    assert lines[-1] == Line(MOST_CAPTIONS + 249, "A person.")
    assert lines == sorted(lines, key=lambda line: line.media_t)


def test_the_list_follows_the_newest_caption(captions):
    fill(captions, 40)
    assert captions.verticalScrollBar().maximum() > 0
    assert is_at_end(captions)
    captions.resize(200, 150)
    QApplication.processEvents()
    assert is_at_end(captions)


def test_the_list_stays_where_the_reader_scrolled_to(captions):
    fill(captions, 40)
    scroll_to(captions, 300)
    before = first_visible(captions)
    fill(captions, 20, start=40)
    assert first_visible(captions) == before
    scroll_to(captions, captions.verticalScrollBar().maximum())
    fill(captions, 5, start=60)
    assert is_at_end(captions)


def test_the_list_stays_where_the_reader_scrolled_to_when_old_captions_go(captions):
    fill(captions, MOST_CAPTIONS)
    scroll_to(captions, captions.verticalScrollBar().maximum() // 2)
    before = first_visible(captions)
    fill(captions, 1, start=MOST_CAPTIONS)
    assert len(captions.lines()) < MOST_CAPTIONS
    assert first_visible(captions) == before


def test_the_caption_under_the_readers_cursor_stays_in_view(captions, qtbot):
    fill(captions, 40)
    captions.go_to_newest()
    qtbot.waitUntil(captions.hasFocus)
    fill(captions, 40, start=40)
    assert captions.viewport().rect().intersects(captions.visualRect(captions.currentIndex()))


def test_the_focus_comes_to_the_newest_caption(captions, qtbot):
    captions.clearFocus()
    fill(captions, 40)
    captions.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(captions.hasFocus)
    assert captions.currentIndex().row() == 39


def test_a_row_is_as_high_as_its_words(captions):
    captions.append(Line(0, "Short."))
    captions.append(Line(1, LONG))
    QApplication.processEvents()
    short, long = (captions.visualRect(captions.model().index(row, 0)).height() for row in (0, 1))
    assert long > 10 * short / 2


def test_copying_takes_the_selected_captions_with_their_times(captions, qtbot):
    fill(captions, 3)
    captions.go_to_newest()
    qtbot.keyClick(captions, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(captions, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    rows = QGuiApplication.clipboard().text().splitlines()
    assert [row.split()[0] for row in rows] == ["0:01", "0:02"]


@pytest.mark.parametrize("width", [240, 500, 1000])
@pytest.mark.parametrize("text", ["A dog.", "Three people and a white car, on the right.", LONG, "x" * 200])
def test_the_current_caption_is_never_cut_off(current, qtbot, width, text):
    current.resize(width, 90)
    current.show_text(text)
    assert current.minimumHeight() >= current.heightForWidth(width)
    assert current.minimumSizeHint().width() <= width


def test_a_long_caption_is_set_smaller_but_never_below_the_text_around_it(current):
    current.show_text("A dog.")
    large, usual = current.fontInfo().pointSizeF(), current.minimumHeight()
    current.show_text(LONG)
    assert QApplication.font().pointSizeF() <= current.fontInfo().pointSizeF() < large
    current.show_text("A cat.")
    assert (current.fontInfo().pointSizeF(), current.minimumHeight()) == (large, usual)


@pytest.mark.parametrize("text", ["word " * 4_000 + "the end.", "x" * 20_000])
def test_of_a_caption_that_does_not_end_the_last_words_are_shown(current, text):
    current.show_text("A dog.")
    usual = current.minimumHeight()
    current.show_text(text)
    assert 2 * usual < current.minimumHeight() <= 3 * usual
    assert current.text().startswith("… ")
    assert current.text().replace("\u200b", "")[-9:] == text[-9:]
    current.resize(2 * current.width(), current.height())
    assert current.minimumHeight() <= 3 * usual
    current.show_text("A cat.")
    assert (current.text(), current.minimumHeight()) == ("A cat.", usual)


def test_the_current_caption_is_what_a_screen_reader_reads(current):
    current.show_text("A dog.")
    assert (current.text(), current.accessibleName()) == ("A dog.", "")
