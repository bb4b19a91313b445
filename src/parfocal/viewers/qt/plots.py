"""Scrolling plots of rows beside the images: x, y and z of the chosen beads over the last seconds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from parfocal.viewers.qt.steady_range import PlotRange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QResizeEvent

    from parfocal.viewers.panes import Plot
    from parfocal.viewers.qt.theme import Theme

_AXIS_PX = 44
"""What the axis of time takes below the last plot."""


_VALUES_PX = 78
"""What the axis of the values takes: a number of seven digits has room there."""
_MOST_PLAIN = 1e7


class ValueAxis(pg.AxisItem):
    """An axis that writes numbers in digits as long as there is room: pyqtgraph writes 12000 as 1.2e+04."""

    def tickStrings(self, values: Any, scale: float, spacing: float) -> list[str]:
        """Return what is written at each of the `values`."""
        return [value_text(value * scale, spacing * scale) for value in values]


def value_text(value: float, spacing: float) -> str:
    """Return a value on an axis whose marks are so far apart.

    Examples
    --------
    >>> value_text(1020000.0, 20000.0), value_text(-0.5, 0.5), value_text(2.5e7, 1e6), value_text(0.0, 5.0)
    ('1020000', '-0.5', '2.5e+07', '0')
    """
    if abs(value) >= _MOST_PLAIN:
        return f"{value:.3g}"
    return f"{value:.{max(0, math.ceil(-math.log10(spacing)))}f}"


class PlotPane(QWidget):
    """A plot below another, each with a curve for each bead. For the GUI thread."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._plots: dict[str, pg.PlotWidget] = {}
        self._curves: dict[tuple[str, str], pg.PlotDataItem] = {}
        self._ranges: dict[str, PlotRange] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 4, 6, 4)

    def show_plots(self, plots: Sequence[Plot], seconds: float | None = None) -> None:
        """Draw these over so many seconds before now, or as far as they reach; what is gone goes."""
        for title in set(self._plots) - {plot.title for plot in plots}:
            self._remove(title)
        wanted = {(plot.title, curve.name) for plot in plots for curve in plot.curves}
        for key in set(self._curves) - wanted:
            self._plots[key[0]].removeItem(self._curves.pop(key))
        colours = self._theme.curves
        for plot in plots:
            widget = self._plot(plot.title)
            self._name(widget, plot)
            for number, curve in enumerate(plot.curves):
                key = (plot.title, curve.name)
                if key not in self._curves:
                    pen = pg.mkPen(colours[number % len(colours)], width=1)
                    self._curves[key] = widget.plot(pen=pen, name=curve.name)
                self._curves[key].setData(curve.x_s, curve.y)
            self._ranges[plot.title].show_values([curve.y for curve in plot.curves])
            if seconds is not None:
                widget.setXRange(-seconds, 0.0, padding=0.0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the height, so that all plots are as high as one another beside the axis of the last."""
        super().resizeEvent(event)
        self._share_height()

    def _share_height(self) -> None:
        count = self._layout.count()
        each = max(1, (self.height() - _AXIS_PX) // max(1, count))
        for number in range(count):
            self._layout.setStretch(number, each + (_AXIS_PX if number == count - 1 else 0))

    def _name(self, widget: pg.PlotWidget, plot: Plot) -> None:
        """Have the axis tell what is drawn, in its unit as it is now: it may be known only later."""
        text = f"{plot.title} ({plot.unit})" if plot.unit else plot.title
        if widget.getPlotItem().getAxis("left").labelText != text:
            widget.setLabel("left", text)

    def _plot(self, title: str) -> pg.PlotWidget:
        """Return the widget of a plot, made if it is new."""
        if title not in self._plots:
            widget = pg.PlotWidget(background=self._theme.canvas, axisItems={"left": ValueAxis("left")})
            widget.setMenuEnabled(False)
            widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
            widget.showGrid(x=True, y=True, alpha=0.15)
            item = widget.getPlotItem()
            if not self._plots:
                item.addLegend(
                    offset=(-8, 4), labelTextColor=self._theme.text, brush=self._theme.canvas + "70"
                )
            for name in ("left", "bottom"):
                item.getAxis(name).setPen(self._theme.faint)
                item.getAxis(name).setTextPen(self._theme.text)
            item.getAxis("left").setWidth(_VALUES_PX)
            item.getAxis("left").enableAutoSIPrefix(False)
            self._plots[title] = widget
            self._ranges[title] = PlotRange(item)
            self._layout.addWidget(widget)
            self._share_time_axis()
        return self._plots[title]

    def _remove(self, title: str) -> None:
        """Take a plot away."""
        widget = self._plots.pop(title)
        self._layout.removeWidget(widget)
        widget.hide()
        widget.deleteLater()
        del self._ranges[title]
        self._curves = {key: curve for key, curve in self._curves.items() if key[0] != title}
        self._share_time_axis()

    def _share_time_axis(self) -> None:
        """Have the last plot, alone, tell the time."""
        for title, widget in self._plots.items():
            is_last = title == list(self._plots)[-1]
            widget.setLabel("bottom", "seconds before now" if is_last else None)
            widget.getPlotItem().getAxis("bottom").setStyle(showValues=is_last)
        self._share_height()
