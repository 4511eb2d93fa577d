import re

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QLabel, QListView, QVBoxLayout, QWidget

from narrator.messages import Level
from narrator.resources import resource
from narrator_ui.theme import DARK, DARK_CONTRAST, LIGHT, LIGHT_CONTRAST, Theme

SCHEMES = [LIGHT, DARK, LIGHT_CONTRAST, DARK_CONTRAST]


@pytest.fixture
def theme(undressed):
    theme = Theme(undressed, lambda: None)
    yield theme
    theme.close()


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [value / 255 for value in (QColor(colour).red(), QColor(colour).green(), QColor(colour).blue())]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio as WCAG 2.2 defines it, 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_defined():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_stands_out_from_its_ground(scheme):
    grounds = [scheme.window, scheme.base, scheme.button, scheme.pressed, *scheme.grounds]
    assert min(contrast(scheme.text, ground) for ground in grounds) >= 7
    assert min(contrast(scheme.muted, ground) for ground in (scheme.window, scheme.base)) >= 7
    assert contrast(scheme.on_accent, scheme.accent) >= 7


@pytest.mark.parametrize("scheme", SCHEMES)
def test_frames_and_the_focus_ring_stand_out_from_what_is_around_them(scheme):
    assert min(contrast(scheme.frame, ground) for ground in (scheme.window, scheme.base, scheme.button)) >= 3
    assert min(contrast(scheme.accent, ground) for ground in (scheme.window, scheme.base, scheme.button)) >= 3
    assert min(contrast(scheme.mark(level), scheme.window) for level in Level) >= 3


def test_the_palette_follows_the_name(theme, qapp):
    for name, scheme in (("light", LIGHT), ("dark", DARK)):
        theme.apply(name, 100)
        assert qapp.palette().color(QPalette.ColorRole.Window).name() == scheme.window
        assert qapp.palette().color(QPalette.ColorRole.Text).name() == scheme.text


@pytest.mark.parametrize("percent", [50, 100, 200, 400])
def test_the_text_size_reaches_widgets_that_are_there_already(theme, qtbot, percent):
    theme.apply("light", 100)
    window = QWidget()
    parts = [QLabel("Words"), QListView()]
    layout = QVBoxLayout(window)
    for part in parts:
        layout.addWidget(part)
    qtbot.addWidget(window)
    window.show()
    usual = parts[0].fontInfo().pointSizeF()
    theme.apply("light", percent)
    for part in parts:
        assert part.font().pointSizeF() == pytest.approx(usual * percent / 100, rel=0.05)


def test_the_window_is_told_when_its_looks_change(undressed):
    told = []
    theme = Theme(undressed, lambda: told.append(theme.scheme))
    theme.apply("dark", 100)
    theme.apply("dark", 100)
    theme.apply("light", 100)
    theme.close()
    assert told == [DARK, LIGHT]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_marks_on_controls_have_the_colours_of_the_scheme(scheme):
    name = "dark" if scheme.is_dark else "light"
    for icon, ground in (("check", scheme.accent), ("down", scheme.base), ("up", scheme.base)):
        (colour,) = re.findall(r'stroke="(#\w{6})"', resource(f"icons/{icon}-{name}.svg").read_text())
        assert contrast(colour, ground) >= 7
