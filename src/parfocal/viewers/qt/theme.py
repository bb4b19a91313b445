"""Colours of our windows: light, dark, and red on black for dark rooms, in Qt's Fusion style."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QStyleFactory

from parfocal.core.errors import BadInputError, nearest

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication


class Theme(NamedTuple):
    """The colours of a theme, as "#rrggbb"."""

    window: str
    base: str
    text: str
    faint: str
    button: str
    accent: str
    canvas: str
    good: str
    flagged: str
    untracked: str
    alarm: str
    curves: tuple[str, ...]


THEMES: dict[str, Theme] = {
    "dark": Theme(
        window="#26282c", base="#1b1d20", text="#e8e8e8", faint="#8b9097", button="#34373c", accent="#4f9cf0",
        canvas="#101113", good="#4cd67a", flagged="#ff6b52", untracked="#a0a4aa", alarm="#ff5c5c",
        curves=("#4f9cf0", "#f0a34f", "#4cd67a", "#d65cc8", "#d6d14c", "#5cd6d1", "#ff6b52", "#a98bff"),
    ),
    "light": Theme(
        window="#f2f3f5", base="#ffffff", text="#1c1e21", faint="#6b7077", button="#e4e6ea", accent="#1f6fd1",
        canvas="#dfe2e6", good="#128a3e", flagged="#d03a1f", untracked="#5d636b", alarm="#c81e1e",
        curves=("#1f6fd1", "#c46a00", "#128a3e", "#a3238f", "#8a8000", "#007f80", "#c93412", "#6a45c9"),
    ),
    "red": Theme(
        window="#0b0000", base="#000000", text="#ff5a4d", faint="#993329", button="#240503", accent="#b3261a",
        canvas="#000000", good="#ff7a66", flagged="#ffc2b8", untracked="#8a2b22", alarm="#ffd0c8",
        curves=("#ff5a4d", "#b33a2e", "#ffb3a8", "#8a2b22", "#ff8a7a", "#d94436", "#ffd0c8", "#a0463c"),
    ),
}  # fmt: skip


def theme_of(name: str) -> Theme:
    """Return a theme by its name, or raise `BadInputError`."""
    if name not in THEMES:
        raise BadInputError(f"no theme is called {name!r}; {nearest(name, THEMES)}")
    return THEMES[name]


def apply_theme(application: QApplication, theme: Theme) -> None:
    """Give the whole program a theme."""
    application.setStyle(QStyleFactory.create("Fusion"))
    application.setPalette(_palette(theme))
    application.setStyleSheet(
        f"QToolTip {{ color: {theme.text}; background: {theme.base}; border: 1px solid {theme.faint}; }}"
        f"QLabel#faint {{ color: {theme.faint}; }}"
        f"QLabel#alarm {{ color: {theme.alarm}; font-weight: bold; }}"
    )


def _palette(theme: Theme) -> QPalette:
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: theme.window,
        QPalette.ColorRole.WindowText: theme.text,
        QPalette.ColorRole.Base: theme.base,
        QPalette.ColorRole.AlternateBase: theme.window,
        QPalette.ColorRole.Text: theme.text,
        QPalette.ColorRole.PlaceholderText: theme.faint,
        QPalette.ColorRole.Button: theme.button,
        QPalette.ColorRole.ButtonText: theme.text,
        QPalette.ColorRole.Highlight: theme.accent,
        QPalette.ColorRole.HighlightedText: theme.base,
        QPalette.ColorRole.ToolTipBase: theme.base,
        QPalette.ColorRole.ToolTipText: theme.text,
        QPalette.ColorRole.Link: theme.accent,
        QPalette.ColorRole.Mid: theme.faint,
    }
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(theme.faint))
    return palette
