"""Tracks of a record with the drift taken off. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_COLUMNS = ("x_px", "y_px", "z_nm")


def less_drift(tracks: NDArray[Any], drift: NDArray[Any], pixel_nm: float) -> NDArray[Any]:
    """Return rows of tracks less the drift that was recorded with them.

    Parameters
    ----------
    tracks : structured ndarray, (n,)
        With ``time_ns, x_px, y_px, z_nm``.
    drift : structured ndarray, (m,)
        With ``time_ns, x_nm, y_nm, z_nm``, in the order of time.
    pixel_nm : float
        Edge of a pixel.

    Returns
    -------
    structured ndarray, (n,)
        A copy; NaN in frames whose drift is not known.

    Examples
    --------
    >>> tracks = np.array(
    ...     [(5, 10.0, 0.0, 7.0), (6, 11.0, 0.0, 8.0), (7, 12.0, 0.0, 9.0)],
    ...     [("time_ns", "i8"), ("x_px", "f8"), ("y_px", "f8"), ("z_nm", "f8")],
    ... )
    >>> drift = np.array(
    ...     [(5, 0.0, 0.0, 0.0), (6, 100.0, 0.0, 1.0)],
    ...     [("time_ns", "i8"), ("x_nm", "f8"), ("y_nm", "f8"), ("z_nm", "f8")],
    ... )
    >>> less_drift(tracks, drift, 100.0)[["x_px", "z_nm"]].tolist()
    [(10.0, 7.0), (10.0, 7.0), (nan, nan)]
    """
    result = tracks.copy()
    if not len(drift):
        place, known = np.zeros(len(tracks), int), np.zeros(len(tracks), bool)
    else:
        place = np.minimum(np.searchsorted(drift["time_ns"], tracks["time_ns"]), len(drift) - 1)
        known = drift["time_ns"][place] == tracks["time_ns"]
    for column, unit in zip(_COLUMNS, (pixel_nm, pixel_nm, 1.0), strict=True):
        moved = drift[f"{column[0]}_nm"][place] / unit if len(drift) else 0.0
        result[column] -= np.where(known, moved, np.nan)
    return result


def less_motion_of(tracks: NDArray[Any], references: Sequence[int]) -> NDArray[Any]:
    """Return rows of tracks less the common motion of reference beads, fitted to all frames together.

    As `parfocal.tracking.drift.subtract_drift`: the drift that is taken off has a mean of 0.

    Raises
    ------
    BadInputError
        If one of them has no row; and as `subtract_drift`.
    """
    from parfocal.tracking.drift import subtract_drift

    beads, column_of = np.unique(tracks["bead"], return_inverse=True)
    if unknown := sorted(set(references) - set(beads.tolist())):
        raise BadInputError(f"there are no rows of beads {unknown}; there are those of {beads.tolist()}")
    times, frame_of = np.unique(tracks["time_ns"], return_inverse=True)
    chosen = np.isin(beads, list(references))
    result = tracks.copy()
    for column in _COLUMNS:
        traces = np.full((len(times), len(beads)), np.nan)
        traces[frame_of, column_of] = tracks[column]
        if np.isfinite(traces[:, chosen]).any():  # heights are missing where there are no z tables
            result[column] = subtract_drift(traces, chosen)[frame_of, column_of]
    return result
