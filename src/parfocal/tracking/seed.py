"""Where the fit begins, from the image alone: centre of signal, centre of symmetry, coarse height.

The centre of symmetry is the point nearest to all lines along the gradient (Parthasarathy 2012,
doi:10.1038/nmeth.2071), here weighted with the gradient's strength above what noise explains, and with a
window around the centre of signal, so that neighbours and empty background pull little.
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
def _sum(values: Any, sensitivity: Any, last: int) -> Any:
    total = seen = np.float32(0)
    for i in range(last):
        total += values[i]
        seen += sensitivity[i]
    return total, seen


@kernel
def _signal_moments(values: Any, sensitivity: Any, x: Any, y: Any, last: int, level: Any, floor: Any) -> Any:
    """Weight and first moments of squared deviations above `floor`."""
    total = along_x = along_y = zero = np.float32(0)
    for i in range(last):
        s = sensitivity[i]
        deviation = values[i] - level * s
        excess = deviation * deviation - floor
        weight = excess if (excess > zero) & (s > zero) else zero
        total += weight
        along_x += weight * x[i]
        along_y += weight * y[i]
    return total, along_x, along_y


@kernel
def gradients(
    values: Any, sensitivity: Any, inner: Any, roi: int, half: int, floor: Any, gradient: Any
) -> None:
    """Fill `gradient`, (3, half), at the even rows: along x, along y, and strength above `floor`, 0 to 1."""
    n = half - roi - 1
    above, left, right, below = (
        values[half - 1 :],
        values[roi - 1 :],
        values[roi + 1 :],
        values[half + roi - 1 :],
    )
    above_1, above_2, below_1, below_2 = above[1:], above[2:], below[1:], below[2:]
    seen, inside = sensitivity[roi:], inner[roi:]
    along_x, along_y, strength = gradient[0, roi:], gradient[1, roi:], gradient[2, roi:]
    zero, two, tiny = np.float32(0), np.float32(2), np.float32(1e-6)
    for i in range(n):
        rise, fall = below_2[i] - above[i], above_2[i] - below[i]
        gx = fall + rise + two * (right[i] - left[i])
        gy = rise - fall + two * (below_1[i] - above_1[i])
        energy = gx * gx + gy * gy
        excess = energy - floor
        along_x[i] = gx
        along_y[i] = gy
        weight = excess / (energy + tiny)
        strength[i] = weight if (excess > zero) & (seen[i] * inside[i] > zero) else zero


@kernel
def gradient_lines(gradient: Any, x: Any, y: Any, cx: Any, cy: Any, narrow: Any, out: Any) -> None:
    """Fill `out` with the equations of the point nearest to all gradient lines, relative to (cx, cy)."""
    xx = xy = yy = bx = by = np.float32(0)
    one = np.float32(1)
    along_x, along_y, strength = gradient[0], gradient[1], gradient[2]
    for i in range(strength.size):
        gx, gy = along_x[i], along_y[i]
        dx, dy = x[i] - cx, y[i] - cy
        window = one + (dx * dx + dy * dy) * narrow
        weight = strength[i] / (window * window)
        across = weight * (gy * dx - gx * dy)
        xx += weight * gy * gy
        xy -= weight * gx * gy
        yy += weight * gx * gx
        bx += gy * across
        by -= gx * across
    out[0], out[1], out[2], out[3], out[4] = xx, xy, yy, bx, by


@driver
def seed_centre(
    values: Any, sensitivity: Any, grid: Any, roi: int, noise: float, gradient: Any, out: Any
) -> bool:
    """Fill `out` with x, y and the mean level; return whether there is any signal above the noise."""
    half = grid.shape[1] // 2
    total, seen = _sum(values, sensitivity, half)
    if seen <= 0:
        return False
    level = total / seen
    out[0] = out[1] = 0.5 * (roi - 1)
    out[2] = level
    variance = max(level, 0.0) + noise
    x, y = grid[0, :half], grid[1, :half]
    weight, along_x, along_y = _signal_moments(
        values, sensitivity, x, y, half, np.float32(level), np.float32(6 * variance)
    )
    if weight <= 0:
        return False
    out[0], out[1] = along_x / weight, along_y / weight
    gradients(values, sensitivity, grid[2], roi, half, np.float32(96 * variance), gradient)
    sums = np.empty(5)
    for turn in range(3):
        width = (0.25 if turn == 0 else 0.12) * roi
        gradient_lines(gradient, x, y, np.float32(out[0]), np.float32(out[1]), np.float32(1 / width**2), sums)
        xx, xy, yy, bx, by = sums
        determinant = xx * yy - xy * xy
        if not determinant > 1e-6 * (xx + yy) ** 2:
            return False
        out[0] = min(max(out[0] + (yy * bx - xy * by) / determinant, 0.0), roi - 1.0)
        out[1] = min(max(out[1] + (xx * by - xy * bx) / determinant, 0.0), roi - 1.0)
    return True


@driver
def spoke_profile(
    values: Any, sensitivity: Any, roi: int, x: float, y: float, directions: Any, profile: Any
) -> None:
    """Fill `profile` with the mean over the spokes, 0, 1, 2 ... pixels from the centre; NaN outside."""
    half = values.size // 2
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
    """Fill `score` with the correlation of the profile with each plane of `coarse`."""
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
def sum_rings(
    values: Any, sensitivity: Any, x: Any, y: Any, cx: float, cy: float, last: int, rings: Any
) -> None:
    """Fill `rings`, (n, 2), with sums of values and sensitivities of the pixels at 0, 1, 2 ... pixels."""
    rings[:] = 0
    for i in range(last):
        distance = int(np.sqrt((x[i] - cx) ** 2 + (y[i] - cy) ** 2) + 0.5)
        if distance < rings.shape[0]:
            rings[distance, 0] += values[i]
            rings[distance, 1] += sensitivity[i]


@driver
def rank_by_rings(rings: Any, coarse: Any, variance: float, score: Any) -> None:
    """Fill `score` with the root of the chi2 that each plane of `coarse`, scaled and shifted, takes away.

    Negative for planes that would have to be turned over. `variance` is that of a pixel.
    """
    for k in range(coarse.shape[0]):
        count = sum_p = sum_c = cc = cp = 0.0
        for j in range(min(rings.shape[0], coarse.shape[1])):
            weight, c = rings[j, 1], coarse[k, j]
            count += weight
            sum_p += rings[j, 0]
            sum_c += weight * c
            cc += weight * c * c
            cp += rings[j, 0] * c
        spread = cc - sum_c * sum_c / max(count, 1e-9)
        score[k] = (cp - sum_c * sum_p / max(count, 1e-9)) / np.sqrt(max(spread, 1e-12) * variance)


@driver
def next_height(score: Any, tried: Any, count: int, apart: float, out: Any) -> bool:
    """Fill `out` with place, between planes, and score of the best height that was not tried yet.

    `tried` holds `count` places; what is nearer than `apart` to one of them is left out. False if none is
    left.
    """
    best, last = -1, score.size - 1
    for k in range(score.size):
        free = True
        for j in range(count):
            free = free and abs(k - tried[j]) >= apart
        if free and (best < 0 or score[k] > score[best]):
            best = k
    if best < 0:
        return False
    out[0], out[1] = best, score[best]
    if 0 < best < last:
        bend = score[best - 1] - 2 * score[best] + score[best + 1]
        slope = 0.5 * (score[best + 1] - score[best - 1])
        if bend < -abs(slope):  # it culminates here
            out[0] = best - slope / bend
            out[1] = score[best] - 0.5 * slope * slope / bend
    return True
