"""Our themes in napari: its own dark and light, and ours for dark rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.viewers.qt.theme import theme_of

if TYPE_CHECKING:
    from napari.utils.theme import Theme as NapariTheme

    from parfocal.viewers.qt.theme import Theme


def theme_for(name: str) -> str:
    """Return what napari calls a theme of ours: "dark" and "light" are its own, others are told to it."""
    theme = theme_of(name)
    if name in ("dark", "light"):
        return name
    from napari.utils.theme import register_theme

    register_theme(name, _in_napari(name, theme), "parfocal")
    return name


def _in_napari(name: str, theme: Theme) -> NapariTheme:
    from napari.utils.theme import Theme as NapariTheme

    return NapariTheme(
        id=name,
        label=name,
        type="dark",
        syntax_style="native",
        canvas=theme.canvas,
        console=theme.base,
        background=theme.window,
        foreground=theme.button,
        primary=theme.faint,
        secondary=theme.faint,
        highlight=theme.faint,
        text=theme.text,
        icon=theme.text,
        warning=theme.flagged,
        error=theme.alarm,
        current=theme.accent,
    )
