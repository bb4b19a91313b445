"""Uneven light without a bead: how well a smooth surface of second order alone describes a region."""

from __future__ import annotations

from typing import Any

import numpy as np

from parfocal.tracking.jit import driver, kernel
from parfocal.tracking.model import COLUMN, Region, Work, fill_columns, solve
from parfocal.tracking.pixels import CHUNK

_TERMS = 6
"""1, x, y, xx, xy, yy."""
_MOMENT = np.array([[0, 1, 2, 3, 4, 5], [1, 3, 4, 6, 7, 8], [2, 4, 5, 7, 8, 9],
                    [3, 6, 7, 10, 11, 12], [4, 7, 8, 11, 12, 13], [5, 8, 9, 12, 13, 14]])  # fmt: skip
"""Which of the 15 moments up to fourth order is the product of two terms."""


@kernel
def _moments(scratch: Any, x: Any, y: Any, middle: Any, scale: Any, level: Any, sums: Any) -> None:
    """Add the moments of the weight, those of weight times value, and the squares of value and residual."""
    w0 = wx = wy = wxx = wxy = wyy = wxxx = wxxy = wxyy = wyyy = np.float32(0)
    wxxxx = wxxxy = wxxyy = wxyyy = wyyyy = np.float32(0)
    v0 = vx = vy = vxx = vxy = vyy = values = residuals = np.float32(0)
    for i in range(CHUNK):
        root, residual = scratch[4 * COLUMN + i], scratch[5 * COLUMN + i]
        value = residual + scratch[3 * COLUMN + i] - level * root
        u, v = (x[i] - middle) * scale, (y[i] - middle) * scale
        uu, uv, vv, weight, signal = u * u, u * v, v * v, root * root, root * value
        w0 += weight
        wx += weight * u
        wy += weight * v
        wxx += weight * uu
        wxy += weight * uv
        wyy += weight * vv
        wxxx += weight * uu * u
        wxxy += weight * uu * v
        wxyy += weight * u * vv
        wyyy += weight * vv * v
        wxxxx += weight * uu * uu
        wxxxy += weight * uu * uv
        wxxyy += weight * uu * vv
        wxyyy += weight * uv * vv
        wyyyy += weight * vv * vv
        v0 += signal
        vx += signal * u
        vy += signal * v
        vxx += signal * uu
        vxy += signal * uv
        vyy += signal * vv
        values += value * value
        residuals += residual * residual
    found = (
        w0, wx, wy, wxx, wxy, wyy, wxxx, wxxy, wxyy, wyyy, wxxxx, wxxxy, wxxyy, wxyyy, wyyyy,
        v0, vx, vy, vxx, vxy, vyy, values, residuals,
    )  # fmt: skip
    for k in range(len(found)):
        sums[k] += found[k]


@driver
def gain_over_light(region: Region, work: Work, level: float) -> float:
    """Return by how much chi2, the sum, is lower with the model in `work` than with smooth light alone.

    Contrast 1 and background 0 are expected in the model; `level` is about that of the light.
    """
    sums, matrix = np.zeros(23), np.empty((_TERMS, _TERMS))
    root, light = np.zeros((_TERMS, _TERMS)), np.zeros(_TERMS)
    grid, middle = region.grid, np.float32(0.5 * (region.roi - 1))
    scale, about = np.float32(2.0 / region.roi), np.float32(level)
    for start in range(0, grid.shape[1], CHUNK):
        fill_columns(region, work, start)
        part = slice(start, start + CHUNK)
        _moments(work.scratch, grid[0, part], grid[1, part], middle, scale, about, sums)
    for i in range(_TERMS):
        for j in range(_TERMS):
            matrix[i, j] = sums[_MOMENT[i, j]]
    right, gain = sums[15:21], sums[21] - sums[22]
    if not solve(matrix, right, _TERMS, root, light):
        return 0.0
    for i in range(_TERMS):
        gain -= light[i] * right[i]
    return float(gain)
