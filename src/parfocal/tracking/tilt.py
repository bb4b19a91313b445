"""Uneven light over one region: a plane that multiplies bead and background alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from parfocal.tracking.jit import driver, kernel
from parfocal.tracking.model import COLUMN, Region, Work, fill_columns
from parfocal.tracking.pixels import CHUNK


@kernel
def _tilt_sums(scratch: Any, x: Any, y: Any, middle: Any, a: Any, b: Any, sums: Any) -> None:
    """Add the normal equations of the two slopes for one chunk."""
    xx = xy = yy = rx = ry = zero = np.float32(0)
    for i in range(CHUNK):
        light = a * scratch[3 * COLUMN + i] + b * scratch[4 * COLUMN + i]
        used = scratch[4 * COLUMN + i] > zero
        along_x = (x[i] - middle) * light if used else zero
        along_y = (y[i] - middle) * light if used else zero
        residual = scratch[5 * COLUMN + i]
        xx += along_x * along_x
        xy += along_x * along_y
        yy += along_y * along_y
        rx += residual * along_x
        ry += residual * along_y
    sums[0] += xx
    sums[1] += xy
    sums[2] += yy
    sums[3] += rx
    sums[4] += ry


@kernel
def _apply(sensitivity: Any, x: Any, y: Any, middle: Any, slope_x: Any, slope_y: Any) -> None:
    one, zero, least = np.float32(1), np.float32(0), np.float32(0.05)
    for i in range(sensitivity.size):
        factor = one + (x[i] - middle) * slope_x + (y[i] - middle) * slope_y
        sensitivity[i] = sensitivity[i] * max(factor, least) if sensitivity[i] > zero else zero


@driver
def remove_tilt(region: Region, work: Work) -> float:
    """Tilt the sensitivity so that the model fits best; return the larger change across the region."""
    sums = np.zeros(5)
    grid, middle = region.grid, np.float32(0.5 * (region.roi - 1))
    for start in range(0, grid.shape[1], CHUNK):
        fill_columns(region, work, start)
        part = slice(start, start + CHUNK)
        _tilt_sums(work.scratch, grid[0, part], grid[1, part], middle, work.model[3], work.model[4], sums)
    xx, xy, yy, rx, ry = sums
    determinant = xx * yy - xy * xy
    if not determinant > 1e-9 * xx * yy:
        return 0.0
    slope_x, slope_y = (yy * rx - xy * ry) / determinant, (xx * ry - xy * rx) / determinant
    _apply(region.sensitivity, grid[0], grid[1], middle, np.float32(slope_x), np.float32(slope_y))
    return max(abs(slope_x), abs(slope_y)) * region.roi
