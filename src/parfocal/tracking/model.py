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
COLUMN = CHUNK + 48
"""Distance of columns in the scratch list; no power of two, lest they compete for places in the cache."""
_Y, _Z, _A, _B, _RESIDUAL, _OFF, _INVERSE = (np.uint64(k * COLUMN) for k in range(1, COLUMNS + 2))
"""Where columns begin in the scratch list; unsigned, so that no index needs a test for being negative."""

_SHIFT, _FAR = FINE.bit_length() - 1, 1e3


class Region(NamedTuple):
    """One region and what is fixed while it is fitted."""

    values: Any
    sensitivity: Any
    grid: Any
    roi: int
    reach: Any
    noise: Any


class Work(NamedTuple):
    """What one thread works in: columns, profile, and the model (x, y, -, contrast, background).

    `fine` holds the profile as four numbers for each place, and `packed` the same memory as one number of
    16 bytes, which the look-up copies whole; so do `found` and `taken` for the pixels of a chunk.
    """

    scratch: Any
    index: Any
    coefficients: Any
    packed: Any
    fine: Any
    taken: Any
    found: Any
    sums: Any
    model: Any


@driver
def _aligned(size: int) -> Any:
    """Return zeros of 16 bytes that begin at a line of the cache, lest every vector lie across two."""
    memory = np.zeros(size + 3, np.complex128)
    first = -memory.ctypes.data % 64 // 16
    return memory[first : first + size]


