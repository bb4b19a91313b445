"""Drift by reference beads, and the Allan deviation that shows what is left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.tracking.checks import checked_number
from parfocal.tracking.common_motion import places_of_references

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def subtract_drift(
    traces: ArrayLike, references: ArrayLike, sigma: ArrayLike | None = None, *, smooth_frames: int = 1
) -> NDArray[np.float64]:
    """Return traces less the common motion of reference beads.

    The motion, one number for each frame, and the place of each reference are fitted together, so that a
    reference that is lost, or comes later, makes no step. Where one takes the place of another, and no frame
    has both, the motion is taken to go on evenly from the frames before to those after.

    Parameters
    ----------
    traces : array_like, (frames, beads)
        One coordinate; NaN where a bead was not tracked.
    references : array_like of int, or of bool, (beads,)
        Which beads are stuck to the surface: their columns, or a mask of all columns.
    sigma : array_like, (frames, beads), optional
        Standard deviations that weigh the references; equal if not given. A reference does not count in a
        frame in which its own is NaN.
    smooth_frames : int
        The drift is averaged over so many frames, which keeps the references' own noise out.

    Returns
    -------
    ndarray, (frames, beads)
        The drift that is taken away has a mean of 0. NaN in frames without any reference.

    Raises
    ------
    BadInputError
        If references are no columns of the traces, or were never tracked; if shapes do not fit, or a sigma is
        not positive; if no reference was tracked for more than 20 frames between others that never meet.

    Examples
    --------
    >>> drift = np.array([0.0, 1.0, 2.0])
    >>> traces = np.stack([drift + 5, drift - 1], axis=1)
    >>> subtract_drift(traces, [0])[:, 1].tolist()
    [0.0, 0.0, 0.0]
    """
    values = np.asarray(traces, dtype=float)
    if values.ndim != 2 or not values.size:
        raise BadInputError(f"traces must be (frames, beads), not of shape {values.shape}")
    if isinstance(smooth_frames, bool) or smooth_frames < 1 or smooth_frames != int(smooth_frames):
        raise BadInputError(f"smooth_frames must be a whole number from 1, not {smooth_frames!r}")
    chosen = _columns(references, values.shape[1])
    weight = _weights(values, chosen, sigma)
    own = np.where(weight > 0, values[:, chosen], 0.0)
    centred = own - (weight * own).sum(axis=0) / weight.sum(axis=0)
    moved = np.where(weight > 0, centred - places_of_references(centred, weight), 0.0)
    total, count = (weight * moved).sum(axis=1), weight.sum(axis=1)
    seen = count > 0
    if smooth_frames > 1:
        from scipy.ndimage import uniform_filter1d  # takes half a second: for those who smooth alone

        total, count = (uniform_filter1d(line, int(smooth_frames)) for line in (total, count))
    drift = np.full(len(values), np.nan)
    drift[seen] = total[seen] / count[seen]
    return np.asarray(values - (drift - np.nanmean(drift))[:, None])


def _columns(references: ArrayLike, beads: int) -> NDArray[np.int64]:
    """Return the columns of the references."""
    chosen = np.asarray(references)
    if chosen.dtype == bool:
        if chosen.shape != (beads,):
            raise BadInputError(
                f"a mask of references has one place for each of {beads} beads, not {chosen.shape}"
            )
        chosen = np.flatnonzero(chosen)
    if chosen.ndim != 1 or chosen.size == 0:
        raise BadInputError(
            f"there are {chosen.size} references of shape {chosen.shape}; name at least one bead"
        )
    if chosen.dtype.kind not in "iu":
        raise BadInputError(f"references must be whole numbers or a mask, not {chosen.tolist()}")
    wrong = chosen[(chosen < 0) | (chosen >= beads)]
    if wrong.size:
        raise BadInputError(
            f"references {wrong.tolist()} are no columns of the traces: there are 0 to {beads - 1}"
        )
    if len(np.unique(chosen)) < chosen.size:
        raise BadInputError(f"references {chosen.tolist()} name a bead twice")
    return chosen.astype(np.int64)


def _weights(
    values: NDArray[np.float64], chosen: NDArray[np.int64], sigma: ArrayLike | None
) -> NDArray[np.float64]:
    """Return the weight of each reference in each frame; 0 where it was not tracked."""
    spread = np.ones_like(values) if sigma is None else np.asarray(sigma, dtype=float)
    if spread.shape != values.shape:
        raise BadInputError(f"sigma has shape {spread.shape}, the traces {values.shape}")
    tracked = np.isfinite(values[:, chosen]) & np.isfinite(spread[:, chosen])
    bad = tracked & (spread[:, chosen] <= 0)
    if bad.any():
        frame, place = (int(k) for k in np.argwhere(bad)[0])
        raise BadInputError(
            f"sigma must be positive, not {spread[frame, chosen[place]]:g} "
            f"(frame {frame}, bead {chosen[place]})"
        )
    missing = chosen[~tracked.any(axis=0)]
    if missing.size:
        raise BadInputError(f"references {missing.tolist()} were not tracked in any frame; leave them out")
    weight = np.zeros(tracked.shape)
    weight[tracked] = spread[:, chosen][tracked] ** -2
    return np.asarray(weight / weight.max())


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
    x = _checked(trace)
    steps = np.asarray(windows)
    if steps.dtype.kind not in "iu" or (steps < 1).any():
        raise BadInputError(f"windows must be whole numbers from 1, not {steps.tolist()}")
    sums = np.concatenate([[0.0], np.cumsum(x - x.mean())])
    result = np.full(steps.shape, np.nan)
    for k, m in enumerate(steps.astype(np.int64)):
        if 2 * m <= x.size:
            difference = sums[2 * m :] - 2 * sums[m:-m] + sums[: -2 * m]
            result[k] = np.mean(difference**2) / (2 * m * m)
    return result


def allan_deviation(trace: ArrayLike, rate_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return averaging times in seconds, one for each octave, and the Allan deviation at them."""
    size = _checked(trace).size
    checked_number("rate_hz", rate_hz, above=0, hint="frames in a second")
    if size < 4:
        raise BadInputError(f"a trace of {size} samples has no Allan deviation; at least 4 are needed")
    windows = 2 ** np.arange(int(np.log2(size // 2)) + 1)
    return windows / rate_hz, np.sqrt(allan_variance(trace, windows))


def _checked(trace: ArrayLike) -> NDArray[np.float64]:
    x = np.asarray(trace, dtype=float)
    if x.ndim != 1:
        raise BadInputError(f"a trace has one dimension, not shape {x.shape}")
    if not np.isfinite(x).all():
        raise BadInputError(
            f"{int((~np.isfinite(x)).sum())} samples of the trace are no numbers; fill or cut them"
        )
    return x
