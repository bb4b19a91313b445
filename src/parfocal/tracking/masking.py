"""What does not belong to the bead: squares of the region whose residuals are too large are left out."""

from __future__ import annotations

import numpy as np

from parfocal.tracking.jit import driver
from parfocal.tracking.model import COLUMN, Region, Work, fill_columns
from parfocal.tracking.pixels import CHUNK

BLOCK = 8
"""Edge of a square, pixels."""
_EXCESS = 1.7
"""A square is left out if its chi2 is this many times that of the typical square."""


@driver
def mask_outliers(region: Region, work: Work) -> int:
    """Set the sensitivity to 0 where the model does not explain the image; return in how many pixels."""
    grid, sensitivity, across = region.grid, region.sensitivity, (region.roi + BLOCK - 1) // BLOCK
    chi2, count = np.zeros(across * across), np.zeros(across * across)
    for start in range(0, grid.shape[1], CHUNK):
        fill_columns(region, work, start)
        for i in range(CHUNK):
            if work.scratch[4 * COLUMN + i] > 0:
                k = int(grid[1, start + i]) // BLOCK * across + int(grid[0, start + i]) // BLOCK
                chi2[k] += work.scratch[5 * COLUMN + i] ** 2
                count[k] += 1
    used = count >= BLOCK
    if not used.any():
        return 0
    limit = _EXCESS * np.median(chi2[used] / count[used])
    masked = 0
    for i in range(grid.shape[1]):
        if sensitivity[i] > 0:
            k = int(grid[1, i]) // BLOCK * across + int(grid[0, i]) // BLOCK
            if used[k] and chi2[k] > limit * count[k]:
                sensitivity[i] = 0
                masked += 1
    return masked
