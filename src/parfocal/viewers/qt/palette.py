"""Gives a program of ours the colours of a theme, in Qt's Fusion style."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QColor, QPalette

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from parfocal.viewers.qt.theme import Theme

_STYLE, _THEME = "parfocal_style", "parfocal_theme"
"""Properties of a program that has its style, and of the theme that it has: its colour of windows."""


def apply_theme(application: QApplication, theme: Theme) -> None:
    """Give the whole program a theme; nothing happens if it has it already."""
    if application.property(_THEME) == theme.window:
        return
    _apply(application, theme)
    application.setProperty(_THEME, theme.window)


def _apply(application: QApplication, theme: Theme) -> None:
    if application.property(_STYLE) is None:  # once: Qt may crash where a style is replaced under widgets
        application.setStyle("Fusion")
        application.setProperty(_STYLE, True)
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
