"""What does not belong to the bead: squares of the region whose residuals are too large are left out."""

from __future__ import annotations

from typing import Any

import numpy as np

from parfocal.tracking.jit import driver
from parfocal.tracking.model import columns_of_chunk
from parfocal.tracking.pixels import CHUNK

BLOCK = 8
"""Edge of a square, pixels."""
_EXCESS = 1.7
"""A square is left out if its chi2 is this many times that of the typical square."""


@driver
def mask_outliers(
    values: Any,
    sensitivity: Any,
    grid: Any,
    roi: int,
    fine: Any,
    p: Any,
    reach: Any,
    noise: Any,
    scratch: Any,
    index: Any,
) -> int:
    """Set the sensitivity to 0 in squares that the model `p` does not explain; return how many pixels that were."""
    across = (roi + BLOCK - 1) // BLOCK
    chi2, count = np.zeros(across * across), np.zeros(across * across)
    for start in range(0, values.size, CHUNK):
        columns_of_chunk(values, sensitivity, grid, start, fine, p, reach, noise, scratch, index)
        for i in range(CHUNK):
            if scratch[4 * CHUNK + i] > 0:
                k = int(grid[1, start + i]) // BLOCK * across + int(grid[0, start + i]) // BLOCK
                chi2[k] += scratch[5 * CHUNK + i] ** 2
                count[k] += 1
    used = count >= BLOCK
    if not used.any():
        return 0
    limit = _EXCESS * np.median(chi2[used] / count[used])
    masked = 0
    for i in range(values.size):
        if sensitivity[i] > 0 and grid[0, i] < roi:
            k = int(grid[1, i]) // BLOCK * across + int(grid[0, i]) // BLOCK
            if used[k] and chi2[k] > limit * count[k]:
                sensitivity[i] = 0
                masked += 1
    return masked
