"""What does not belong to the bead: squares of the region whose residuals are too large are left out.

A neighbour or dirt disturbs one side of a bead. Aberrations disturb both: where the square on the other side
of the bead is as bad, nothing is left out.
"""

from __future__ import annotations

import numpy as np

from parfocal.tracking.jit import driver
from parfocal.tracking.model import COLUMN, Region, Work, fill_columns
from parfocal.tracking.pixels import CHUNK

BLOCK = 8
"""Edge of a square, pixels."""
_EXCESS, _MIRRORED = 0.7, 0.4
"""A square is left out if its chi2 exceeds that of the typical one by this part of it, and the square on the
other side of the bead has less than this part of the excess."""


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
    typical = np.median(chi2[used] / count[used])
    for k in range(chi2.size):
        chi2[k] = chi2[k] / (count[k] * typical) - 1 if used[k] else 0.0
    foreign = np.zeros(chi2.size, np.bool_)
    for k in range(chi2.size):
        row = int(np.floor((2 * work.model[1] - (k // across + 0.5) * BLOCK) / BLOCK))
        column = int(np.floor((2 * work.model[0] - (k % across + 0.5) * BLOCK) / BLOCK))
        other = chi2[row * across + column] if 0 <= row < across and 0 <= column < across else 0.0
        foreign[k] = chi2[k] > _EXCESS and other < _MIRRORED * chi2[k]
    masked = 0
    for i in range(grid.shape[1]):
        if sensitivity[i] > 0:
            k = int(grid[1, i]) // BLOCK * across + int(grid[0, i]) // BLOCK
            if foreign[k]:
                sensitivity[i] = 0
                masked += 1
    return masked
