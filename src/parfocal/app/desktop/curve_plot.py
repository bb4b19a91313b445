"""A plot of a few curves and dots in the colours of a theme, which it takes in place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyqtgraph as pg

from parfocal.viewers.qt.steady_range import PlotRange

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from parfocal.viewers.qt.theme import Theme

_LEFT_PX = 58
_MANTISSAS = (1, 2, 5)
_FEW_DECADES = 1.3
"""Over so little of a logarithmic axis 2 and 5 are written, too."""


class CurveStyle(NamedTuple):
    """How a curve is drawn: in which colour of the theme's curves; as dots, or as a line so wide (px).

    Its name stands in the legend, unless it is not `listed`.
    """

    colour: int
    dots: bool = False
    width: float = 2.0
    listed: bool = True


class DecadeAxis(pg.AxisItem):
    """An axis that, where it is logarithmic, writes 1, 10, 100, and 2 and 5 where there is room for them."""

    def logTickStrings(self, values: Any, scale: float, spacing: float) -> list[str]:
        """Return what is written at each of the logarithms in `values`; "" for nothing."""
        del scale, spacing
        return decade_texts(values, self.range[1] - self.range[0])


class CurvePlot(pg.PlotWidget):
    """Curves by their names over common axes. For the GUI thread.

    Parameters
    ----------
    theme : Theme
        The colours.
    x, y : str
        What the axes are, with units.
    log : (bool, bool)
        Whether x and y are drawn by their logarithms: what is not above 0 is left out then.
    legend : (int, int)
        Where the legend is: pixels from left and top, negative ones from right and bottom.
    """

    def __init__(
        self,
        theme: Theme,
        x: str,
        y: str,
        log: tuple[bool, bool] = (False, False),
        legend: tuple[int, int] = (-8, 4),
    ) -> None:
        axes = {side: DecadeAxis(side) for side in ("left", "bottom")}
        super().__init__(background=theme.canvas, axisItems=axes)
        self._log = log
        self._styles: dict[str, CurveStyle] = {}
        self._curves: dict[str, pg.PlotDataItem] = {}
        self.setMenuEnabled(False)
        self.hideButtons()
        self.showGrid(x=True, y=True, alpha=0.15)
        item = self.getPlotItem()
        item.setLogMode(*log)
        self.legend = item.addLegend(offset=legend, verSpacing=-6, labelTextSize="8pt")
        for side, title in (("left", y), ("bottom", x)):
            item.getAxis(side).enableAutoSIPrefix(False)
            self.setLabel(side, title)
        item.getAxis("left").setWidth(_LEFT_PX)
        self._ranges = PlotRange(item, "x"), PlotRange(item, "y")
        self.set_theme(theme)

    def show_curve(self, name: str, style: CurveStyle, x: ArrayLike, y: ArrayLike) -> None:
        """Draw a curve by its name, in place of the one before; NaN breaks it."""
        if name not in self._curves:
            self._styles[name] = style
            self._curves[name] = self.plot(name=name if style.listed else None, connect="finite")
            self._paint(name)
        self._curves[name].setData(*drawn(x, y, self._log))
        shown = [self.data_of(each) for each in self._curves]
        for number, (steady, log) in enumerate(zip(self._ranges, self._log, strict=True)):
            steady.show_values([np.log10(values[number]) if log else values[number] for values in shown])

    def clear_curves(self, but: tuple[str, ...] = ()) -> None:
        """Let go of all curves, but for some."""
        for name in set(self._curves) - set(but):
            self.removeItem(self._curves.pop(name))

    def data_of(self, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return what is drawn by a name: x and y; empty if there is none."""
        curve = self._curves.get(name)
        x, y = (None, None) if curve is None else curve.getOriginalDataset()
        empty = np.zeros(0)
        return (empty if x is None else x), (empty if y is None else y)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.setBackground(theme.canvas)
        for side in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(side)
            axis.setPen(theme.faint)
            axis.setTextPen(theme.text)
        self.legend.setLabelTextColor(theme.text)
        for _, label in self.legend.items:
            label.setText(label.text)  # which draws it in that colour
        self.legend.setBrush(theme.canvas + "70")
        for name in self._curves:
            self._paint(name)

    def _paint(self, name: str) -> None:
        style, curve = self._styles[name], self._curves[name]
        colour = self._theme.curves[style.colour % len(self._theme.curves)]
        if style.dots:
            curve.setPen(None)
            curve.setSymbol("o")
            curve.setSymbolSize(5)
            curve.setSymbolPen(None)
            curve.setSymbolBrush(colour)
        else:
            curve.setPen(pg.mkPen(colour, width=style.width))


def drawn(x: ArrayLike, y: ArrayLike, log: tuple[bool, bool]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return points as they are drawn: NaN where a logarithm is none.

    Examples
    --------
    >>> [part.tolist() for part in drawn([0.0, 1.0], [2.0, 3.0], (True, False))]
    [[nan, 1.0], [nan, 3.0]]
    """
    columns = [np.asarray(column, dtype=np.float64) for column in (x, y)]
    spoiled = np.zeros(columns[0].shape, bool)
    for column, is_log in zip(columns, log, strict=True):
        spoiled |= ~np.isfinite(column) | ((column <= 0) if is_log else False)
    first, second = (np.where(spoiled, np.nan, column) for column in columns)
    return first, second


def decade_texts(logarithms: Any, decades: float) -> list[str]:
    """Return what is written at places of a logarithmic axis of so many decades.

    Examples
    --------
    >>> decade_texts([-1.0, -0.699, -0.523, 0.0, 1.0, 3.0], 4.0), decade_texts([0.0, 0.301, 0.477], 1.0)
    (['0.1', '', '', '1', '10', '1000'], ['1', '2', ''])
    """
    texts = []
    for logarithm in logarithms:
        number = float(f"{10**logarithm:.1e}")
        mantissa = number / 10 ** math.floor(math.log10(number))
        wanted = _MANTISSAS if decades < _FEW_DECADES else _MANTISSAS[:1]
        texts.append(f"{number:g}" if round(mantissa, 3) in wanted else "")
    return texts
