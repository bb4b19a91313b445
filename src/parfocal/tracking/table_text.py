"""A z table as a plain matrix of numbers, as other programs write and read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.tracking.build import LEAST_HEIGHTS, fit_reach, spline_over_height, usable_heights
from parfocal.tracking.spline import least_squares
from parfocal.tracking.ztable import ZTables

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST_RADII = 4


def tables_from_matrix(
    matrix: NDArray[np.float64], roi_px: int, pixel_size_um: float | None = None
) -> ZTables:
    """Return the one table that a matrix holds: for all beads that look alike.

    Parameters
    ----------
    matrix : ndarray, (radii + 1, heights)
        The first row is heights in nm, in any order, about as far from one another. Below it stand
        intensities at 0, 1, 2 ... px from the centre, in any unit; what lies further out than the last is
        taken as the background.
    roi_px : int
        Edge of the regions with which it is to be used.
    pixel_size_um : float, optional
        Kept with the table.

    Raises
    ------
    BadInputError
        If it is no such matrix.

    Examples
    --------
    >>> heights = np.arange(0.0, 1000.0, 100.0)
    >>> radii = np.arange(30)[:, None]
    >>> rings = 100 + 20 * np.cos(radii / 4 + heights / 300) * np.exp(-radii / 8)
    >>> tables = tables_from_matrix(np.vstack([heights, rings]), roi_px=48)
    >>> len(tables), tables.first_nm, tables.step_nm
    (1, 0.0, 100.0)
    >>> shown = (1 + tables.profile(0, 400.0, np.arange(3.0))) * 100
    >>> bool(np.abs(shown - rings[:3, 4]).max() < 2)
    True
    """
    heights, values = _checked(np.asarray(matrix, dtype=float))
    steps = np.diff(heights)
    step = float(np.median(steps))
    background = float(values[3 * len(values) // 4 :].mean())
    if not background > 0:
        raise BadInputError(f"the outer quarter of the radii is the background, and it is {background:g}")
    reach = fit_reach(roi_px)
    contrast = np.zeros((reach + 1, len(heights)))
    known = min(len(values), reach + 1)
    contrast[:known] = values[:known] / background - 1
    radial = least_squares(np.arange(reach + 1.0), contrast, np.ones(reach + 1), reach).T
    intervals = max(1, round((heights[-1] - heights[0]) / step))
    table = spline_over_height(heights, radial, float(heights[0]), step, intervals).astype(np.float32)
    usable = usable_heights(table, heights, float(heights[0]), step)
    return ZTables(
        table[None],
        roi_px,
        float(heights[0]),
        step,
        usable[None],
        np.full(1, np.nan),
        pixel_size_um,
    )


def matrix_of(tables: ZTables, place: int = 0) -> NDArray[np.float64]:
    """Return one of the tables as `tables_from_matrix` reads it, (radii + 1, heights); 1 is the background.

    Examples
    --------
    >>> flat = np.full((1, 8, 20), 0.5, np.float32)
    >>> tables = ZTables(flat, 32, -200.0, 100.0, np.array([[0.0, 300.0]]), np.ones(1))
    >>> matrix_of(tables)[:2].round(3).tolist()
    [[-200.0, -100.0, 0.0, 100.0, 200.0, 300.0], [1.5, 1.5, 1.5, 1.5, 1.5, 1.5]]
    """
    heights = tables.first_nm + tables.step_nm * np.arange(tables.coefficients.shape[1] - 2)
    radii = np.arange(tables.reach_px, dtype=float)
    columns = [1 + tables.profile(place, height, radii) for height in heights]
    return np.vstack([heights, np.array(columns).T])


def _checked(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return heights, upwards, and the intensities below them."""
    told = f"a matrix of shape {matrix.shape}"
    if matrix.ndim != 2 or matrix.shape[1] < LEAST_HEIGHTS or matrix.shape[0] <= _LEAST_RADII:
        raise BadInputError(
            f"{told} is no z table: a first row of {LEAST_HEIGHTS} heights (nm) or more, and below it a row "
            "of intensities for each distance from the centre, 0, 1, 2 ... px"
        )
    if not np.isfinite(matrix).all():
        raise BadInputError(f"{told} holds numbers that are not finite")
    order = np.argsort(matrix[0])
    heights = matrix[0][order]
    steps = np.diff(heights)
    if not (steps > 0).all() or steps.max() > 3 * np.median(steps):
        raise BadInputError(
            f"the first row of a z table is heights in nm, each once, about as far from one another: these "
            f"go from {heights[0]:g} to {heights[-1]:g} nm in steps of {steps.min():g} to {steps.max():g} nm"
        )
    return heights, matrix[1:, order]
