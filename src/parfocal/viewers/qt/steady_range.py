"""The range of values that a plot shows: still while they fit into it, so that its axis is not drawn anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from PySide6.QtWidgets import QGraphicsItem

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyqtgraph as pg
    from numpy.typing import ArrayLike

_MARGINS = {"x": 0.02, "y": 0.15}
_LEAST_USED = 0.4
"""A range of which the values take less is made smaller."""


class PlotRange:
    """Has a plot show all of its values, until a person zooms into it; the button "A" has it follow again.

    A plot that ranges itself draws its axes with each new value; here they are kept as pictures. For the GUI
    thread.

    Parameters
    ----------
    item : PlotItem
        The plot.
    along : "x" or "y"
        Of which of its axes.
    """

    def __init__(self, item: pg.PlotItem, along: Literal["x", "y"] = "y") -> None:
        self._set_range = item.setXRange if along == "x" else item.setYRange
        self._margin = _MARGINS[along]
        self._shown: tuple[float, float] | None = None
        self._follows = True
        item.disableAutoRange(along)
        item.getViewBox().sigRangeChangedManually.connect(lambda *_: self._follow(False))
        item.autoBtn.clicked.connect(lambda *_: self._follow(True))
        for name in ("left", "bottom"):
            item.getAxis(name).setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)

    def show_values(self, curves: Sequence[ArrayLike]) -> None:
        """Take over all values that are drawn, of each curve those that are numbers."""
        bounds = [bound for curve in curves for bound in bounds_of(curve)]
        if not bounds or not self._follows:
            return
        wanted = steady_range(self._shown, min(bounds), max(bounds), self._margin)
        if wanted != self._shown:
            self._shown = wanted
            self._set_range(*wanted, padding=0)

    def _follow(self, follows: bool) -> None:
        self._follows, self._shown = follows, None


def bounds_of(curve: ArrayLike) -> tuple[float, ...]:
    """Return the least and the greatest number of a curve; nothing if there is none.

    Examples
    --------
    >>> bounds_of([2.0, np.nan, -1.0, np.inf]), bounds_of([np.nan])
    ((-1.0, 2.0), ())
    """
    values = np.asarray(curve, float)
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if len(known) else ()


def steady_range(
    shown: tuple[float, float] | None, low: float, high: float, margin: float = 0.15
) -> tuple[float, float]:
    """Return the range to show values from `low` to `high` in: the one that is shown, if it does.

    Another one has a margin on both sides, that part of its values.

    Examples
    --------
    >>> steady_range(None, 0.0, 10.0)
    (-1.5, 11.5)
    >>> steady_range((-1.5, 11.5), -1.0, 9.0)
    (-1.5, 11.5)
    >>> steady_range((-1.5, 11.5), 0.0, 2.0)
    (-0.3, 2.3)
    >>> steady_range(None, 0.0, 0.0), steady_range(None, 20.0, 20.0)
    ((-1.0, 1.0), (19.0, 21.0))
    """
    span = high - low
    fits = shown is not None and shown[0] <= low and high <= shown[1]
    if shown is not None and fits and (span >= _LEAST_USED * (shown[1] - shown[0]) or not span):
        return shown
    alone = max(1e-9, 0.05 * abs(high), float(np.spacing(abs(high))) * 8) if high else 1.0
    beside = margin * span or alone
    return low - beside, high + beside
