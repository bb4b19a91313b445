"""A picture of a closed loop: the cells, where light fell, and what their reporter did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

_WIDTH_IN, _IMAGE_IN, _TRACES_IN, _DPI = 11.0, 5.6, 3.6, 110
_LIT, _UNLIT = "#2f7de1", "#e08e2b"
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "legend.frameon": False,
}


class LitField(NamedTuple):
    """A field of cells: its image, the labels of the cells, the mask, and which labels were ever lit."""

    name: str
    image: NDArray[Any]
    labels: NDArray[np.integer]
    mask: NDArray[Any] | None
    lit: NDArray[np.integer]


class StimulusResponses(NamedTuple):
    """The reporter of cells over time: a row for each cell, NaN where it was not seen."""

    times_s: NDArray[np.float64]
    values: NDArray[np.float64]
    lit: NDArray[np.bool_]


def draw_responses(
    fields: Sequence[LitField],
    responses: StimulusResponses,
    stimuli_s: NDArray[np.float64],
    path: Path,
    *,
    title: str,
    reporter: str,
) -> None:
    """Write a PNG: the fields with outlined cells and the light on them, and the reporter over time.

    Parameters
    ----------
    fields : sequence of LitField
        At least one.
    responses : StimulusResponses
        Of the cells in all fields.
    stimuli_s : ndarray, shape (n,)
        When there was light.
    path : Path
        Where to write; replaced if it is there.
    title, reporter : str
        What it is, and what the values are.
    """
    import matplotlib as mpl  # takes a second to import, and is wanted at the end of a run alone
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH_IN, _IMAGE_IN + _TRACES_IN), dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(title, fontsize=11, weight="bold")
        heights = [_IMAGE_IN, _TRACES_IN]
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
        for panel, field in zip(above.subplots(1, len(fields), squeeze=False)[0], fields, strict=True):
            _draw_field(panel, field)
        _draw_traces(below.subplots(), responses, stimuli_s, reporter)
        figure.savefig(path, format="png")


def _draw_field(panel: Axes, field: LitField) -> None:
    """Draw an image, the light on it, and the outlines of its cells."""
    low, high = np.percentile(field.image, [1, 99.7])
    panel.imshow(field.image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    if field.mask is not None:
        overlay = np.zeros((*field.mask.shape, 4), np.float32)
        overlay[field.mask != 0] = (0.18, 0.49, 0.88, 0.55)
        panel.imshow(overlay, interpolation="nearest")
    is_lit = np.isin(field.labels, field.lit) & (field.labels > 0)
    for cells, colour in ((is_lit, _LIT), ((field.labels > 0) & ~is_lit, _UNLIT)):
        if cells.any():
            panel.contour(cells.astype(np.float32), levels=[0.5], colors=[colour], linewidths=1.1)
    panel.set_title(field.name)
    panel.set_axis_off()


def _draw_traces(
    panel: Axes, found: StimulusResponses, stimuli_s: NDArray[np.float64], reporter: str
) -> None:
    """Draw each cell as a thin line, and the means of lit and unlit ones with their errors."""
    for chosen, colour, name in ((found.lit, _LIT, "lit"), (~found.lit, _UNLIT, "not lit")):
        cells = found.values[chosen]
        if not len(cells):
            continue
        panel.plot(found.times_s, cells.T, color=colour, lw=0.5, alpha=0.15)
        mean, error = _mean_and_error(cells)
        count = f"{len(cells)} cell{'s' if len(cells) > 1 else ''}"
        told = f"{name}: {count}, each of them (thin), mean and standard error (thick)"
        panel.plot(found.times_s, mean, color=colour, lw=2.0, label=told)
        panel.fill_between(found.times_s, mean - error, mean + error, color=colour, alpha=0.3, lw=0)
    for number, time_s in enumerate(stimuli_s):
        panel.axvline(time_s, color=_LIT, lw=0.8, ls=":", label="" if number else "stimuli")
    panel.set_xlabel("time (s)")
    panel.set_ylabel(reporter)
    panel.grid(alpha=0.3, lw=0.6)
    panel.legend(loc="upper left")


def _mean_and_error(cells: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard error of the cells at each time; NaN where none was seen."""
    seen = np.isfinite(cells)
    count = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, cells, 0.0).sum(axis=0) / count
    squares = np.where(seen, (cells - mean) ** 2, 0.0).sum(axis=0)
    error = np.sqrt(squares / np.maximum(count - 1, 1) / count)
    return np.where(seen.any(axis=0), mean, np.nan), error