@driver
def new_work(knots: int) -> Work:
    """Return arrays for a radial spline of so many intervals."""
    scratch = _aligned((COLUMNS + 2) * COLUMN // 4 + CHUNK // 4)
    packed, taken = _aligned(knots * FINE), _aligned(CHUNK)
    columns = (COLUMNS + 2) * COLUMN
    return Work(
        scratch.view(np.float32)[:columns],
        scratch.view(np.int32)[columns:],
        np.zeros((2, knots + 3), np.float32),
        packed,
        packed.view(np.float32),
        taken,
        taken.view(np.float32),
        np.zeros((COLUMNS, COLUMNS)),
        np.zeros(PARAMETERS, np.float32),
    )


@kernel
def _distances(
    grid: Any, start: Any, x0: Any, y0: Any, reach: Any, knots: Any, scratch: Any, index: Any
) -> None:
    """Fill distances from the nearest place of the fine profile, inverse radii, and that place."""
    one, half, tiny, fine, far = (
        np.float32(1),
        np.float32(0.5),
        np.float32(1e-6),
        np.float32(FINE),
        np.float32(_FAR),
    )
    for i in range(np.uint64(CHUNK)):
        dx, dy = grid[0, start + i] - x0, grid[1, start + i] - y0
        square = dx * dx + dy * dy + tiny
        inverse = one / np.sqrt(square)
        r = square * inverse
        step = np.int32(r * fine if r < reach else tiny)
        scratch[_OFF + i] = r - (np.float32(step) + half) / fine if r < reach else far
        scratch[_INVERSE + i] = inverse
        index[i] = (step & np.int32(FINE - 1)) * knots + (step >> np.int32(_SHIFT))


@kernel
def _look_up(packed: Any, index: Any, taken: Any) -> None:
    """Read the profile, its slope and curvature in r, and its slope in z."""
    for i in range(np.uint64(CHUNK)):
        taken[i] = packed[np.uint64(index[i])]


@kernel
def _differentiate(
    values: Any, sensitivity: Any, grid: Any, start: Any, p: Any, noise: Any, scratch: Any, found: Any
) -> None:
    """Fill the columns: derivatives and residual over the expected standard deviation."""
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    unit, zero, half = np.float32(1), np.float32(0), np.float32(0.5)
    x0, y0, a, b = p[0], p[1], p[3], p[4]
    for i in range(np.uint64(CHUNK)):
        off, s, k = scratch[_OFF + i], sensitivity[start + i], four * i
        bend = found[k + three] * off
        slope = found[k + one] + bend
        profile = found[k] + (slope - half * bend) * off
        mu = s * (a * profile + b)
        weight = unit / np.sqrt((mu if mu > unit else unit) + noise)
        weight = weight if (off < unit) & (s > zero) else zero
        scale = s * weight
        profile = profile if off < unit else zero
        g = -a * slope * scratch[_INVERSE + i] * scale if off < unit else zero
        scratch[i] = g * (grid[0, start + i] - x0)
        scratch[_Y + i] = g * (grid[1, start + i] - y0)
        scratch[_Z + i] = a * found[k + two] * scale
        scratch[_A + i] = profile * scale
        scratch[_B + i] = scale
        scratch[_RESIDUAL + i] = (values[start + i] - mu) * weight


@kernel
def _right_hand_side(scratch: Any, sums: Any) -> Any:
    """Add the products of the residual with each column; return how many pixels count."""
    x = y = z = a = b = chi2 = count = zero = np.float32(0)
    one = np.float32(1)
    for i in range(CHUNK):
        residual = scratch[5 * COLUMN + i]
        x += residual * scratch[i]
        y += residual * scratch[COLUMN + i]
        z += residual * scratch[2 * COLUMN + i]
        a += residual * scratch[3 * COLUMN + i]
        b += residual * scratch[4 * COLUMN + i]
        chi2 += residual * residual
        count += one if scratch[4 * COLUMN + i] > zero else zero
    last = COLUMNS - 1
    sums[last, 0] += x
    sums[last, 1] += y
    sums[last, 2] += z
    sums[last, 3] += a
    sums[last, 4] += b
    sums[last, 5] += chi2
    return count


@kernel
def _matrix(scratch: Any, sums: Any) -> None:
    """Add the products of the derivatives with one another, all in one pass: 15 sums fit the registers."""
    xx = xy = yy = xz = yz = zz = xa = ya = za = aa = np.float32(0)
    xb = yb = zb = ab = bb = np.float32(0)
    for i in range(np.uint64(CHUNK)):
        x, y, z, a, b = scratch[i], scratch[_Y + i], scratch[_Z + i], scratch[_A + i], scratch[_B + i]
        xx += x * x
        xy += x * y
        yy += y * y
        xz += x * z
        yz += y * z
        zz += z * z
        xa += x * a
        ya += y * a
        za += z * a
        aa += a * a
        xb += x * b
        yb += y * b
        zb += z * b
        ab += a * b
        bb += b * b
    row = sums[0]
    row[0] += xx
    row = sums[1]
    row[0] += xy
    row[1] += yy
    row = sums[2]
    row[0] += xz
    row[1] += yz
    row[2] += zz
    row = sums[3]
    row[0] += xa
    row[1] += ya
    row[2] += za
    row[3] += aa
    row = sums[4]
    row[0] += xb
    row[1] += yb
    row[2] += zb
    row[3] += ab
    row[4] += bb


@driver
def fill_columns(region: Region, work: Work, start: int) -> None:
    """Fill the columns for the chunk of pixels that begins at `start`, for the model in `work`."""
    p, first, knots = work.model, np.uint64(start), np.int32(work.packed.size // FINE)
    _distances(region.grid, first, p[0], p[1], region.reach, knots, work.scratch, work.index)
    _look_up(work.packed, work.index, work.taken)
    _differentiate(
        region.values, region.sensitivity, region.grid, first, p, region.noise, work.scratch, work.found
    )


@driver
def accumulate(region: Region, work: Work, last: int, full: bool) -> float:
    """Sum products of the columns over pixels up to `last` into `work.sums`; return how many pixels counted.

    The last row of the sums, (COLUMNS, COLUMNS), is the right-hand side and, at its end, chi2. The others,
    the lower triangle of the Fisher matrix, are filled only if `full`.
    """
    values, sensitivity, grid = region.values, region.sensitivity, region.grid
    scratch, index, packed, p = work.scratch, work.index, work.packed, work.model
    taken, found, sums, knots = work.taken, work.found, work.sums, np.int32(work.packed.size // FINE)
    sums[COLUMNS - 1] = 0
    if full:
        sums[:] = 0
    count = 0.0
    for start in range(0, last, CHUNK):
        first = np.uint64(start)
        _distances(grid, first, p[0], p[1], region.reach, knots, scratch, index)
        _look_up(packed, index, taken)
        _differentiate(values, sensitivity, grid, first, p, region.noise, scratch, found)
        count += _right_hand_side(scratch, sums)
        if full:
            _matrix(scratch, sums)
    return count


@driver
def solve(matrix: Any, right: Any, active: int, lower: Any, out: Any) -> bool:
    """Solve the first `active` equations by Cholesky, which fills `lower` too; False if singular."""
    for i in range(active):
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
    for i in range(active):
        total = right[i]
        for k in range(i):
            total -= lower[i, k] * out[k]
        out[i] = total / lower[i, i]
    for i in range(active - 1, -1, -1):
        total = out[i]
        for k in range(i + 1, active):
            total -= lower[k, i] * out[k]
        out[i] = total / lower[i, i]
    return True


@driver
def variances(lower: Any, active: int, out: Any) -> None:
    """Fill the diagonal of the inverse of the matrix that was solved."""
    column = np.zeros(active)
    for first in range(active):
        total = 0.0
        for i in range(first, active):
            value = 1.0 if i == first else 0.0
            for k in range(first, i):
                value -= lower[i, k] * column[k]
            column[i] = value / lower[i, i]
            total += column[i] * column[i]
        out[first] = total
