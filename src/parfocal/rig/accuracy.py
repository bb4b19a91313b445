"""How far tracks lie from the truth: pure functions on rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.tracking.rows import Flag

if TYPE_CHECKING:
    from numpy.typing import NDArray


def tracking_errors(
    tracks: NDArray[Any], truth: NDArray[Any], *, pixel_size_nm: float, capture_px: float = 8.0
) -> dict[str, float]:
    """Compare rows of tracks with rows of truth, frame by frame.

    A tracked bead is paired with the true bead nearest to it in the first frame that has both; pairs further
    apart than `capture_px` are left out, so a false bead counts as found, not as error. x and y are compared
    as they are. z is compared after the median difference of each bead is taken away: a z table measures
    heights from wherever its sweep put the origin. Rows that the tracker itself calls unusable (any flag but
    NEIGHBOUR) are left out, and counted.

    Parameters
    ----------
    tracks : structured ndarray
        With the fields of `parfocal.analysis.beads.rows.TRACK_DTYPE`; NaN where a bead was not measured.
    truth : structured ndarray
        With fields ``frame, bead, x_px, y_px, z_nm``.
    pixel_size_nm : float
        Edge of a pixel in the sample.
    capture_px : float
        Largest distance of a pair.

    Returns
    -------
    dict
        ``x_rms_nm``, ``y_rms_nm``, ``z_rms_nm`` (NaN without any measurement); ``x_over_bound`` and so on,
        the RMS of the errors in units of the uncertainty that the tracker gives with each row (its
        Cramer-Rao bound); ``flagged``, the fraction of rows left out; and ``beads``, how many pairs.

    Examples
    --------
    >>> place = [("frame", "u8"), ("bead", "i4"), ("x_px", "f8"), ("y_px", "f8"), ("z_nm", "f8")]
    >>> quality = [("sigma_x_px", "f4"), ("sigma_y_px", "f4"), ("sigma_z_nm", "f4"), ("flags", "u4")]
    >>> truth = np.array([(0, 7, 10.0, 20.0, 100.0), (1, 7, 11.0, 20.0, 200.0)], place)
    >>> good = (0.05, 0.05, 1.0, 0)
    >>> tracks = np.array(
    ...     [(0, 0, 10.1, 20.0, 5100.0, *good), (1, 0, 11.1, 20.0, 5200.0, *good)], place + quality
    ... )
    >>> errors = tracking_errors(tracks, truth, pixel_size_nm=100.0)
    >>> round(errors["x_rms_nm"], 6), round(errors["x_over_bound"], 3), errors["z_rms_nm"], errors["beads"]
    (10.0, 2.0, 0.0, 1)
    """
    if not pixel_size_nm > 0:
        raise BadInputError(f"pixel_size_nm must be positive, not {pixel_size_nm}")
    usable = (tracks["flags"] & ~np.uint32(Flag.NEIGHBOUR)) == 0
    good = tracks[usable]
    pairs = pair_beads(tracks, truth, capture_px)
    all_of = _all_differences(good, truth, pairs)
    scale = np.array([pixel_size_nm, pixel_size_nm, 1.0])
    rms = _rms(all_of[:, :3]) * scale
    over_bound = _rms(all_of[:, :3] / all_of[:, 3:])
    return {
        **{f"{axis}_rms_nm": float(value) for axis, value in zip("xyz", rms, strict=True)},
        **{f"{axis}_over_bound": float(value) for axis, value in zip("xyz", over_bound, strict=True)},
        "flagged": float(1 - usable.mean()) if usable.size else 0.0,
        "beads": len(pairs),
    }


def pair_beads(tracks: NDArray[Any], truth: NDArray[Any], capture_px: float) -> dict[int, int]:
    """Return which true bead each tracked bead is, judged in the first frame that both know."""
    shared = np.intersect1d(tracks["frame"], truth["frame"])
    if not shared.size:
        return {}
    here, there = (rows[rows["frame"] == shared[0]] for rows in (tracks, truth))
    if not there.size:
        return {}
    distance = np.hypot(
        here["x_px"][:, None] - there["x_px"][None, :], here["y_px"][:, None] - there["y_px"][None, :]
    )
    distance[~np.isfinite(distance)] = np.inf
    nearest = distance.argmin(axis=1)
    return {
        int(row["bead"]): int(there["bead"][k])
        for row, k, d in zip(here, nearest, distance.min(axis=1), strict=True)
        if d <= capture_px
    }


def _all_differences(tracks: NDArray[Any], truth: NDArray[Any], pairs: dict[int, int]) -> NDArray[Any]:
    """Return what `_differences` does of all pairs, one after another."""
    found = [
        _differences(tracks[tracks["bead"] == bead], truth[truth["bead"] == true_bead])
        for bead, true_bead in pairs.items()
    ]
    return np.concatenate(found) if found else np.empty((0, 6))


def _differences(tracks: NDArray[Any], truth: NDArray[Any]) -> NDArray[Any]:
    """Return errors and uncertainties of one bead, (n, 6): x, y (px), z (nm), and their sigmas."""
    _, left, right = np.intersect1d(tracks["frame"], truth["frame"], return_indices=True)
    tracks, truth = tracks[left], truth[right]
    errors = [tracks[axis] - truth[axis] for axis in ("x_px", "y_px", "z_nm")]
    if np.isfinite(errors[2]).any():
        errors[2] = errors[2] - np.nanmedian(errors[2])
    sigmas = [tracks[name] for name in ("sigma_x_px", "sigma_y_px", "sigma_z_nm")]
    return np.stack([*errors, *sigmas], axis=1)


def _rms(values: NDArray[Any]) -> NDArray[Any]:
    """Return the root mean square of each column, over what is finite; NaN where nothing is."""
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    squares = np.where(finite, values, 0.0) ** 2
    rms: NDArray[Any] = np.sqrt(squares.sum(axis=0) / np.where(count, count, np.nan))
    return rms
