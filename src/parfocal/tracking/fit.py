"""The joint fit: x, y, height, contrast and background of one bead against its table, by Fisher scoring.

The first step sees every second row and builds the Fisher matrix; the next sees all rows and reuses it; more follow
only where that did not settle. Positions are in pixels of the region and knots of the table.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from parfocal.tracking.jit import driver
from parfocal.tracking.model import COLUMNS, PARAMETERS, SCRATCH, accumulate, solve
from parfocal.tracking.pixels import CHUNK
from parfocal.tracking.rows import Flag
from parfocal.tracking.seed import best_height, rank_heights, seed_centre, spoke_profile
from parfocal.tracking.spline import FINE, profile_at, refine

X, Y, Z, SIGMA_X, SIGMA_Y, SIGMA_Z, CHI2, AMPLITUDE, OFFSET, FLAGS, RESULTS = range(11)
"""Columns of what a fit returns."""

_EMPTY, _OFF_TABLE, _AT_EDGE = int(Flag.EMPTY), int(Flag.OFF_TABLE), int(Flag.AT_EDGE)
_BAD_FIT, _NOT_CONVERGED = int(Flag.BAD_FIT), int(Flag.NOT_CONVERGED)
_MOST_STEPS = 12
_BEYOND = 0.3
"""How far, in knots, the fit may step over an end of the table."""


@driver
def _clip(value: float, most: float) -> float:
    return min(max(value, -most), most)


@driver
def fit_height(
    values: Any,
    sensitivity: Any,
    grid: Any,
    table: Any,
    fine_basis: Any,
    p: Any,
    reach: float,
    noise: float,
    roi: int,
    coefficients: Any,
    fine: Any,
    scratch: Any,
    index: Any,
    inverse: Any,
) -> tuple[float, bool]:
    """Improve the parameters `p` in place; return chi2 for each degree of freedom and whether it settled."""
    sums, matrix = np.zeros((COLUMNS, COLUMNS)), np.zeros((COLUMNS, COLUMNS))
    step, right, single = np.zeros(PARAMETERS), np.zeros(PARAMETERS), np.zeros(PARAMETERS, np.float32)
    knots = table.shape[0] - 3.0
    size = grid.shape[1]
    counted = 0.0
    chi2 = np.inf
    for turn in range(_MOST_STEPS):
        profile_at(table, p[2], coefficients)
        refine(coefficients, fine_basis, fine)
        for k in range(PARAMETERS):
            single[k] = p[k]
        full = turn != 1
        last = size // 2 if turn == 0 else size
        pixels = accumulate(
            values, sensitivity, grid, 0, last, fine, single, np.float32(reach), np.float32(noise), full,
            scratch, index, sums,
        )  # fmt: skip
        if pixels < 10 * PARAMETERS:
            return np.inf, False
        ratio = 1.0 if full else pixels / counted
        for i in range(PARAMETERS):
            right[i] = sums[COLUMNS - 1, i]
            for j in range(i + 1):
                matrix[i, j] = sums[i, j] * ratio
        if full:
            counted = pixels
        if not solve(matrix, right, PARAMETERS, step, inverse):
            return np.inf, False
        gained = 0.0
        for i in range(PARAMETERS):
            gained += step[i] * right[i]
        chi2 = (sums[COLUMNS - 1, COLUMNS - 1] - gained) / (pixels - PARAMETERS)
        p[0] = min(max(p[0] + _clip(step[0], 2.0), 0.0), roi - 1.0)
        p[1] = min(max(p[1] + _clip(step[1], 2.0), 0.0), roi - 1.0)
        stuck = (p[2] <= -_BEYOND and step[2] < 0) or (p[2] >= knots + _BEYOND and step[2] > 0)
        p[2] = min(max(p[2] + _clip(step[2], 1.0), -_BEYOND), knots + _BEYOND)
        p[3] += step[3]
        p[4] += step[4]
        if (turn == 1 and gained < 20.0) or (turn > 1 and (gained < 0.5 or stuck)):
            return chi2, True
    return chi2, False


@driver
def fit_regions(
    values: Any,
    sensitivity: Any,
    grid: Any,
    tables: Any,
    coarse: Any,
    which: Any,
    fine_basis: Any,
    directions: Any,
    roi: int,
    reach: float,
    noise: float,
    most_chi2: float,
    out: Any,
) -> None:
    """Fit each region of a block; fill `out`, (n, RESULTS)."""
    scratch, index = np.zeros(SCRATCH, np.float32), np.zeros(CHUNK, np.int32)
    coefficients = np.zeros((2, tables.shape[2]), np.float32)
    fine = np.zeros((3, (tables.shape[2] - 3) * FINE), np.float32)
    half = grid.shape[1] // 2
    gradient = np.zeros((3, half), np.float32)
    profile = np.zeros(coarse.shape[2], np.float32)
    score = np.zeros(coarse.shape[1], np.float32)
    seed, p, best = np.zeros(3), np.zeros(PARAMETERS), np.zeros(PARAMETERS)
    inverse, best_inverse = np.zeros((PARAMETERS, PARAMETERS)), np.zeros((PARAMETERS, PARAMETERS))
    for i in range(values.shape[0]):
        row = out[i]
        row[:] = np.nan
        row[FLAGS] = 0
        v, s = values[i], sensitivity[i]
        if not seed_centre(v, s, grid, roi, noise, gradient, seed):
            row[FLAGS] = _EMPTY
            row[AMPLITUDE] = 0
            row[OFFSET] = seed[2]
            continue
        table = tables[which[i]]
        spoke_profile(v, s, roi, half, seed[0], seed[1], directions, profile)
        rank_heights(profile, coarse[which[i]], score)
        best_chi2, settled = np.inf, False
        taken = -1.0
        for attempt in range(3):
            place = best_height(score, taken, 4.0)
            p[0], p[1], p[2] = seed[0], seed[1], place * (tables.shape[1] - 3.0) / max(score.size - 1, 1)
            p[3] = p[4] = seed[2]
            chi2, ok = fit_height(
                v, s, grid, table, fine_basis, p, reach, noise, roi, coefficients, fine, scratch, index, inverse
            )
            if attempt == 0 or chi2 < best_chi2:
                best[:], best_inverse[:] = p, inverse
                best_chi2, settled = chi2, ok
            if best_chi2 < most_chi2 and settled:
                break
            taken = place
        _report(row, best, best_inverse, best_chi2, settled, tables.shape[1] - 3.0, roi, most_chi2)


@driver
def _report(
    row: Any, p: Any, inverse: Any, chi2: float, settled: bool, knots: float, roi: int, most_chi2: float
) -> None:
    """Fill a row and its verdicts from a fit."""
    flags = 0
    row[X], row[Y], row[Z] = p[0], p[1], p[2]
    row[SIGMA_X], row[SIGMA_Y], row[SIGMA_Z] = np.sqrt(inverse[0, 0]), np.sqrt(inverse[1, 1]), np.sqrt(inverse[2, 2])
    row[CHI2] = chi2
    row[AMPLITUDE] = p[3] / p[4] if p[4] != 0 else np.nan
    row[OFFSET] = p[4]
    middle = 0.5 * (roi - 1)
    if not (p[3] > 6 * np.sqrt(inverse[3, 3]) and p[3] > 0.15 * p[4]):
        flags |= _EMPTY
    if not (0 <= p[2] <= knots):
        flags |= _OFF_TABLE
    if max(abs(p[0] - middle), abs(p[1] - middle)) > 0.32 * roi:
        flags |= _AT_EDGE
    if not chi2 < most_chi2:
        flags |= _BAD_FIT
    if not settled:
        flags |= _NOT_CONVERGED
    row[FLAGS] = flags
