"""The brightness of an image beside it: its histogram, and the two levels, which can be dragged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QElapsedTimer, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from parfocal.viewers.display import brightness_counts
from parfocal.viewers.qt.steady_range import PlotRange

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.viewers.qt.theme import Theme

_SAMPLES = 1 << 15
_BINS = 128
_WIDTH_PX = 92
_EVERY_MS = 100


class LevelsBar(QWidget):
    """A histogram standing upright, with the levels as a region over it."""

    levels_chosen = Signal(float, float)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setFixedWidth(_WIDTH_PX)
        self._plot = pg.PlotWidget(background=theme.canvas)
        self._plot.setMouseEnabled(False, False)
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        self._plot.getPlotItem().hideAxis("bottom")
        left = self._plot.getPlotItem().getAxis("left")
        left.setPen(theme.faint)
        left.setTextPen(theme.faint)
        left.setWidth(40)
        self._curve = self._plot.plot(
            pen=pg.mkPen(theme.accent, width=1), fillLevel=0, brush=theme.accent + "60"
        )
        self._region = pg.LinearRegionItem(
            orientation="horizontal", brush=theme.text + "18", pen=pg.mkPen(theme.text, width=1)
        )
        self._region.sigRegionChanged.connect(self._dragged)
        self._range = PlotRange(self._plot.getPlotItem())
        self._plot.addItem(self._region)
        self._plot.getPlotItem().hide()  # there are no levels before the first image
        self._setting = False
        self._shown_last = QElapsedTimer()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)

    def show_image(self, image: NDArray[Any], low: float, high: float) -> None:
        """Show the histogram of at most 32 768 pixels, ten times a second at most, and the levels."""
        if self._shown_last.isValid() and self._shown_last.elapsed() < _EVERY_MS:
            return
        self._shown_last.start()
        flat = image.reshape(-1)
        sample = flat[:: max(1, len(flat) // _SAMPLES)]
        if sample.dtype.kind == "f":
            sample = sample[np.isfinite(sample)]
        if not len(sample):
            return
        counts, edges = brightness_counts(sample, _BINS)
        self._plot.getPlotItem().show()
        self._curve.setData(np.log1p(counts), (edges[1:] + edges[:-1]) / 2)
        self._setting = True
        self._region.setRegion((low, high))
        self._setting = False
        bottom, top = min(float(edges[0]), low), max(float(edges[-1]), high)
        self._range.show_values([(bottom, max(top, bottom + 1.0))])

    def _dragged(self) -> None:
        if self._setting:
            return
        low, high = self._region.getRegion()
        if low < high:
            self.levels_chosen.emit(float(low), float(high))
