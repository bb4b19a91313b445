"""Uniform cubic B-splines: basis, least squares, and the fine radial profile the fit reads from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.tracking.jit import driver, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

FINE = 4
"""Points of the fine profile in one pixel, a power of two."""


def basis(position: NDArray[np.float64], derivative: bool = False) -> NDArray[np.float64]:
    """Return the four basis functions at the fractional parts of `position`, (n, 4).

    Examples
    --------
    >>> basis(np.array([0.0, 2.5])).round(3)
    array([[0.167, 0.667, 0.167, 0.   ],
           [0.021, 0.479, 0.479, 0.021]])
    """
    t = position - np.floor(position)
    if derivative:
        rows = [-((1 - t) ** 2) / 2, (3 * t**2 - 4 * t) / 2, (-3 * t**2 + 2 * t + 1) / 2, t**2 / 2]
    else:
        rows = [
            (1 - t) ** 3 / 6,
            (3 * t**3 - 6 * t**2 + 4) / 6,
            (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
            t**3 / 6,
        ]
    return np.stack(rows, axis=-1)


def least_squares(
    position: NDArray[np.float64],
    values: NDArray[np.float64],
    weight: NDArray[np.float64],
    intervals: int,
    *,
    ridge: float = 1e-6,
) -> NDArray[np.float64]:
    """Return the coefficients, (intervals + 3, ...), of the spline nearest to weighted samples.

    Parameters
    ----------
    position : ndarray, (n,)
        In knots, 0 to `intervals`.
    values : ndarray, (n, ...)
        Samples; several columns share the positions and weights.
    weight : ndarray, (n,)
        Inverse variances, up to a factor.
    intervals : int
        How many pieces the spline has.
    ridge : float
        Pull towards a straight line, relative to the mean weight, which bridges knots without samples.
    """
    from scipy.linalg import solveh_banded

    if intervals < 1 or position.size == 0:
        raise BadInputError(f"a spline of {intervals} intervals cannot be fitted to {position.size} samples")
    count = intervals + 3
    clipped = np.clip(position, 0, intervals - 1e-9)
    first = np.floor(clipped).astype(int)
    b = basis(clipped)
    band, right = np.zeros((4, count)), np.zeros((count, *values.shape[1:]))
    spread = (slice(None), *(None,) * (values.ndim - 1))
    for i in range(4):
        np.add.at(right, first + i, (weight * b[:, i])[spread] * values)
        for j in range(i, 4):
            np.add.at(band[j - i], first + i, weight * b[:, i] * b[:, j])
    strength = ridge * max(float(weight.sum()) / count, 1e-30)
    difference = np.array([1.0, -2.0, 1.0])
    for i in range(count - 2):
        for j in range(3):
            band[: 3 - j, i + j] += strength * difference[j] * difference[j:]
    return np.asarray(solveh_banded(band, right, lower=True))


def _fine_basis() -> NDArray[np.float32]:
    """Return values and two derivatives of the four basis functions at the middle of each fine step."""
    t = (np.arange(FINE) + 0.5) / FINE
    bend = np.stack([1 - t, 3 * t - 2, 1 - 3 * t, t])
    return np.stack([basis(t).T, basis(t, derivative=True).T, bend]).astype(np.float32)


FINE_BASIS = _fine_basis()


@driver
def fit_profile(binned: Any, coefficients: Any, band: Any) -> bool:
    """Fit an even radial spline to binned pixels; return False if there are too few.

    `binned`, (bins, 2), holds sums and counts in equal steps over the spline's range, `band` is scratch, (4,
    n). Second differences are held back just enough to bridge knots without pixels.
    """
    n = coefficients.size
    per_knot = len(binned) // (n - 3)
    band[:] = 0
    coefficients[:] = 0
    b = np.empty(4)
    total = 0.0
    for k in range(len(binned)):
        value, count = binned[k]
        if count == 0:
            continue
        knot, t = k // per_knot, (k % per_knot + 0.5) / per_knot
        u = 1 - t
        b[0], b[1] = u * u * u / 6, 2 / 3 - t * t * (2 - t) / 2
        b[2], b[3] = 2 / 3 - u * u * (2 - u) / 2, t * t * t / 6
        total += count
        for i in range(4):
            coefficients[knot + i] += value * b[i]
            for j in range(i, 4):
                band[j - i, knot + i] += count * b[i] * b[j]
    if total < n:
        return False
    for i in range(n - 2):
        _add_difference(band, i, 1e-4)
    band[0, 0] += 1e3 * total
    band[0, 2] += 1e3 * total
    band[2, 0] -= 1e3 * total
    return _solve_band(band, coefficients)


@driver
def _add_difference(band: Any, i: int, strength: float) -> None:
    """Add the penalty of one second difference to a banded matrix."""
    band[0, i] += strength
    band[0, i + 1] += 4 * strength
    band[0, i + 2] += strength
    band[1, i] -= 2 * strength
    band[1, i + 1] -= 2 * strength
    band[2, i] += strength


@driver
def _solve_band(band: Any, right: Any) -> bool:
    """Solve in place by Cholesky; `band[d, i]` is the element (i + d, i)."""
    n = right.size
    for j in range(n):
        for d in range(min(4, n - j)):
            total = band[d, j]
            for k in range(max(0, j + d - 3), j):
                total -= band[j + d - k, k] * band[j - k, k]
            if d == 0:
                if not total > 0:
                    return False
                band[0, j] = np.sqrt(total)
            else:
                band[d, j] = total / band[0, j]
        total = right[j]
        for k in range(max(0, j - 3), j):
            total -= band[j - k, k] * right[k]
        right[j] = total / band[0, j]
    for j in range(n - 1, -1, -1):
        total = right[j]
        for k in range(j + 1, min(n, j + 4)):
            total -= band[k - j, j] * right[k]
        right[j] = total / band[0, j]
    return True


@driver
def profile_at(table: Any, position: float, coefficients: Any) -> None:
    """Fill `coefficients`, (2, n_r), with the radial spline at a height in knots, and with its slope in z."""
    last = table.shape[0] - 4
    knot = min(max(int(np.floor(position)), 0), last)
    t = np.float32(position - knot)
    s = np.float32(1) - t
    sixth, half, two = np.float32(1 / 6), np.float32(0.5), np.float32(2)
    w0, w3 = s * s * s * sixth, t * t * t * sixth
    w1 = np.float32(2 / 3) - half * t * t * (two - t)
    w2 = np.float32(2 / 3) - half * s * s * (two - s)
    d0, d3 = -half * s * s, half * t * t
    d1, d2 = half * t * (np.float32(3) * t - np.float32(4)), half * s * (np.float32(4) - np.float32(3) * s)
    _combine(table[knot], table[knot + 1], table[knot + 2], table[knot + 3], w0, w1, w2, w3, coefficients[0])
    _combine(table[knot], table[knot + 1], table[knot + 2], table[knot + 3], d0, d1, d2, d3, coefficients[1])


@kernel
def _combine(a: Any, b: Any, c: Any, d: Any, wa: Any, wb: Any, wc: Any, wd: Any, out: Any) -> None:
    for i in range(out.size):
        out[i] = wa * a[i] + wb * b[i] + wc * c[i] + wd * d[i]


@kernel
def refine(coefficients: Any, fine_basis: Any, fine: Any) -> None:
    """Fill `fine`, four numbers a place: the profile, its slopes in r and in z, its curvature in r.

    Places are ordered by their part of a pixel, FINE of them, then by pixel: so the inner loop runs along the
    coefficients.
    """
    knots = np.uint64(coefficients.shape[1] - 3)
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    for part in range(np.uint64(FINE)):
        b0, b1, b2, b3 = (
            fine_basis[0, 0, part],
            fine_basis[0, 1, part],
            fine_basis[0, 2, part],
            fine_basis[0, 3, part],
        )
        d0, d1, d2, d3 = (
            fine_basis[1, 0, part],
            fine_basis[1, 1, part],
            fine_basis[1, 2, part],
            fine_basis[1, 3, part],
        )
        e0, e1, e2, e3 = (
            fine_basis[2, 0, part],
            fine_basis[2, 1, part],
            fine_basis[2, 2, part],
            fine_basis[2, 3, part],
        )
        for knot in range(knots):
            k = four * (part * knots + knot)
            c0, c1 = coefficients[0, knot], coefficients[0, knot + one]
            c2, c3 = coefficients[0, knot + two], coefficients[0, knot + three]
            s0, s1 = coefficients[1, knot], coefficients[1, knot + one]
            s2, s3 = coefficients[1, knot + two], coefficients[1, knot + three]
            fine[k] = c0 * b0 + c1 * b1 + c2 * b2 + c3 * b3
            fine[k + one] = c0 * d0 + c1 * d1 + c2 * d2 + c3 * d3
            fine[k + two] = s0 * b0 + s1 * b1 + s2 * b2 + s3 * b3
            fine[k + three] = c0 * e0 + c1 * e1 + c2 * e2 + c3 * e3
