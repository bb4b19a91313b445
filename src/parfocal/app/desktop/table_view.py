"""A z table as a picture: the profile of a bead at each height, and between which heights it is good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg

from parfocal.viewers.display import lookup_table

if TYPE_CHECKING:
    from parfocal.analysis.beads.table_preview import TablePreview
    from parfocal.viewers.qt.theme import Theme

_TAILS = (1.0, 99.0)
_AXES = {"left": "distance (px)", "bottom": "height (nm)"}


class TableView(pg.PlotWidget):
    """Draws the table of one bead: heights to the right, distance from the centre upwards. GUI thread.

    Parameters
    ----------
    theme : Theme
        The colours.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__(background=theme.canvas)
        self.shown: TablePreview | None = None
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setMouseEnabled(x=False, y=False)
        self._image = pg.ImageItem(axisOrder="row-major")
        self.addItem(self._image)
        self._limits = [pg.InfiniteLine(angle=90) for _ in range(2)]
        for line in self._limits:
            self.addItem(line)
            line.hide()
        for side, title in _AXES.items():
            self.getPlotItem().getAxis(side).enableAutoSIPrefix(False)
            self.setLabel(side, title)
        self.set_theme(theme)

    def show_table(self, table: TablePreview | None) -> None:
        """Draw a table; None for nothing."""
        self.shown = table
        self._image.setVisible(table is not None)
        for line in self._limits:
            line.setVisible(table is not None)
        if table is None:
            return
        low, high = np.percentile(table.profiles, _TAILS)
        self._image.setImage(table.profiles.T, levels=(float(low), float(high)))
        step = float(table.heights_nm[1] - table.heights_nm[0])
        left, wide = float(table.heights_nm[0]) - step / 2, step * len(table.heights_nm)
        self._image.setRect(left, -0.5, wide, len(table.radii_px))
        self.getPlotItem().setRange(
            xRange=(left, left + wide), yRange=(-0.5, len(table.radii_px) - 0.5), padding=0
        )
        for line, height in zip(self._limits, table.usable_nm, strict=True):
            line.setValue(height)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.setBackground(theme.canvas)
        self._image.setLookupTable(lookup_table("red" if _is_red(theme) else "grey", 1.0))
        for side in _AXES:
            axis = self.getPlotItem().getAxis(side)
            axis.setPen(theme.faint)
            axis.setTextPen(theme.text)
        for line in self._limits:
            line.setPen(pg.mkPen(theme.accent, width=2, style=pg.QtCore.Qt.PenStyle.DashLine))


def _is_red(theme: Theme) -> bool:
    """Whether it is the theme of dark rooms, in which images are red, too."""
    from parfocal.viewers.qt.theme import THEMES

    return theme == THEMES["red"]
