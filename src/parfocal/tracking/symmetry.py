"""x and y without a table: the centre about which the image is best described by its own radial profile.

Each turn bins the pixels by distance, fits a radial spline to the bins, and takes a Fisher-scoring step in x
and y against it. Profile and position are orthogonal for a symmetric image, so the step is as good as with a
known profile.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from parfocal.tracking.jit import driver, kernel
from parfocal.tracking.model import COLUMNS, PARAMETERS, Region, Work, accumulate, new_work, solve, variances
from parfocal.tracking.pixels import CHUNK
from parfocal.tracking.rows import AMPLITUDE, CHI2, FLAGS, OFFSET, SIGMA_X, SIGMA_Y, Flag, X, Y
from parfocal.tracking.seed import seed_centre
from parfocal.tracking.spline import fit_profile, refine

BINS = 8
"""Bins in one pixel of radius."""
_EMPTY, _AT_EDGE = int(Flag.EMPTY), int(Flag.AT_EDGE)
_BAD_FIT, _NOT_CONVERGED = int(Flag.BAD_FIT), int(Flag.NOT_CONVERGED)
_MOST_TURNS = 10


class Bins(NamedTuple):
    """Bins of distance, (bins + 2, 2) sums and counts, of which the last two take the rest; their spline."""

    shares: Any
    pairs: Any
    coefficients: Any
    band: Any


@kernel
def _bin_places(
    x: Any, y: Any, sensitivity: Any, x0: Any, y0: Any, last: Any, bins: Any, shares: Any
) -> None:
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
def bin_pixels(region: Region, last: int, x0: float, y0: float, index: Any, bins: Bins) -> None:
    """Share pixels and their sensitivity among the two nearest bins of distance from the centre."""
    pairs, shares = bins.pairs, bins.shares
    pairs[:] = 0
    top, one = np.float32(pairs.shape[0] - 2), np.float32(1)
    for start in range(0, last, CHUNK):
        part = slice(start, start + CHUNK)
        v, s, x, y = region.values[part], region.sensitivity[part], region.grid[0, part], region.grid[1, part]
        _bin_places(x, y, s, np.float32(x0), np.float32(y0), top, index, shares)
        for i in range(CHUNK):
            k, upper = np.uint32(index[i]), shares[i]
            lower = one - upper
            pairs[k, 0] += lower * v[i]
            pairs[k, 1] += lower * s[i]
            pairs[k + np.uint32(1), 0] += upper * v[i]
            pairs[k + np.uint32(1), 1] += upper * s[i]


@driver
def _profile(coefficients: Any, k: int) -> float:
    """Return the profile in the middle of a bin."""
    knot, t = k // BINS, (k % BINS + 0.5) / BINS
    u = 1 - t
    return float(
        coefficients[knot] * u * u * u / 6
        + coefficients[knot + 1] * (2 / 3 - t * t * (2 - t) / 2)
        + coefficients[knot + 2] * (2 / 3 - u * u * (2 - u) / 2)
        + coefficients[knot + 3] * t * t * t / 6
    )


@driver
def _contrast(coefficients: Any, binned: Any) -> tuple[float, float]:
    """Return the background and the RMS contrast over it."""
    outer = outer_count = squares = total = 0.0
    for k in range(len(binned)):
        if 4 * k >= 3 * len(binned):
            outer += binned[k, 0]
            outer_count += binned[k, 1]
    background = outer / max(outer_count, 1.0)
    for k in range(len(binned)):
        squares += binned[k, 1] * (_profile(coefficients, k) - background) ** 2
        total += binned[k, 1]
    return background, np.sqrt(squares / max(total, 1.0)) / max(background, 1e-6)


@driver
def _significance(coefficients: Any, binned: Any, background: float, noise: float, radius: float) -> float:
    """Return by how much the profile differs from a parabola, in units of what noise does: 1 for no bead.

    A parabola is what is left of smooth light, a surface of second order, in its mean over whole circles:
    those up to `radius`.
    """
    n = nr = nrr = nv = nrv = nvv = 0.0
    for k in range(min(int(radius * BINS), len(binned))):
        r, count, value = ((k + 0.5) / BINS) ** 2, binned[k, 1], _profile(coefficients, k) - background
        n += count
        nr += count * r
        nrr += count * r * r
        nv += count * value
        nrv += count * r * value
        nvv += count * value * value
    determinant = n * nrr - nr * nr
    if not determinant > 1e-9 * n * nrr:
        return 0.0
    level, bend = (nrr * nv - nr * nrv) / determinant, (n * nrv - nr * nv) / determinant
    left = nvv - level * nv - bend * nrv
    return left / (max(background, 1.0) + noise) / (radius + 3)


@driver
def _fit_centre(
    region: Region, fine_basis: Any, work: Work, bins: Bins, place: Any, root: Any
) -> tuple[float, bool]:
    """Improve x and y in `place`; return chi2 for each degree of freedom and whether it settled."""
    step, right, knots = np.zeros(PARAMETERS), work.sums[COLUMNS - 1], bins.coefficients.size - 3
    chi2, size = np.nan, region.values.size
    for turn in range(_MOST_TURNS):
        last = size // 2 if turn == 0 else size
        bin_pixels(region, last, place[0], place[1], work.index, bins)
        if not fit_profile(bins.pairs[:-2], bins.coefficients, bins.band):
            return chi2, False
        work.coefficients[0] = bins.coefficients
        refine(work.coefficients, fine_basis, work.fine)
        work.model[0], work.model[1], work.model[3], work.model[4] = place[0], place[1], 1, 0
        pixels = accumulate(region, work, last, True)
        if pixels < 2 * knots or not solve(work.sums, right, 2, root, step):
            return chi2, False
        gained = step[0] * right[0] + step[1] * right[1]
        chi2 = (right[PARAMETERS] - gained) / (pixels - knots - PARAMETERS)
        for k in range(2):
            moved = place[k] + min(max(step[k], -1.0), 1.0)
            place[k] = min(max(moved, 0.0), region.roi - 1.0)
        if turn > 0 and gained < 4.0:
            return chi2, True
    return chi2, False


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
    work, root, variance = new_work(knots), np.zeros((2, 2)), np.zeros(2)
    bins = Bins(
        np.zeros(CHUNK, np.float32),
        np.zeros((knots * BINS + 2, 2), np.float32),
        np.zeros(knots + 3),
        np.zeros((4, knots + 3)),
    )
    gradient, seed = np.zeros((3, grid.shape[1] // 2), np.float32), np.zeros(3)
    for i in range(values.shape[0]):
        region = Region(values[i], sensitivity[i], grid, roi, np.float32(knots), np.float32(noise))
        row = out[i]
        row[:] = np.nan
        binned[i] = 0
        if not seed_centre(values[i], sensitivity[i], grid, roi, noise, gradient, seed):
            row[FLAGS], row[AMPLITUDE], row[OFFSET] = _EMPTY, 0, seed[2]
            continue
        row[CHI2], settled = _fit_centre(region, fine_basis, work, bins, seed, root)
        binned[i] = bins.pairs[:-2]
        if np.isfinite(row[CHI2]):
            variances(root, 2, variance)
            row[SIGMA_X], row[SIGMA_Y] = np.sqrt(variance[0]), np.sqrt(variance[1])
        row[X], row[Y] = seed[0], seed[1]
        row[OFFSET], row[AMPLITUDE] = _contrast(bins.coefficients, binned[i])
        radius = min(seed[0], seed[1], roi - 1 - seed[0], roi - 1 - seed[1])
        significance = _significance(bins.coefficients, binned[i], row[OFFSET], noise, radius)
        row[FLAGS] = _verdict(row, significance, settled, roi, most_chi2)


@driver
def _verdict(row: Any, significance: float, settled: bool, roi: int, most_chi2: float) -> int:
    """Return the flags of a row."""
    flags, middle = 0, 0.5 * (roi - 1)
    if not (significance > 4 and row[SIGMA_X] < 1 and row[SIGMA_Y] < 1):
        flags |= _EMPTY
    if max(abs(row[X] - middle), abs(row[Y] - middle)) > 0.32 * roi:
        flags |= _AT_EDGE
    if not row[CHI2] < most_chi2:
        flags |= _BAD_FIT
    if not settled:
        flags |= _NOT_CONVERGED
    return flags
