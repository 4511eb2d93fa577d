"""The window's colours and text size: Fusion with palettes of our own, which hold the contrast that WCAG 2.2 asks for.

Text reaches 7:1 on its ground (success criterion 1.4.6), frames and the focus ring 3:1 (1.4.11); a test computes both.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from narrator.messages import Level
from narrator.resources import resource


@dataclass(frozen=True, slots=True)
class Scheme:
    """Colours by what they are for, as #rrggbb."""

    is_dark: bool
    window: str
    base: str
    """The ground of captions, lists and text fields."""
    text: str
    muted: str
    button: str
    pressed: str
    frame: str
    accent: str
    """Focus ring and selection."""
    on_accent: str
    grounds: tuple[str, str, str]
    """Behind an information, a warning, an error."""
    marks: tuple[str, str, str]
    """The edge of an information, a warning, an error."""

    def ground(self, level: Level) -> str:
        return self.grounds[list(Level).index(level)]

    def mark(self, level: Level) -> str:
        return self.marks[list(Level).index(level)]


LIGHT = Scheme(
    is_dark=False,
    window="#f2f4f7",
    base="#ffffff",
    text="#12151a",
    muted="#414a59",
    button="#ffffff",
    pressed="#d5dce6",
    frame="#7a8494",
    accent="#0a4fc4",
    on_accent="#ffffff",
    grounds=("#e4edfd", "#fff1cc", "#fde7e4"),
    marks=("#0a4fc4", "#8a5a00", "#b3261e"),
)
DARK = Scheme(
    is_dark=True,
    window="#15181d",
    base="#0b0d10",
    text="#f3f5f8",
    muted="#b9c1ce",
    button="#262b33",
    pressed="#3a424f",
    frame="#7c8696",
    accent="#8ab6ff",
    on_accent="#0b0d10",
    grounds=("#13253f", "#35290a", "#401a17"),
    marks=("#8ab6ff", "#f2c55c", "#ffb4ab"),
)
LIGHT_CONTRAST = replace(LIGHT, window="#ffffff", text="#000000", muted="#000000", frame="#000000", accent="#0036a0")
DARK_CONTRAST = replace(
    DARK, window="#000000", base="#000000", text="#ffffff", muted="#ffffff", button="#000000", frame="#ffffff"
)


class Theme:
    """Dresses the whole application; with "system" it follows the system's choice while it runs."""

    def __init__(self, application: QApplication, changed: Callable[[], None]) -> None:
        self.scheme = LIGHT
        self._application = application
        self._changed = changed
        self._name = "system"
        self._dressed: tuple[Scheme, int] | None = None
        self._percent = 100
        self._hints = application.styleHints()
        application.setStyle(QStyleFactory.create("Fusion"))
        self._hints.colorSchemeChanged.connect(self._follow)
        self._hints.accessibility().contrastPreferenceChanged.connect(self._follow)

    def apply(self, name: str, percent: int) -> None:
        """`name` is "system", "light" or "dark"; `percent` scales the system's text size."""
        self._name, self._percent = name, percent
        self.scheme = self._wanted()
        if self._dressed == (self.scheme, percent):
            return
        self._dressed = self.scheme, percent
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
        self._application.setFont(scaled(font, percent / 100))
        self._application.setPalette(_palette(self.scheme))
        # A style sheet keeps setFont from widgets that exist already, so it carries the text size itself.
        self._application.setStyleSheet(_style_sheet(self.scheme, font_size(self._application.font())))
        self._changed()

    def close(self) -> None:
        """Follow the system no longer."""
        self._hints.colorSchemeChanged.disconnect(self._follow)
        self._hints.accessibility().contrastPreferenceChanged.disconnect(self._follow)

    def _follow(self) -> None:
        self.apply(self._name, self._percent)

    def _wanted(self) -> Scheme:
        system_is_dark = self._hints.colorScheme() == Qt.ColorScheme.Dark
        dark = system_is_dark if self._name == "system" else self._name == "dark"
        if self._hints.accessibility().contrastPreference() == Qt.ContrastPreference.HighContrast:
            return DARK_CONTRAST if dark else LIGHT_CONTRAST
        return DARK if dark else LIGHT


def scaled(font: QFont, factor: float) -> QFont:
    """A copy of the font, `factor` times as large."""
    copy = QFont(font)
    if font.pointSizeF() > 0:
        copy.setPointSizeF(font.pointSizeF() * factor)
    else:
        copy.setPixelSize(max(1, round(font.pixelSize() * factor)))
    return copy


def font_size(font: QFont) -> str:
    """The font's size as a declaration of a style sheet."""
    points = font.pointSizeF()
    return f"font-size: {points:.2f}pt;" if points > 0 else f"font-size: {font.pixelSize()}px;"


def _palette(scheme: Scheme) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette(QColor(scheme.button), QColor(scheme.window))
    colours = {
        role.Window: scheme.window,
        role.WindowText: scheme.text,
        role.Base: scheme.base,
        role.AlternateBase: scheme.window,
        role.Text: scheme.text,
        role.Button: scheme.button,
        role.ButtonText: scheme.text,
        role.ToolTipBase: scheme.base,
        role.ToolTipText: scheme.text,
        role.PlaceholderText: scheme.muted,
        role.Highlight: scheme.accent,
        role.HighlightedText: scheme.on_accent,
        role.Link: scheme.accent,
        role.LinkVisited: scheme.accent,
        role.Mid: scheme.frame,
    }
    for name, colour in colours.items():
        palette.setColor(name, QColor(colour))
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, QColor(scheme.frame))
    return palette


