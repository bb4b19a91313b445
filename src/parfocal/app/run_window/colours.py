"""Which colour of a theme stands for what of a run. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parfocal.runs.status_parts import Tone
    from parfocal.viewers.qt.theme import Theme

_CURVES = {
    "image": 2,
    "reference": 5,
    "stimulus": 3,
    "wait": 0,
    "confirm": 4,
    "acquire": 7,
    "autofocus": 1,
    "call": 6,
    "condition": 0,
}


def kind_colours(theme: Theme) -> dict[str, str]:
    """Return the colour of each kind of event."""
    return {kind: theme.curves[curve] for kind, curve in _CURVES.items()}


def tone_colours(theme: Theme) -> dict[Tone, str]:
    """Return the colour of each tone of a state."""
    return {
        "quiet": theme.faint,
        "going": theme.good,
        "waiting": theme.curves[0],
        "held": theme.curves[1],
        "good": theme.good,
        "bad": theme.alarm,
    }


def ink_on(colour: str) -> str:
    """Return black or white, whichever can be read on a colour.

    Examples
    --------
    >>> ink_on("#4cd67a"), ink_on("#128a3e")
    ('#000000', '#ffffff')
    """
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return "#000000" if 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 > 0.24 else "#ffffff"
