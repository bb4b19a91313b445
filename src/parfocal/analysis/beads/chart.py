"""A picture of a run's tracks: where the best beads went, and how well each bead was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.analysis.beads.quality import bead_quality, best_beads, flag_shares, usable
from parfocal.core.counted import counted

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure
    from numpy.typing import NDArray

MOST_TRACES = 6
_POINTS = 1200
"""Steps along a trace; of more rows, the lowest and the highest in each step are drawn."""
_WIDTH_IN, _TRACE_IN, _SUMMARY_IN, _HEAD_IN, _DPI = 12.0, 1.5, 3.0, 0.7, 110
_GOOD, _BAD, _SECOND = "#1f5fa8", "#d1495b", "#e08e2b"
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "axes.titlesize": 9.5,
    "legend.frameon": False,
}


def draw_chart(
    rows: NDArray[Any], path: Path, *, title: str, pixel_size_nm: float | None = None, seconds: bool = False
) -> None:
    """Write a PNG: traces of up to six beads, and chi2 and sigma of all.

    Parameters
    ----------
    rows : ndarray
        At least one, with the fields of `parfocal.analysis.beads.rows.TRACK_DTYPE`, frame by frame.
    path : Path
        Where to write; replaced if it is there.
    title : str
        What was tracked.
    pixel_size_nm : float, optional
        Edge of a pixel in the sample; without it x and y are drawn in pixels.
    seconds : bool
        Draw over the time since the first row, not over the number of the frame.
    """
    import matplotlib as mpl  # takes a second to import, and is wanted at the end of a run alone
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    quality = bead_quality(rows)
    frames = len(np.unique(rows["frame"]))
    traced = best_beads(quality, MOST_TRACES) if frames > 1 else []
    compared = len(quality) > 1 or not traced
    heights = [_HEAD_IN, _TRACE_IN * len(traced) + 0.5 * bool(traced), _SUMMARY_IN * compared]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH_IN, sum(heights)), dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        parts = [height for height in heights if height]
        head, *bodies = figure.subfigures(len(parts), 1, squeeze=False, height_ratios=parts)[:, 0]
        _draw_head(head, title, rows, len(quality), frames, traced)
        if traced:
            _draw_traces(bodies[0], rows, traced, pixel_size_nm, seconds)
        if compared:
            _draw_summary(bodies[-1], quality, pixel_size_nm)
        figure.savefig(path, format="png")


def _draw_head(
    part: SubFigure, title: str, rows: NDArray[Any], beads: int, frames: int, traced: list[int]
) -> None:
    """Say in two lines what this is, and what the flags say."""
    shown = f", {len(traced)} best shown" if 0 < len(traced) < beads else ""
    counts = f"{counted(beads, 'bead')}{shown}, {counted(frames, 'frame')}"
    bad = 1 - usable(rows).mean()
    shares = ", ".join(f"{name} {_percent(share)}" for name, share in flag_shares(rows).items())
    flags = f"{_percent(bad)} of rows not usable, in red" if bad else "all rows usable"
    flags += f" (flags: {shares})" if shares else ""
    part.text(0.01, 0.72, title, fontsize=12, weight="bold", va="center")
    part.text(0.01, 0.25, f"{counts}; {flags}", va="center", color="0.25")


def _draw_traces(
    part: SubFigure, rows: NDArray[Any], beads: list[int], pixel_size_nm: float | None, seconds: bool
) -> None:
    """Draw a line of panels for each bead: x, y, z less their medians, and chi2."""
    lateral, unit = (1.0, "px") if pixel_size_nm is None else (pixel_size_nm, "nm")
    columns = [("x_px", lateral, f"x - median ({unit})"), ("y_px", lateral, f"y - median ({unit})")]
    if np.isfinite(rows["z_nm"]).any():
        columns.append(("z_nm", 1.0, "z - median (nm)"))
    axes = part.subplots(len(beads), len(columns) + 1, sharex=True, squeeze=False)
    for line, bead in zip(axes, beads, strict=True):
        own = rows[rows["bead"] == bead]
        good = usable(own)
        along = (own["time_ns"] - rows["time_ns"][0]) * 1e-9 if seconds else own["frame"]
        for panel, (name, scale, _) in zip(line, columns, strict=False):
            measured = own[name][good if good.any() else np.isfinite(own[name])]
            middle = np.median(measured) if measured.size else 0.0
            _draw_trace(panel, along, (own[name] - middle) * scale, good)
        _draw_trace(line[-1], along, own["chi2"].astype(float), good)
        line[0].set_ylabel(f"bead {bead}", weight="bold")
    for panel, label in zip(axes[0], [*(label for *_, label in columns), "chi2"], strict=True):
        panel.set_title(label)
    for panel in axes[-1]:
        panel.set_xlabel("time (s)" if seconds else "frame")
    part.align_ylabels(axes[:, 0])


def _draw_trace(panel: Axes, along: NDArray[Any], values: NDArray[Any], good: NDArray[np.bool_]) -> None:
    """Draw the usable values as a line, the others as dots; the axis is the usable ones'."""
    from matplotlib.ticker import MaxNLocator

    shown = good & np.isfinite(values)
    few = len(values) <= 100
    panel.plot(*envelope(along[shown], values[shown]), color=_GOOD, lw=0.8, marker="." * few, ms=4)
    if shown.any():
        low, high = float(values[shown].min()), float(values[shown].max())
        margin = 0.08 * (high - low) or 0.5
        panel.set_ylim(low - margin, high + margin)
    bad = ~good & np.isfinite(values)
    panel.plot(*envelope(along[bad], values[bad]), color=_BAD, ls="", marker=".", ms=3)
    panel.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    panel.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    panel.ticklabel_format(useOffset=False)


