"""A picture of rows of any kind: their columns of numbers over time, such as a sensor's or a stage's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.analysis.beads.chart import envelope
from parfocal.viewers.row_plots import number_columns

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_WIDTH_IN, _PANEL_IN, _DPI = 10.0, 1.8, 110
_COLOUR = "#1f5fa8"


def draw_rows(rows: NDArray[Any], path: Path, *, title: str) -> None:
    """Write a PNG with a panel for each of the first six columns of numbers.

    Parameters
    ----------
    rows : ndarray
        At least one, with a column of numbers; drawn over ``time_ns``, over their number without it.
    path : Path
        Where to write; replaced if it is there.
    title : str
        What was recorded.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    timed = "time_ns" in (rows.dtype.names or ())
    along = (rows["time_ns"] - rows["time_ns"][0]) * 1e-9 if timed else np.arange(len(rows))
    columns = number_columns(rows.dtype)
    figure = Figure(figsize=(_WIDTH_IN, _PANEL_IN * len(columns) + 0.6), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    panels = figure.subplots(len(columns), 1, sharex=True, squeeze=False)[:, 0]
    for panel, column in zip(panels, columns, strict=True):
        values = np.asarray(rows[column], np.float64)
        finite = np.isfinite(values)
        panel.plot(*envelope(along[finite], values[finite]), color=_COLOUR, lw=0.8)
        panel.set_ylabel(column)
        panel.ticklabel_format(useOffset=False)
        panel.grid(alpha=0.3)
    panels[-1].set_xlabel("time (s)" if timed else "row")
    figure.align_ylabels(panels)
    figure.savefig(path, format="png")
