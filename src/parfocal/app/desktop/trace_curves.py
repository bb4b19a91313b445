"""Traces of beads as curves: less a reference, as fine as the screen, broken where one was lost. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from parfocal.app.desktop.trace_store import AXES, BeadTrace

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MISSED = 5
"""A curve is broken where no row came for so many times the usual time between two."""


def less_reference(bead: BeadTrace, reference: BeadTrace) -> BeadTrace:
    """Return a trace less another in the frames that both have; lost where either is.

    Examples
    --------
    >>> one, two = np.array([1, 2, 3]), np.array([2, 3, 4])
    >>> values = dict.fromkeys("xyz", np.array([5.0, 6.0, 8.0]))
    >>> moved = less_reference(BeadTrace(one, values), BeadTrace(two, values))
    >>> moved.times_ns.tolist(), moved.values["x"].tolist()
    ([2, 3], [1.0, 2.0])
    """
    times, mine, others = np.intersect1d(bead.times_ns, reference.times_ns, return_indices=True)
    return BeadTrace(times, {axis: bead.values[axis][mine] - reference.values[axis][others] for axis in AXES})


def in_nm(trace: BeadTrace, pixel_size_um: float | None) -> BeadTrace:
    """Return a trace whose x and y are nm about their median; in pixels if nobody knows the pixel size."""
    scale = 1000.0 * (pixel_size_um or 1e-3)
    x, y = ((trace.values[axis] - _median(trace.values[axis])) * scale for axis in "xy")
    return BeadTrace(trace.times_ns, {"x": x, "y": y, "z": trace.values["z"]})


def curve(
    times_ns: NDArray[np.int64], values: NDArray[np.float64], now_ns: int, seconds: float, points: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return seconds before now and values of a curve of about so many points, NaN where it is broken.

    Of more rows than that, the least and the greatest in each of equal spans of time are drawn: nothing that
    sticks out is left out. The spans stand still while the curve scrolls, so that it does not flicker.

    Examples
    --------
    >>> times = np.arange(1000) * 10_000_000
    >>> x, y = curve(times, np.sin(times * 1e-9), now_ns=int(times[-1]), seconds=10.0, points=100)
    >>> 100 <= len(x) <= 104, float(x[-1]) <= 0.0, round(float(y.max()), 3)
    (True, True, 1.0)
    """
    if len(times_ns) > points:
        times_ns, values = _thinned(times_ns, values, round(seconds * 1e9 / max(1, points // 2)))
    x, y = (times_ns - now_ns) * 1e-9, values
    steps = np.diff(x)
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else np.inf
    gaps = np.flatnonzero(steps > _MISSED * usual) + 1
    return np.insert(x, gaps, x[gaps]), np.insert(y, gaps, np.nan)


def _thinned(
    times_ns: NDArray[np.int64], values: NDArray[np.float64], span_ns: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the least and the greatest value of each span, which is NaN if all in it are."""
    spans = times_ns // max(1, span_ns)
    starts = np.flatnonzero(np.diff(spans, prepend=spans[0] - 1))
    low, high = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
    return np.repeat(times_ns[starts], 2), np.stack([low, high], axis=1).reshape(-1)


def _median(values: NDArray[np.float64]) -> float:
    """Return the median of what is a number; 0 without any."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0