def envelope(along: NDArray[Any], values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a trace thinned to its lowest and highest value in each of `_POINTS` steps.

    Examples
    --------
    >>> along, values = envelope(np.arange(100_000), np.arange(100_000) % 7 == 3)
    >>> len(along), int(values.max()), int(values.min())
    (2400, 1, 0)
    """
    if len(values) <= 2 * _POINTS:
        return along, values
    edges = np.linspace(0, len(values), _POINTS + 1).astype(int)
    steps = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    chosen = [sorted((a + int(values[a:b].argmin()), a + int(values[a:b].argmax()))) for a, b in steps]
    places = np.array(chosen).ravel()
    return along[places], values[places]


def _draw_summary(part: SubFigure, quality: NDArray[Any], pixel_size_nm: float | None) -> None:
    """Draw chi2 and sigma of all beads side by side, over the number of the bead."""
    lateral, unit = (1.0, "px") if pixel_size_nm is None else (pixel_size_nm, "nm")
    median = ", median" if quality["rows"].max() > 1 else ""
    with_z = np.isfinite(quality["sigma_z_nm"]).any()
    panels = part.subplots(1, 3 if with_z else 2, squeeze=False)[0]
    _draw_chi2(panels[0], quality)
    panels[0].set_title(f"chi2{median} and 5-95 %" if median else "chi2")
    for name, colour, marker, aside in (("x", _GOOD, "o", -0.12), ("y", _SECOND, "D", 0.12)):
        values = quality[f"sigma_{name}_px"] * lateral
        panels[1].plot(quality["bead"] + aside, values, ls="", marker=marker, ms=3, color=colour, label=name)
    panels[1].set_title(f"sigma of x and y ({unit}){median}")
    panels[1].legend(loc="lower right", ncols=2)
    if with_z:
        panels[2].plot(quality["bead"], quality["sigma_z_nm"], ls="", marker="o", ms=3.5, color=_GOOD)
        panels[2].set_title(f"sigma of z (nm){median}")
    for panel in panels[1:]:
        panel.set_ylim(0, 1.12 * panel.dataLim.ymax if np.isfinite(panel.dataLim.ymax) else 1)
    for panel in panels:
        _number_beads(panel, quality["bead"])


def _draw_chi2(panel: Axes, quality: NDArray[Any]) -> None:
    """Draw median and spread of chi2; beads of which most rows are not usable in another colour."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    poor = quality["unusable"] > 0.5
    for which, colour, label in ((~poor, _GOOD, "usable"), (poor, _BAD, "most rows not usable")):
        some = quality[which]
        if len(some):
            spread = np.stack([some["chi2"] - some["chi2_low"], some["chi2_high"] - some["chi2"]])
            panel.errorbar(
                some["bead"], some["chi2"], spread, fmt="o", ms=3.5, lw=0.8, color=colour, label=label
            )
    panel.axhline(1, color="0.4", lw=0.8, ls="--")
    measured = quality[np.isfinite(quality["chi2"])]
    if len(measured) and measured["chi2_high"].max() > 4 * measured["chi2_low"].min() > 0:
        panel.set_yscale("log")
        panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.yaxis.set_minor_formatter(NullFormatter())
    if poor.any():
        panel.legend(loc="best")


def _number_beads(panel: Axes, beads: NDArray[Any]) -> None:
    from matplotlib.ticker import MaxNLocator

    panel.set_xlabel("bead")
    panel.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    panel.set_xlim(float(beads.min()) - 0.8, float(beads.max()) + 0.8)


def _percent(share: float) -> str:
    return "< 0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"
