"""How far tracks lie from the truth: pure functions on rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def tracking_errors(
    tracks: NDArray[Any], truth: NDArray[Any], *, pixel_size_nm: float, capture_px: float = 8.0
) -> dict[str, float]:
    """Compare rows of tracks with rows of truth, frame by frame.

    A tracked bead is paired with the true bead nearest to it in the first frame that has both; pairs further
    apart than `capture_px` are left out, so a false bead counts as found, not as error. x and y are compared
    as they are. z is compared after the median difference of each bead is taken away: a z table measures
    heights from wherever its sweep put the origin.

    Parameters
    ----------
    tracks, truth : structured ndarray
        With fields ``frame, bead, x_px, y_px, z_nm``; NaN where a bead was not measured.
    pixel_size_nm : float
        Edge of a pixel in the sample.
    capture_px : float
        Largest distance of a pair.

    Returns
    -------
    dict
        ``x_rms_nm``, ``y_rms_nm``, ``z_rms_nm`` (NaN without any measurement) and ``beads``, how many pairs.

    Examples
    --------
    >>> dtype = [("frame", "u8"), ("bead", "i4"), ("x_px", "f8"), ("y_px", "f8"), ("z_nm", "f8")]
    >>> truth = np.array([(0, 7, 10.0, 20.0, 100.0), (1, 7, 11.0, 20.0, 200.0)], dtype)
    >>> tracks = np.array([(0, 0, 10.1, 20.0, 5100.0), (1, 0, 11.1, 20.0, 5200.0)], dtype)
    >>> errors = tracking_errors(tracks, truth, pixel_size_nm=100.0)
    >>> round(errors["x_rms_nm"], 6), errors["z_rms_nm"], errors["beads"]
    (10.0, 0.0, 1)
    """
    if not pixel_size_nm > 0:
        raise BadInputError(f"pixel_size_nm must be positive, not {pixel_size_nm}")
    residuals = [
        _differences(tracks[tracks["bead"] == bead], truth[truth["bead"] == true_bead])
        for bead, true_bead in pair_beads(tracks, truth, capture_px).items()
    ]
    x, y, z = (np.concatenate(parts) for parts in zip(*residuals, strict=True)) if residuals else ([], [], [])
    return {
        "x_rms_nm": _rms(x) * pixel_size_nm,
        "y_rms_nm": _rms(y) * pixel_size_nm,
        "z_rms_nm": _rms(z),
        "beads": len(residuals),
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


def _differences(
    tracks: NDArray[Any], truth: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    _, left, right = np.intersect1d(tracks["frame"], truth["frame"], return_indices=True)
    x, y, z = (tracks[left][axis] - truth[right][axis] for axis in ("x_px", "y_px", "z_nm"))
    z = z[np.isfinite(z)]
    return x[np.isfinite(x)], y[np.isfinite(y)], z - np.median(z) if z.size else z


def _rms(values: Any) -> float:
    array = np.asarray(values, float)
    return float(np.sqrt(np.mean(array**2))) if array.size else float("nan")
