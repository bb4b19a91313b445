"""Residuals and derivatives of the bead model over a list of pixels, and the sums a least-squares step needs.

The model of a pixel at distance r from the bead is ``mu = s (b + a P(r, z))``: sensitivity s, background b,
contrast a times the profile P. Residuals and derivatives are divided by the standard deviation expected from
the model, shot and read noise, so that the sums are the Fisher matrix and its right-hand side.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from parfocal.tracking.jit import driver, kernel
from parfocal.tracking.pixels import CHUNK
from parfocal.tracking.spline import FINE

PARAMETERS = 5
"""x, y, z, contrast, background, in this order."""
COLUMNS = PARAMETERS + 1
"""The derivatives and the residual."""
_RADIUS, _INVERSE, _SLOPE = COLUMNS, COLUMNS + 1, COLUMNS + 2


class Region(NamedTuple):
    """One region and what is fixed while it is fitted."""

    values: Any
    sensitivity: Any
    grid: Any
    roi: int
    reach: Any
    noise: Any


class Work(NamedTuple):
    """What one thread works in: columns, profile, and the model (x, y, -, contrast, background)."""

    scratch: Any
    index: Any
    coefficients: Any
    fine: Any
    sums: Any
    model: Any


@driver
def new_work(knots: int) -> Work:
    """Return arrays for a radial spline of so many intervals."""
    return Work(
        np.zeros((COLUMNS + 3) * CHUNK, np.float32),
        np.zeros(CHUNK, np.int32),
        np.zeros((2, knots + 3), np.float32),
        np.zeros((3, knots * FINE), np.float32),
        np.zeros((COLUMNS, COLUMNS)),
        np.zeros(PARAMETERS, np.float32),
    )


@kernel
def _distances(x: Any, y: Any, x0: Any, y0: Any, last: Any, scratch: Any, index: Any) -> None:
    """Distances from the centre, their inverses, and the place in the fine profile."""
    one, tiny, fine = np.float32(1), np.float32(1e-6), np.float32(FINE)
    for i in range(CHUNK):
        dx, dy = x[i] - x0, y[i] - y0
        square = dx * dx + dy * dy + tiny
        inverse = one / np.sqrt(square)
        r = square * inverse
        place = r * fine
        scratch[_RADIUS * CHUNK + i] = r
        scratch[_INVERSE * CHUNK + i] = inverse
        index[i] = np.int32(place if place < last else last)


@kernel
def _look_up(fine: Any, index: Any, scratch: Any) -> None:
    """Read the profile, its slope in r and its slope in z."""
    for i in range(CHUNK):
        k = np.uint32(index[i])
        scratch[3 * CHUNK + i] = fine[0, k]
        scratch[_SLOPE * CHUNK + i] = fine[1, k]
        scratch[2 * CHUNK + i] = fine[2, k]


@kernel
def _differentiate(
    values: Any, sensitivity: Any, x: Any, y: Any, p: Any, reach: Any, noise: Any, scratch: Any, index: Any
) -> None:
    """Fill the columns: derivatives and residual over the expected standard deviation."""
    one, zero, half, step = np.float32(1), np.float32(0), np.float32(0.5), np.float32(1 / FINE)
    x0, y0, a, b = p[0], p[1], p[3], p[4]
    for i in range(CHUNK):
        r, slope, s = scratch[_RADIUS * CHUNK + i], scratch[_SLOPE * CHUNK + i], sensitivity[i]
        profile = scratch[3 * CHUNK + i] + slope * (r - (np.float32(index[i]) + half) * step)
        mu = s * (a * profile + b)
        weight = one / np.sqrt((mu if mu > one else one) + noise)
        weight = weight if (r < reach) & (s > zero) else zero
        scale = s * weight
        g = -a * slope * scratch[_INVERSE * CHUNK + i] * scale
        scratch[i] = g * (x[i] - x0)
        scratch[CHUNK + i] = g * (y[i] - y0)
        scratch[2 * CHUNK + i] = a * scratch[2 * CHUNK + i] * scale
        scratch[3 * CHUNK + i] = profile * scale
        scratch[4 * CHUNK + i] = scale
        scratch[5 * CHUNK + i] = (values[i] - mu) * weight


@kernel
def _product(first: Any, second: Any) -> Any:
    total = np.float32(0)
    for i in range(CHUNK):
        total += first[i] * second[i]
    return total


@kernel
def _right_hand_side(scratch: Any, sums: Any) -> None:
    """Add the products of the residual with each column, and how many pixels count."""
    x = y = z = a = b = chi2 = np.float32(0)
    for i in range(CHUNK):
        residual = scratch[5 * CHUNK + i]
        x += residual * scratch[i]
        y += residual * scratch[CHUNK + i]
        z += residual * scratch[2 * CHUNK + i]
        a += residual * scratch[3 * CHUNK + i]
        b += residual * scratch[4 * CHUNK + i]
        chi2 += residual * residual
    last = COLUMNS - 1
    sums[last, 0] += x
    sums[last, 1] += y
    sums[last, 2] += z
    sums[last, 3] += a
    sums[last, 4] += b
    sums[last, 5] += chi2


@kernel
def _counted(scale: Any) -> Any:
    count = np.float32(0)
    for i in range(CHUNK):
        count += np.float32(1) if scale[i] > np.float32(0) else np.float32(0)
    return count


@driver
def _matrix(scratch: Any, sums: Any) -> None:
    """Add the products of the derivatives with one another."""
    for row in range(PARAMETERS):
        left = scratch[row * CHUNK : (row + 1) * CHUNK]
        for column in range(row + 1):
            sums[row, column] += _product(left, scratch[column * CHUNK : (column + 1) * CHUNK])


@driver
def fill_columns(region: Region, work: Work, start: int) -> None:
    """Fill the columns for the chunk of pixels that begins at `start`, for the model in `work`."""
    part = slice(start, start + CHUNK)
    x, y, p = region.grid[0, part], region.grid[1, part], work.model
    top = np.float32(min(region.reach, work.fine.shape[1] // FINE) * FINE - 1)
    _distances(x, y, p[0], p[1], top, work.scratch, work.index)
    _look_up(work.fine, work.index, work.scratch)
    _differentiate(
        region.values[part],
        region.sensitivity[part],
        x,
        y,
        p,
        region.reach,
        region.noise,
        work.scratch,
        work.index,
    )


@driver
def accumulate(region: Region, work: Work, last: int, full: bool) -> float:
    """Sum products of the columns over pixels up to `last` into `work.sums`; return how many pixels counted.

    The last row of the sums, (COLUMNS, COLUMNS), is the right-hand side and, at its end, chi2. The rows
    above, the lower triangle of the Fisher matrix, are filled only if `full`.
    """
    sums = work.sums
    sums[COLUMNS - 1] = 0
    if full:
        sums[:] = 0
    count = 0.0
    for start in range(0, last, CHUNK):
        fill_columns(region, work, start)
        count += _counted(work.scratch[4 * CHUNK : 5 * CHUNK])
        _right_hand_side(work.scratch, sums)
        if full:
            _matrix(work.scratch, sums)
    return count


@driver
def solve(matrix: Any, right: Any, active: int, out: Any, inverse: Any) -> bool:
    """Solve the first `active` equations; fill the solution and the inverse; False if singular."""
    n = active
    lower = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            if i == j:
                if not total > 1e-12 * matrix[i, i] or not np.isfinite(total):
                    return False
                lower[i, i] = np.sqrt(total)
            else:
                lower[i, j] = total / lower[j, j]
    for column in range(n + 1):
        for i in range(n):
            total = right[i] if column == n else (1.0 if i == column else 0.0)
            for k in range(i):
                total -= lower[i, k] * out[k]
            out[i] = total / lower[i, i]
        for i in range(n - 1, -1, -1):
            total = out[i]
            for k in range(i + 1, n):
                total -= lower[k, i] * out[k]
            out[i] = total / lower[i, i]
        if column < n:
            for i in range(n):
                inverse[i, column] = out[i]
    return True
