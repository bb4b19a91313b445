"""Colours of our windows: light, dark, and red on black for dark rooms. Plain data, without Qt."""

from __future__ import annotations

from typing import NamedTuple

from parfocal.core.errors import BadInputError, nearest


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
        window="#f2f3f5", base="#ffffff", text="#1c1e21", faint="#646970", button="#e4e6ea", accent="#1a67c6",
        canvas="#dfe2e6", good="#0b7a34", flagged="#c3331a", untracked="#5d636b", alarm="#c81e1e",
        curves=("#1f6fd1", "#c46a00", "#128a3e", "#a3238f", "#8a8000", "#007f80", "#c93412", "#6a45c9"),
    ),
    "red": Theme(
        window="#0b0000", base="#000000", text="#ff5a4d", faint="#d0463a", button="#240503", accent="#d64335",
        canvas="#000000", good="#ff7a66", flagged="#ffc2b8", untracked="#d0463a", alarm="#ffd0c8",
        curves=("#ff5a4d", "#b33a2e", "#ffb3a8", "#a5372c", "#ff8a7a", "#d94436", "#ffd0c8", "#a0463c"),
    ),
}  # fmt: skip


def theme_of(name: str) -> Theme:
    """Return a theme by its name, or raise `BadInputError`."""
    if name not in THEMES:
        raise BadInputError(f"no theme is called {name!r}; {nearest(name, THEMES)}")
    return THEMES[name]
