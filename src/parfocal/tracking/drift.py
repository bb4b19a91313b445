"""Drift by reference beads, and the Allan deviation that shows what is left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import uniform_filter1d

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def subtract_drift(
    traces: ArrayLike, references: ArrayLike, sigma: ArrayLike | None = None, *, smooth_frames: int = 1
) -> NDArray[np.float64]:
    """Return traces less the common motion of reference beads.

    Parameters
    ----------
    traces : array_like, (frames, beads)
        One coordinate; NaN where a bead was not tracked.
    references : array_like of int
        Which beads are stuck to the surface.
    sigma : array_like, (frames, beads), optional
        Standard deviations that weigh the references; equal if not given.
    smooth_frames : int
        The drift is averaged over so many frames, which keeps the references' own noise out.

    Returns
    -------
    ndarray, (frames, beads)
        Each bead keeps its mean; NaN in frames without any reference.

    Examples
    --------
    >>> drift = np.array([0.0, 1.0, 2.0])
    >>> traces = np.stack([drift + 5, drift - 1], axis=1)
    >>> subtract_drift(traces, [0])[:, 1].tolist()
    [0.0, 0.0, 0.0]
    """
    values = np.asarray(traces, dtype=float)
    chosen = np.asarray(references, dtype=np.int64)
    if values.ndim != 2 or chosen.size == 0:
        raise BadInputError(
            f"traces of shape {values.shape} with {chosen.size} references: (frames, beads), >= 1"
        )
    moved = values[:, chosen] - np.nanmean(values[:, chosen], axis=0)
    weight = np.ones_like(moved) if sigma is None else 1 / np.asarray(sigma, dtype=float)[:, chosen] ** 2
    weight = np.where(np.isfinite(moved) & np.isfinite(weight), weight, 0.0)
    total, count = (np.nan_to_num(moved) * weight).sum(axis=1), weight.sum(axis=1)
    if smooth_frames > 1:
        total, count = uniform_filter1d(total, smooth_frames), uniform_filter1d(count, smooth_frames)
    with np.errstate(invalid="ignore", divide="ignore"):
        drift = np.where(count > 0, total / count, np.nan)
    return np.asarray(values - drift[:, None])


def allan_variance(trace: ArrayLike, windows: ArrayLike) -> NDArray[np.float64]:
    """Return the overlapping Allan variance of a trace for windows of so many samples.

    Half the mean square difference of the means of adjacent windows; a window longer than half the trace
    gives NaN.

    Examples
    --------
    >>> white = np.random.default_rng(1).normal(size=100_000)
    >>> allan_variance(white, [1, 4, 16]).round(2).tolist()
    [1.0, 0.24, 0.06]
    """
    x = np.asarray(trace, dtype=float)
    sums = np.concatenate([[0.0], np.cumsum(x - x.mean())])
    result = np.full(np.shape(windows), np.nan)
    for k, m in enumerate(np.asarray(windows, dtype=np.int64)):
        if 0 < 2 * m <= x.size:
            difference = sums[2 * m :] - 2 * sums[m:-m] + sums[: -2 * m]
            result[k] = np.mean(difference**2) / (2 * m * m)
    return result


def allan_deviation(trace: ArrayLike, rate_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return averaging times in seconds, one for each octave, and the Allan deviation at them."""
    size = np.size(trace)
    if size < 4:
        raise BadInputError(f"a trace of {size} samples has no Allan deviation; at least 4 are needed")
    windows = 2 ** np.arange(int(np.log2(size // 2)) + 1)
    return windows / rate_hz, np.sqrt(allan_variance(trace, windows))
