"""The colours of our windows can be read: contrast as the Web Content Accessibility Guidelines count it."""

from __future__ import annotations

import pytest

from parfocal.viewers.qt.theme import THEMES

LEAST_OF_TEXT, LEAST_OF_LINES = 4.5, 2.9
TEXTS = ("text", "faint", "good", "flagged", "alarm", "accent", "untracked")


def luminance(colour):
    """Return the relative luminance of a colour such as "#1b1d20"."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, two):
    """Return the contrast of two colours, 1 to 21."""
    dark, bright = sorted((luminance(one), luminance(two)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", THEMES)
def test_texts_can_be_read_and_curves_be_seen(name):
    theme = THEMES[name]
    pairs = {(text, ground) for text in TEXTS for ground in ("window", "base")}
    pairs |= {("base", "accent"), ("text", "button"), ("text", "canvas")}
    told = {pair: contrast(*(getattr(theme, part) for part in pair)) for pair in pairs}
    assert not {pair: round(ratio, 2) for pair, ratio in told.items() if ratio < LEAST_OF_TEXT}
    faint = {colour: round(contrast(colour, theme.canvas), 2) for colour in theme.curves}
    assert not {colour: ratio for colour, ratio in faint.items() if ratio < LEAST_OF_LINES}
