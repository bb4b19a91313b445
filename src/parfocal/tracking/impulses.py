"""Pixels that stand out alone, hot or dead, put right before anything is looked for: no bead is so small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.tracking.jit import driver, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ALONE = 8.0
"""By how many standard deviations of a pixel one has to stand out."""
_LEAST_COUNTS = 2.0


def noise_variance(image: NDArray[np.float32]) -> float:
    """Return the variance of a pixel, from the median energy of a difference that ignores slopes."""
    part = image[::3]
    second = part[:, 2:] - 2 * part[:, 1:-1] + part[:, :-2]
    spread = float(np.median(np.abs(second)))
    return max((spread / 0.6745) ** 2 / 6, 1e-3)


def without_impulses(image: NDArray[np.float32], noise: float) -> NDArray[np.float32]:
    """Return the image with single pixels, or pairs, that stand out alone set to what is around them.

    One stands out if it exceeds all but one of its eight neighbours by eight standard deviations; those at
    the very edge of the frame stay.

    Examples
    --------
    >>> image = np.full((9, 9), 100, np.float32)
    >>> image[4, 4], image[4, 5], image[7, 2] = 4000, 3000, 0
    >>> float(np.ptp(without_impulses(image, 1.0)))
    0.0
    """
    out = image.copy()
    _calm(image, np.float32(max(_ALONE * np.sqrt(noise), _LEAST_COUNTS)), out)
    return out


@kernel
def _mark(above: Any, here: Any, below: Any, least: Any, marks: Any) -> None:
    """Mark the pixels that differ from all four that lie two pixels away."""
    one, zero = np.float32(1), np.float32(0)
    for i in range(2, here.size - 2):
        value, left, right, up, down = here[i], here[i - 2], here[i + 2], above[i], below[i]
        highest = max(max(left, right), max(up, down))
        lowest = min(min(left, right), min(up, down))
        marks[i] = one if (value - highest > least) | (lowest - value > least) else zero


@driver
def _calm(image: Any, least: Any, out: Any) -> None:
    height, width = image.shape
    marks, around = np.zeros(width, np.float32), np.zeros(8, np.float32)
    for row in range(1, height - 1):
        _mark(image[max(row - 2, 0)], image[row], image[min(row + 2, height - 1)], least, marks)
        for column in range(2, width - 2):
            if marks[column] == 0:
                continue
            k = 0
            for j in range(row - 1, row + 2):
                for i in range(column - 1, column + 2):
                    if j != row or i != column:
                        around[k] = image[j, i]
                        k += 1
            ranked = np.sort(around)
            if image[row, column] - ranked[6] > least:
                out[row, column] = ranked[3]
            elif ranked[1] - image[row, column] > least:
                out[row, column] = ranked[4]
