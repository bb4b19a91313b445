"""x and y without a table: the centre about which the image is best described by its own radial profile.

Each turn bins the pixels by distance, fits a radial spline to the bins, and takes a Fisher-scoring step in x and y
against it. Profile and position are orthogonal for a symmetric image, so the step is as good as with a known profile.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from parfocal.tracking.fit import (
    AMPLITUDE,
    CHI2,
    FLAGS,
    OFFSET,
    SIGMA_X,
    SIGMA_Y,
    X,
    Y,
)
from parfocal.tracking.jit import driver, kernel
from parfocal.tracking.model import COLUMNS, PARAMETERS, SCRATCH, accumulate, solve
from parfocal.tracking.pixels import CHUNK
from parfocal.tracking.rows import Flag
from parfocal.tracking.seed import seed_centre
from parfocal.tracking.spline import FINE, fit_profile, refine

BINS = 8
"""Bins in one pixel of radius."""
_EMPTY, _AT_EDGE = int(Flag.EMPTY), int(Flag.AT_EDGE)
_BAD_FIT, _NOT_CONVERGED = int(Flag.BAD_FIT), int(Flag.NOT_CONVERGED)
_MOST_TURNS = 10


@kernel
def _bin(values: Any, sensitivity: Any, grid: Any, x0: Any, y0: Any, sums: Any, counts: Any) -> None:
    """Sum pixels and their sensitivity by distance from the centre."""
    sums[:] = 0
    counts[:] = 0
    bins = np.float32(BINS)
    for i in range(values.size):
        dx, dy = grid[0, i] - x0, grid[1, i] - y0
        place = np.sqrt(dx * dx + dy * dy) * bins
        if place < sums.size and sensitivity[i] > np.float32(0):
            k = np.uint32(place)
            sums[k] += values[i]
            counts[k] += sensitivity[i]


@driver
def _contrast(coefficients: Any, sums: Any, counts: Any, noise: float) -> tuple[float, float, float]:
    """Return the background, the RMS contrast relative to it, and its significance (about 1 without a bead)."""
    outer = outer_count = squares = total = 0.0
    for k in range(sums.size):
        if 4 * k >= 3 * sums.size:
            outer += sums[k]
            outer_count += counts[k]
    background = outer / max(outer_count, 1.0)
    for k in range(sums.size):
        knot, t = k // BINS, (k % BINS + 0.5) / BINS
        u = 1 - t
        value = (
            coefficients[knot] * u * u * u / 6
            + coefficients[knot + 1] * (2 / 3 - t * t * (2 - t) / 2)
            + coefficients[knot + 2] * (2 / 3 - u * u * (2 - u) / 2)
            + coefficients[knot + 3] * t * t * t / 6
        )
        squares += counts[k] * (value - background) ** 2
        total += counts[k]
    spread = squares / max(total, 1.0)
    noise_level = (max(background, 1.0) + noise) * coefficients.size / max(total, 1.0)
    return background, np.sqrt(spread) / max(background, 1e-6), spread / noise_level


@driver
def fit_centres(
    values: Any,
    sensitivity: Any,
    grid: Any,
    fine_basis: Any,
    roi: int,
    knots: int,
    noise: float,
    most_chi2: float,
    out: Any,
    sums: Any,
    counts: Any,
) -> None:
    """Fit x and y of each region of a block; fill `out` and the binned pixels around the centre found."""
    scratch, index = np.zeros(SCRATCH, np.float32), np.zeros(CHUNK, np.int32)
    fine, both = np.zeros((3, knots * FINE), np.float32), np.zeros((2, knots + 3), np.float32)
    coefficients, band = np.zeros(knots + 3), np.zeros((4, knots + 3))
    inverse, matrix = np.zeros((PARAMETERS, PARAMETERS)), np.zeros((COLUMNS, COLUMNS))
    step, seed, single = np.zeros(PARAMETERS), np.zeros(3), np.zeros(PARAMETERS, np.float32)
    middle = 0.5 * (roi - 1)
    gradient = np.zeros((3, grid.shape[1] // 2), np.float32)
    for i in range(values.shape[0]):
        row = out[i]
        row[:] = np.nan
        row[FLAGS] = 0
        v, s = values[i], sensitivity[i]
        sums[i] = 0
        counts[i] = 0
        if not seed_centre(v, s, grid, roi, noise, gradient, seed):
            row[FLAGS], row[AMPLITUDE], row[OFFSET] = _EMPTY, 0, seed[2]
            continue
        x, y = seed[0], seed[1]
        settled = False
        for _ in range(_MOST_TURNS):
            _bin(v, s, grid, np.float32(x), np.float32(y), sums[i], counts[i])
            if not fit_profile(sums[i], counts[i], coefficients, band):
                break
            both[0] = coefficients
            refine(both, fine_basis, fine)
            single[0], single[1], single[3], single[4] = x, y, 1, 0
            pixels = accumulate(
                v, s, grid, 0, v.size, fine, single, np.float32(knots), np.float32(noise), True, scratch, index,
                matrix,
            )  # fmt: skip
            right = matrix[COLUMNS - 1]
            if pixels < 2 * knots or not solve(matrix, right, 2, step, inverse):
                break
            gained = step[0] * right[0] + step[1] * right[1]
            x = min(max(x + min(max(step[0], -1.0), 1.0), 0.0), roi - 1.0)
            y = min(max(y + min(max(step[1], -1.0), 1.0), 0.0), roi - 1.0)
            row[CHI2] = (right[COLUMNS - 1] - gained) / (pixels - knots - 5)
            row[SIGMA_X], row[SIGMA_Y] = np.sqrt(inverse[0, 0]), np.sqrt(inverse[1, 1])
            if gained < 0.05:
                settled = True
                break
        row[X], row[Y] = x, y
        background, contrast, significance = _contrast(coefficients, sums[i], counts[i], noise)
        row[OFFSET], row[AMPLITUDE] = background, contrast
        flags = 0
        if not (significance > 4 and row[SIGMA_X] < 1 and row[SIGMA_Y] < 1):
            flags |= _EMPTY
        if max(abs(x - middle), abs(y - middle)) > 0.32 * roi:
            flags |= _AT_EDGE
        if not row[CHI2] < most_chi2:
            flags |= _BAD_FIT
        if not settled:
            flags |= _NOT_CONVERGED
        row[FLAGS] = flags
