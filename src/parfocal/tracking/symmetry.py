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
def _bin_places(x: Any, y: Any, sensitivity: Any, x0: Any, y0: Any, last: Any, bins: Any, shares: Any) -> None:
    """Find the lower of the two bins nearest to each pixel of a chunk and the share of the upper one."""
    scale, half, zero, one = np.float32(BINS), np.float32(0.5), np.float32(0), np.float32(1)
    for i in range(CHUNK):
        dx, dy = x[i] - x0, y[i] - y0
        place = np.sqrt(dx * dx + dy * dy) * scale - half
        place = place if place > zero else zero
        place = place if (place < last) & (sensitivity[i] > zero) else last
        k = np.int32(place)
        bins[i] = k
        shares[i] = min(place - np.float32(k), one)


@driver
def _bin(
    values: Any, sensitivity: Any, grid: Any, last: int, x0: float, y0: float, bins: Any, shares: Any, pairs: Any
) -> None:
    """Share pixels and their sensitivity among the two nearest bins of distance from the centre.

    `pairs` is (bins + 2, 2); pixels too far away end in the last two.
    """
    pairs[:] = 0
    top = np.float32(pairs.shape[0] - 2)
    one = np.float32(1)
    for start in range(0, last, CHUNK):
        part = slice(start, start + CHUNK)
        v, s = values[part], sensitivity[part]
        _bin_places(grid[0, part], grid[1, part], s, np.float32(x0), np.float32(y0), top, bins, shares)
        for i in range(CHUNK):
            k, upper = np.uint32(bins[i]), shares[i]
            lower = one - upper
            pairs[k, 0] += lower * v[i]
            pairs[k, 1] += lower * s[i]
            pairs[k + np.uint32(1), 0] += upper * v[i]
            pairs[k + np.uint32(1), 1] += upper * s[i]


@driver
def _contrast(coefficients: Any, binned: Any, noise: float) -> tuple[float, float, float]:
    """Return the background, the RMS contrast relative to it, and its significance (about 1 without a bead)."""
    outer = outer_count = squares = total = 0.0
    for k in range(len(binned)):
        if 4 * k >= 3 * len(binned):
            outer += binned[k, 0]
            outer_count += binned[k, 1]
    background = outer / max(outer_count, 1.0)
    for k in range(len(binned)):
        knot, t = k // BINS, (k % BINS + 0.5) / BINS
        u = 1 - t
        value = (
            coefficients[knot] * u * u * u / 6
            + coefficients[knot + 1] * (2 / 3 - t * t * (2 - t) / 2)
            + coefficients[knot + 2] * (2 / 3 - u * u * (2 - u) / 2)
            + coefficients[knot + 3] * t * t * t / 6
        )
        squares += binned[k, 1] * (value - background) ** 2
        total += binned[k, 1]
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
    binned: Any,
) -> None:
    """Fit x and y of each region of a block; fill `out` and the binned pixels around the centre found."""
    scratch, index = np.zeros(SCRATCH, np.float32), np.zeros(CHUNK, np.int32)
    fine, both = np.zeros((3, knots * FINE), np.float32), np.zeros((2, knots + 3), np.float32)
    coefficients, band = np.zeros(knots + 3), np.zeros((4, knots + 3))
    inverse, matrix = np.zeros((PARAMETERS, PARAMETERS)), np.zeros((COLUMNS, COLUMNS))
    step, seed, single = np.zeros(PARAMETERS), np.zeros(3), np.zeros(PARAMETERS, np.float32)
    middle = 0.5 * (roi - 1)
    shares, pairs = np.zeros(CHUNK, np.float32), np.zeros((knots * BINS + 2, 2), np.float32)
    gradient = np.zeros((3, grid.shape[1] // 2), np.float32)
    for i in range(values.shape[0]):
        row = out[i]
        row[:] = np.nan
        row[FLAGS] = 0
        v, s = values[i], sensitivity[i]
        binned[i] = 0
        if not seed_centre(v, s, grid, roi, noise, gradient, seed):
            row[FLAGS], row[AMPLITUDE], row[OFFSET] = _EMPTY, 0, seed[2]
            continue
        x, y = seed[0], seed[1]
        settled = False
        for turn in range(_MOST_TURNS):
            last = v.size // 2 if turn == 0 else v.size
            _bin(v, s, grid, last, x, y, index, shares, pairs)
            if not fit_profile(pairs[:-2], coefficients, band):
                break
            both[0] = coefficients
            refine(both, fine_basis, fine)
            single[0], single[1], single[3], single[4] = x, y, 1, 0
            pixels = accumulate(
                v, s, grid, last, fine, single, np.float32(knots), np.float32(noise), True, scratch, index, matrix
            )
            right = matrix[COLUMNS - 1]
            if pixels < 2 * knots or not solve(matrix, right, 2, step, inverse):
                break
            gained = step[0] * right[0] + step[1] * right[1]
            x = min(max(x + min(max(step[0], -1.0), 1.0), 0.0), roi - 1.0)
            y = min(max(y + min(max(step[1], -1.0), 1.0), 0.0), roi - 1.0)
            row[CHI2] = (right[COLUMNS - 1] - gained) / (pixels - knots - 5)
            row[SIGMA_X], row[SIGMA_Y] = np.sqrt(inverse[0, 0]), np.sqrt(inverse[1, 1])
            if turn > 0 and gained < 4.0:
                settled = True
                break
        binned[i] = pairs[:-2]
        row[X], row[Y] = x, y
        background, contrast, significance = _contrast(coefficients, binned[i], noise)
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
