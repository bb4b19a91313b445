"""Lists that open have an arrow, and boxes that are checked a mark, in the colours of each theme."""

from __future__ import annotations

from pathlib import Path

import pytest

from parfocal.app.desktop.style import mark, style_sheet
from parfocal.viewers.qt.theme import THEMES

INK = {"down": "faint", "up": "faint", "check": "base"}


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_marks_have_the_colours_of_their_theme(theme):
    for name, colour in INK.items():
        quoted = mark(name, theme)
        assert f"url({quoted})" in style_sheet(theme)
        assert f'stroke="{getattr(theme, colour)}"' in Path(quoted.strip('"')).read_text()


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_the_arrow_of_a_list_is_drawn(theme, application):
    from PySide6.QtWidgets import QComboBox

    box = QComboBox()
    box.setStyleSheet(style_sheet(theme))
    box.resize(120, 28)
    pixels = box.grab().toImage()
    right = {pixels.pixelColor(x, y).name() for x in range(98, 116) for y in range(6, 22)}
    assert theme.base in right
    assert len(right) > 2, "an arrow with smooth edges"
    box.deleteLater()
