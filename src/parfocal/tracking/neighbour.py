"""A neighbour's rings: found in what the bead does not explain, described by their own profile, taken away.

The rings of a neighbour reach far and are weak, so that leaving out squares of the region leaves most of them
in. But they are round, about a centre that may lie outside the region: the point nearest to the gradient
lines of the residuals, improved with their own radial profile as a bead without a table is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from parfocal.tracking.jit import driver
from parfocal.tracking.model import (
    COLUMN,
    COLUMNS,
    PARAMETERS,
    Region,
    Work,
    accumulate,
    fill_columns,
    new_work,
    solve,
)
from parfocal.tracking.pixels import CHUNK
from parfocal.tracking.seed import gradient_lines, gradients
from parfocal.tracking.spline import fit_profile, refine
from parfocal.tracking.symmetry import BINS, Bins, bin_pixels


class Rings(NamedTuple):
    """What a neighbour is described in: its work, bins and root, the residuals and the region as it was."""

    work: Work
    bins: Bins
    root: Any
    rest: Any
    values: Any
    place: Any


@driver
def new_rings(roi: int, length: int) -> Rings:
    """Return arrays for rings up to two regions away from their centre."""
    knots = 2 * roi
    bins = Bins(
        np.zeros(CHUNK, np.float32),
        np.zeros((knots * BINS + 2, 2), np.float32),
        np.zeros(knots + 3),
        np.zeros((4, knots + 3)),
    )
    return Rings(
        new_work(knots), bins, np.zeros((2, 2)), np.zeros(length, np.float32),
        np.zeros(length, np.float32), np.zeros(2),
    )  # fmt: skip


@driver
def fill_residuals(region: Region, work: Work, rest: Any) -> None:
    """Fill `rest` with what the model in `work` leaves, in electrons."""
    for start in range(0, region.grid.shape[1], CHUNK):
        fill_columns(region, work, start)
        for i in range(CHUNK):
            scale, s = work.scratch[4 * COLUMN + i], region.sensitivity[start + i]
            residual = work.scratch[5 * COLUMN + i]
            rest[start + i] = residual * s / scale if scale > 0 else np.float32(0)


@driver
def find_rings(region: Region, rings: Rings, gradient: Any, variance: float) -> bool:
    """Find the centre of what is in `rings.rest`; return whether there is one."""
    half, sums = region.grid.shape[1] // 2, np.zeros(5)
    grid, middle = region.grid, np.float32(0.5 * (region.roi - 1))
    gradients(rings.rest, region.sensitivity, grid[2], region.roi, half, np.float32(96 * variance), gradient)
    gradient_lines(gradient, grid[0, :half], grid[1, :half], middle, middle, np.float32(1e-6), sums)
    xx, xy, yy, bx, by = sums
    determinant = xx * yy - xy * xy
    if not determinant > 1e-6 * (xx + yy) ** 2:
        return False
    rings.place[0] = middle + (yy * bx - xy * by) / determinant
    rings.place[1] = middle + (xx * by - xy * bx) / determinant
    return True


@driver
def take_rings(region: Region, rings: Rings, fine_basis: Any, variance: float, turns: int) -> bool:
    """Fit centre and profile to `rings.rest`, and set the region's values to those without them."""
    work, bins, place, step = rings.work, rings.bins, rings.place, np.zeros(PARAMETERS)
    knots, size, roi = bins.coefficients.size - 3, region.grid.shape[1], region.roi
    rest = Region(rings.rest, region.sensitivity, region.grid, roi, np.float32(knots), np.float32(variance))
    for turn in range(turns + 1):
        bin_pixels(rest, size, place[0], place[1], work.index, bins)
        if not fit_profile(bins.pairs[:-2], bins.coefficients, bins.band):
            return False
        work.coefficients[0] = bins.coefficients
        refine(work.coefficients, fine_basis, work.fine)
        work.model[0], work.model[1], work.model[3], work.model[4] = place[0], place[1], 1, 0
        if turn == turns:
            break
        accumulate(rest, work, size, True)
        if not solve(work.sums, work.sums[COLUMNS - 1], 2, rings.root, step):
            return False
        for k in range(2):
            moved = place[k] + min(max(step[k], -2.0), 2.0)
            place[k] = min(max(moved, -float(roi)), 2.0 * roi)
    mean = bins.pairs[:-2, 0].sum() / max(bins.pairs[:-2, 1].sum(), 1)
    for start in range(0, size, CHUNK):
        fill_columns(rest, work, start)
        for i in range(CHUNK):
            scale, s = work.scratch[4 * COLUMN + i], region.sensitivity[start + i]
            if scale > 0:
                found = work.scratch[3 * COLUMN + i] / scale - mean
                region.values[start + i] = rings.values[start + i] - s * found
    return True
