"""The joint fit: x, y, height, contrast and background of one bead against its table, by Fisher scoring.

The first step sees every second row and builds the Fisher matrix; the next sees all rows and reuses it; more follow
only where that did not settle. Positions are in pixels of the region and knots of the table.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from parfocal.tracking.jit import driver
from parfocal.tracking.masking import mask_outliers
from parfocal.tracking.model import COLUMNS, PARAMETERS, SCRATCH, accumulate, solve
from parfocal.tracking.pixels import CHUNK
from parfocal.tracking.rows import Flag
from parfocal.tracking.seed import best_height, rank_heights, seed_centre, spoke_profile
from parfocal.tracking.spline import FINE, profile_at, refine
from parfocal.tracking.tilt import remove_tilt

X, Y, Z, SIGMA_X, SIGMA_Y, SIGMA_Z, CHI2, AMPLITUDE, OFFSET, FLAGS, RESULTS = range(11)
"""Columns of what a fit returns."""

_EMPTY, _OFF_TABLE, _AT_EDGE = int(Flag.EMPTY), int(Flag.OFF_TABLE), int(Flag.AT_EDGE)
_BAD_FIT, _NOT_CONVERGED, _NEIGHBOUR = int(Flag.BAD_FIT), int(Flag.NOT_CONVERGED), int(Flag.NEIGHBOUR)
_MOST_STEPS = 12
_HEIGHTS_TRIED = 3
_MASK_ROUNDS = 4
_BEYOND = 0.3
"""How far, in knots, the fit may step over an end of the table."""


@driver
def _clip(value: float, most: float) -> float:
    return min(max(value, -most), most)


@driver
def _advance(p: Any, step: Any, roi: int, knots: float) -> bool:
    """Add a limited step to the parameters; return whether the height wants to leave the table."""
    leaves = (p[2] <= -_BEYOND and step[2] < 0) or (p[2] >= knots + _BEYOND and step[2] > 0)
    p[0] = min(max(p[0] + _clip(step[0], 2.0), 0.0), roi - 1.0)
    p[1] = min(max(p[1] + _clip(step[1], 2.0), 0.0), roi - 1.0)
    p[2] = min(max(p[2] + _clip(step[2], 1.0), -_BEYOND), knots + _BEYOND)
    p[3] += step[3]
    p[4] += step[4]
    return leaves


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
) -> tuple[float, bool, float]:
    """Improve the parameters `p` in place; return chi2 / degrees of freedom, whether it settled, and pixels."""
    sums, matrix = np.zeros((COLUMNS, COLUMNS)), np.zeros((PARAMETERS, PARAMETERS))
    step, single = np.zeros(PARAMETERS), np.zeros(PARAMETERS, np.float32)
    right = sums[COLUMNS - 1]
    knots = table.shape[0] - 3.0
    pixels_in_matrix = pixels = 0.0
    chi2 = np.inf
    for turn in range(_MOST_STEPS):
        profile_at(table, p[2], coefficients)
        refine(coefficients, fine_basis, fine)
        for k in range(PARAMETERS):
            single[k] = p[k]
        full = turn != 1
        last = grid.shape[1] // 2 if turn == 0 else grid.shape[1]
        pixels = accumulate(
            values, sensitivity, grid, last, fine, single, np.float32(reach), np.float32(noise), full,
            scratch, index, sums,
        )  # fmt: skip
        if pixels < 10 * PARAMETERS:
            return np.inf, False, pixels
        if full:
            pixels_in_matrix = pixels
        for i in range(PARAMETERS):
            for j in range(i + 1):
                matrix[i, j] = sums[i, j] * pixels / pixels_in_matrix
        if not solve(matrix, right, PARAMETERS, step, inverse):
            return np.inf, False, pixels
        gained = 0.0
        for i in range(PARAMETERS):
            gained += step[i] * right[i]
        chi2 = (right[PARAMETERS] - gained) / (pixels - PARAMETERS)
        leaves = _advance(p, step, roi, knots)
        if (turn == 1 and gained < 20.0) or (turn > 1 and (gained < 0.5 or leaves)):
            return chi2, True, pixels
    return chi2, False, pixels


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
    tilted: bool,
    out: Any,
) -> None:
    """Fit each region of a block; fill `out`, (n, RESULTS). The sensitivity may be changed."""
    scratch, index = np.zeros(SCRATCH, np.float32), np.zeros(CHUNK, np.int32)
    coefficients = np.zeros((2, tables.shape[2]), np.float32)
    fine = np.zeros((3, (tables.shape[2] - 3) * FINE), np.float32)
    half = grid.shape[1] // 2
    gradient = np.zeros((3, half), np.float32)
    profile, score = np.zeros(coarse.shape[2], np.float32), np.zeros(coarse.shape[1], np.float32)
    seed, p, best = np.zeros(3), np.zeros(PARAMETERS), np.zeros(PARAMETERS)
    inverse, best_inverse = np.zeros((PARAMETERS, PARAMETERS)), np.zeros((PARAMETERS, PARAMETERS))
    single = np.zeros(PARAMETERS, np.float32)
    far, dark = np.float32(reach), np.float32(noise)
    for i in range(values.shape[0]):
        row, v, s, table = out[i], values[i], sensitivity[i], tables[which[i]]
        row[:] = np.nan
        if not seed_centre(v, s, grid, roi, noise, gradient, seed):
            row[FLAGS], row[AMPLITUDE], row[OFFSET] = _EMPTY, 0, seed[2]
            continue
        spoke_profile(v, s, roi, half, seed[0], seed[1], directions, profile)
        rank_heights(profile, coarse[which[i]], score)
        chi2, settled, pixels, flags = np.inf, False, 0.0, 0
        taken = -1.0
        for attempt in range(_HEIGHTS_TRIED):
            place = best_height(score, taken, 4.0)
            p[0], p[1], p[2], p[3], p[4] = seed[0], seed[1], place, seed[2], seed[2]
            new_chi2, ok, new_pixels = fit_height(
                v, s, grid, table, fine_basis, p, reach, noise, roi, coefficients, fine, scratch, index, inverse
            )
            for _ in range(3 if tilted else 0):
                single[:] = p
                if remove_tilt(v, s, grid, roi, fine, single, far, dark, scratch, index) < 1e-4:
                    break
                new_chi2, ok, new_pixels = fit_height(
                    v, s, grid, table, fine_basis, p, reach, noise, roi, coefficients, fine, scratch, index, inverse
                )
            if attempt == 0 or new_chi2 < chi2:
                best[:], best_inverse[:] = p, inverse
                chi2, settled, pixels = new_chi2, ok, new_pixels
            if chi2 < most_chi2 and settled:
                break
            taken = place
        all_pixels = pixels
        p[:] = best
        on_table = 0 <= p[2] <= tables.shape[1] - 3.0
        unexplained = settled and on_table and chi2 > 1 + 5 * np.sqrt(2 / max(pixels, 1.0))
        for _ in range(_MASK_ROUNDS if unexplained else 0):
            profile_at(table, p[2], coefficients)
            refine(coefficients, fine_basis, fine)
            single[:] = p
            if mask_outliers(v, s, grid, roi, fine, single, far, dark, scratch, index) == 0:
                break
            new_chi2, ok, new_pixels = fit_height(
                v, s, grid, table, fine_basis, p, reach, noise, roi, coefficients, fine, scratch, index, inverse
            )
            if not ok or new_pixels < 0.4 * all_pixels:
                break
            flags = _NEIGHBOUR
            best[:], best_inverse[:] = p, inverse
            chi2, settled, pixels = new_chi2, ok, new_pixels
        row[FLAGS] = flags
        _report(row, best, best_inverse, chi2, settled, tables.shape[1] - 3.0, roi, most_chi2)


@driver
def _report(
    row: Any, p: Any, inverse: Any, chi2: float, settled: bool, knots: float, roi: int, most_chi2: float
) -> None:
    """Fill a row from a fit and add its verdicts."""
    flags = int(row[FLAGS])
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