def _style_sheet(scheme: Scheme, size: str) -> str:
    notices = "".join(
        f"#notice[level='{level}'] {{ background: {scheme.ground(level)}; border: 1px solid {scheme.mark(level)};"
        f" border-left: 6px solid {scheme.mark(level)}; margin: 0 2px; }}"
        for level in Level
    )
    return (
        notices
        + f"""
QWidget {{ {size} }}
Button, QPushButton {{ background: {scheme.button}; color: {scheme.text}; border: 1px solid {scheme.frame};
    border-radius: 5px; padding: 0.35em 0.8em; margin: 2px; }}
Button:hover, QPushButton:hover {{ background: {scheme.window if not scheme.is_dark else scheme.pressed}; }}
Button:pressed, QPushButton:pressed {{ background: {scheme.pressed}; }}
Button:disabled, QPushButton:disabled {{ color: {scheme.frame}; }}
Button:focus, QPushButton:focus {{ border: 3px solid {scheme.accent}; margin: 0px; }}
QListView, QTableView, QLineEdit, QTextBrowser, QComboBox, QAbstractSpinBox {{ background: {scheme.base};
    color: {scheme.text}; border: 1px solid {scheme.frame}; border-radius: 5px; padding: 2px; margin: 2px; }}
QLineEdit, QComboBox, QAbstractSpinBox {{ padding: 0.3em; }}
QListView:focus, QTableView:focus, QLineEdit:focus, QTextBrowser:focus, QComboBox:focus, QAbstractSpinBox:focus
    {{ border: 3px solid {scheme.accent}; margin: 0px; }}
QLineEdit:disabled, QComboBox:disabled, QAbstractSpinBox:disabled {{ color: {scheme.frame}; }}
QComboBox QLineEdit, QAbstractSpinBox QLineEdit {{ border: none; padding: 0 0.4em; margin: 0; }}
QComboBox QListView {{ margin: 0; selection-background-color: {scheme.accent};
    selection-color: {scheme.on_accent}; }}
QComboBox::drop-down, QSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::up-button,
    QDoubleSpinBox::down-button {{ border: none; width: 1.4em; }}
QComboBox::down-arrow, QSpinBox::down-arrow, QDoubleSpinBox::down-arrow
    {{ image: url("{_icon("down", scheme)}"); width: 0.8em; height: 0.8em; }}
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow
    {{ image: url("{_icon("up", scheme)}"); width: 0.8em; height: 0.8em; }}
QHeaderView::section {{ background: {scheme.window}; color: {scheme.text}; border: none; padding: 0.3em;
    border-bottom: 1px solid {scheme.frame}; font-weight: bold; }}
QCheckBox, QRadioButton {{ border: 3px solid transparent; border-radius: 5px; spacing: 0.5em; }}
QCheckBox:focus, QRadioButton:focus {{ border: 3px solid {scheme.accent}; }}
QCheckBox::indicator, QRadioButton::indicator {{ width: 1em; height: 1em; background: {scheme.base};
    border: 1px solid {scheme.frame}; border-radius: 3px; }}
QCheckBox::indicator:checked {{ background: {scheme.accent}; border-color: {scheme.accent};
    image: url("{_icon("check", scheme)}"); }}
QRadioButton::indicator {{ border-radius: 0.5em; }}
QRadioButton::indicator:checked {{ background: qradialgradient(cx: 0.5, cy: 0.5, radius: 0.5, fx: 0.5, fy: 0.5,
    stop: 0 {scheme.accent}, stop: 0.55 {scheme.accent}, stop: 0.65 {scheme.base}, stop: 1 {scheme.base}); }}
#current_caption {{ background: {scheme.base}; color: {scheme.text}; border: 1px solid {scheme.frame};
    border-radius: 5px; padding: 0.3em 0.5em; margin: 2px; }}
#effect {{ background: {scheme.text}; color: {scheme.window}; border: 2px solid {scheme.window};
    border-radius: 6px; padding: 0.4em 0.9em; font-weight: bold; }}
QMenuBar {{ background: {scheme.window}; color: {scheme.text}; padding: 2px; }}
QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QMenuBar::item {{ padding: 0.25em 0.6em; border-radius: 4px; }}
QMenuBar::item:selected {{ background: {scheme.accent}; color: {scheme.on_accent}; }}
QMenu {{ background: {scheme.base}; color: {scheme.text}; border: 1px solid {scheme.frame}; padding: 4px; }}
QMenu::item {{ padding: 0.3em 1.6em 0.3em 0.8em; border-radius: 4px; }}
QMenu::item:selected {{ background: {scheme.accent}; color: {scheme.on_accent}; }}
QToolTip {{ background: {scheme.base}; color: {scheme.text}; border: 1px solid {scheme.frame}; padding: 4px; }}
"""
    )


def _icon(name: str, scheme: Scheme) -> str:
    return resource(f"icons/{name}-{'dark' if scheme.is_dark else 'light'}.svg").as_posix()
