"""A picture of the ways of cells: over the last image of each position, a line for each of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.storage.recorded_run import MADE_OF_IMAGES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.storage.recorded_run import RecordedRun

_MOST, _COLUMNS = 6, 3
"""Positions that are shown, the first ones; and how many side by side."""
_PANEL_IN, _DPI = 4.0, 110
_COLOURS = ("#ff5c5c", "#ffb03b", "#f7f33f", "#6de06d", "#4dd2ff", "#b58bff", "#ff8bd8")
_NEEDED = {"t", "p", "particle", "y_px", "x_px"}


def are_cells(dtype: np.dtype[Any]) -> bool:
    """Return whether rows are those of cells that were followed."""
    return set(dtype.names or ()) >= _NEEDED


def draw_cells(run: RecordedRun, stream: str, path: Path, *, title: str) -> None:
    """Write a PNG with the ways of the cells of a run, over the last image in which they were found.

    Where the run's images are not there, it is black below them.

    Parameters
    ----------
    run : RecordedRun
        With at least one cell.
    stream : str
        The rows of its cells.
    path : Path
        Where to write; replaced if it is there.
    title : str
        What was recorded.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = run.rows(stream)
    positions = np.unique(rows["p"])[:_MOST].tolist()
    columns = min(len(positions), _COLUMNS)
    lines = -(-len(positions) // columns)
    size = (_PANEL_IN * columns, _PANEL_IN * lines + 0.5)
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, p in zip(panels, positions, strict=False):
        cells = rows[rows["p"] == p]
        _draw_position(panel, cells, _last_image(run, cells))
        panel.set_title(f"p = {p}")
    figure.savefig(path, format="png")


def _last_image(run: RecordedRun, cells: NDArray[Any]) -> NDArray[Any]:
    """Return the last image (y, x) of a position with cells; black, as far as they went, if there is none."""
    images = [name for name in run.streams("frames") if name not in MADE_OF_IMAGES]
    camera = next((name for name in images if run.manifest.streams[name].events is not None), None)
    if camera is None:
        size = [math.ceil(np.nanmax(cells[axis], initial=0.0)) + 1 for axis in ("y_px", "x_px")]
        return np.zeros(size, np.uint8)
    image: NDArray[Any] = next(
        run.frames(camera, t=int(cells["t"].max()), p=int(cells["p"][0]), c=0, z=0).planes()
    )
    return image


def _draw_position(panel: Any, cells: NDArray[Any], image: NDArray[Any]) -> None:
    low, high = np.percentile(image, (1, 99.8))
    panel.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1))
    for number, way in ways(cells).items():
        panel.plot(way[:, 1], way[:, 0], color=_COLOURS[number % len(_COLOURS)], lw=1.0)
        panel.plot(way[-1, 1], way[-1, 0], ".", color=_COLOURS[number % len(_COLOURS)], ms=3)
    panel.set_xlim(-0.5, image.shape[1] - 0.5)
    panel.set_ylim(image.shape[0] - 0.5, -0.5)


def ways(cells: NDArray[Any]) -> dict[int, NDArray[np.float64]]:
    """Return where each cell that has a number was, (n, 2): y and x, in the order of time.

    Examples
    --------
    >>> names = [("t", int), ("particle", int), ("y_px", float), ("x_px", float)]
    >>> ways(np.array([(1, 5, 2.0, 3.0), (0, 5, 1.0, 3.0), (0, -1, 9.0, 9.0)], names))
    {5: array([[1., 3.],
           [2., 3.]])}
    """
    known = np.sort(cells[cells["particle"] >= 0], order=["particle", "t"])
    numbers, firsts = np.unique(known["particle"], return_index=True)
    places = np.column_stack([known["y_px"], known["x_px"]])
    return dict(zip(numbers.tolist(), np.split(places, firsts[1:]), strict=True)) if len(known) else {}
