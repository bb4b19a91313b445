"""Where the fit begins, from the image alone: centre of signal, centre of symmetry, coarse height.

The centre of symmetry is the point nearest to all lines along the gradient (Parthasarathy 2012,
doi:10.1038/nmeth.2071), here weighted with the gradient's strength above what noise explains, and with a window
around the centre of signal, so that neighbours and empty background pull little.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from parfocal.tracking.jit import driver, kernel
from parfocal.tracking.pixels import row_start

SPOKES = 16
_ANGLES = 2 * np.pi * (np.arange(SPOKES) + 0.5) / SPOKES
DIRECTIONS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)]).astype(np.float32)


@kernel
def _sum(values: Any, sensitivity: Any) -> Any:
    total = seen = np.float32(0)
    for i in range(values.size):
        total += values[i]
        seen += sensitivity[i]
    return total, seen


@kernel
def _signal_moments(values: Any, sensitivity: Any, grid: Any, level: Any, floor: Any) -> Any:
    """Weight and first moments of squared deviations above `floor`."""
    total = along_x = along_y = zero = np.float32(0)
    for i in range(values.size):
        s = sensitivity[i]
        deviation = values[i] - level * s
        excess = deviation * deviation - floor
        weight = excess if (excess > zero) & (s > zero) else zero
        total += weight
        along_x += weight * grid[0, i]
        along_y += weight * grid[1, i]
    return total, along_x, along_y


@kernel
def _gradient_lines(above: Any, here: Any, below: Any, seen: Any, row: Any, cx: Any, cy: Any, floor: Any, wide: Any) -> Any:
    """Normal equations of the point nearest to the gradient lines of one row, relative to (cx, cy)."""
    xx = xy = yy = bx = by = zero = np.float32(0)
    one, two, tiny = np.float32(1), np.float32(2), np.float32(1e-6)
    dy = row - cy
    for i in range(1, here.size - 1):
        gx = above[i + 1] - above[i - 1] + two * (here[i + 1] - here[i - 1]) + below[i + 1] - below[i - 1]
        gy = below[i - 1] - above[i - 1] + two * (below[i] - above[i]) + below[i + 1] - above[i + 1]
        dx = np.float32(i) - cx
        energy = gx * gx + gy * gy
        excess = energy - floor
        window = one / (one + (dx * dx + dy * dy) * wide)
        keep = (excess > zero) & (seen[i] > zero)
        weight = (excess / (energy + tiny) * window * window) if keep else zero
        across = gy * dx - gx * dy
        xx += weight * gy * gy
        xy -= weight * gx * gy
        yy += weight * gx * gx
        bx += weight * gy * across
        by -= weight * gx * across
    return xx, xy, yy, bx, by


@driver
def _centre_of_symmetry(
    values: Any, sensitivity: Any, roi: int, half: int, cx: float, cy: float, floor: float, width: float
) -> tuple[float, float, float]:
    """Return the shift from (cx, cy) to the centre of symmetry and the strength of the gradients."""
    xx = xy = yy = bx = by = 0.0
    for row in range(1, roi - 1):
        above, here = row_start(row - 1, roi, half), row_start(row, roi, half)
        below = row_start(row + 1, roi, half)
        part = _gradient_lines(
            values[above : above + roi],
            values[here : here + roi],
            values[below : below + roi],
            sensitivity[here : here + roi],
            np.float32(row),
            np.float32(cx),
            np.float32(cy),
            np.float32(floor),
            np.float32(1 / width**2),
        )
        xx += part[0]
        xy += part[1]
        yy += part[2]
        bx += part[3]
        by += part[4]
    determinant = xx * yy - xy * xy
    if not determinant > 1e-6 * (xx + yy) ** 2:
        return 0.0, 0.0, 0.0
    return (yy * bx - xy * by) / determinant, (xx * by - xy * bx) / determinant, xx + yy


@driver
def seed_centre(
    values: Any, sensitivity: Any, grid: Any, roi: int, half: int, noise: float, out: Any
) -> bool:
    """Fill `out` with x, y and the mean level; return whether there is any signal above the noise."""
    total, seen = _sum(values, sensitivity)
    if seen <= 0:
        return False
    level = total / seen
    out[0] = out[1] = 0.5 * (roi - 1)
    out[2] = level
    variance = max(level, 0.0) + noise
    weight, along_x, along_y = _signal_moments(
        values, sensitivity, grid, np.float32(level), np.float32(6 * variance)
    )
    if weight <= 0:
        return False
    out[0], out[1] = along_x / weight, along_y / weight
    for turn in range(3):
        width = (0.25 if turn == 0 else 0.12) * roi
        dx, dy, strength = _centre_of_symmetry(
            values, sensitivity, roi, half, out[0], out[1], 96 * variance, width
        )
        if strength <= 0:
            return False
        out[0] = min(max(out[0] + dx, 0.0), roi - 1.0)
        out[1] = min(max(out[1] + dy, 0.0), roi - 1.0)
    return True


@driver
def spoke_profile(
    values: Any, sensitivity: Any, roi: int, half: int, x: float, y: float, directions: Any, profile: Any
) -> None:
    """Fill `profile` with the mean at 0, 1, 2 ... pixels from the centre along the spokes; 0 where all leave."""
    for j in range(profile.size):
        total = seen = np.float32(0)
        for k in range(directions.shape[1]):
            column = int(x + j * directions[0, k] + 0.5)
            row = int(y + j * directions[1, k] + 0.5)
            if 0 <= column < roi and 0 <= row < roi:
                i = row_start(row, roi, half) + column
                total += values[i]
                seen += sensitivity[i]
        profile[j] = total / seen if seen > 0 else np.float32(np.nan)


@driver
def rank_heights(profile: Any, coarse: Any, score: Any) -> None:
    """Fill `score` with the correlation of the profile with each plane of `coarse`, whose rows are normalised."""
    mean = np.float32(0)
    count = 0
    for j in range(profile.size):
        if np.isfinite(profile[j]):
            mean += profile[j]
            count += 1
    mean /= max(count, 1)
    for j in range(profile.size):
        profile[j] = profile[j] - mean if np.isfinite(profile[j]) else np.float32(0)
    for k in range(coarse.shape[0]):
        score[k] = _dot(profile, coarse[k])


@kernel
def _dot(a: Any, b: Any) -> Any:
    total = np.float32(0)
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@driver
def best_height(score: Any, taken: float, apart: float) -> float:
    """Return the place of the highest score, between planes, at least `apart` from `taken` (-1: anywhere)."""
    best = -1
    for k in range(score.size):
        free = taken < 0 or abs(k - taken) >= apart
        if free and (best < 0 or score[k] > score[best]):
            best = k
    if best <= 0 or best >= score.size - 1:
        return float(max(best, 0))
    bend = score[best - 1] - 2 * score[best] + score[best + 1]
    if bend >= 0:
        return float(best)
    return best + 0.5 * (score[best - 1] - score[best + 1]) / bend
