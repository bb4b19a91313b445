"""Where beads may be: pixels vote along their gradient, and all rings of a bead vote for its centre."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.tracking.jit import driver, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BIN = 2
_LOWEST = 0.22
"""Votes, relative to those of a typical bead, that are worth a fit."""
_SHORTEST = 3
_FLOOR = 120.0
"""Energy of a Sobel gradient, in variances of a pixel, from which it votes; noise alone has 24 on average."""


def vote(
    image: NDArray[np.float32], noise: float, apart: int
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return places with many votes, (n, 2) (y, x) in pixels, and how many each has.

    Parameters
    ----------
    image : ndarray of float32, (y, x)
        Without pixels that stand out alone.
    noise : float
        Variance of a pixel.
    apart : int
        Distance of beads; they vote up to half of it away.
    """
    votes = np.zeros((-(-image.shape[0] // _BIN), -(-image.shape[1] // _BIN)), np.float32)
    _vote(image, np.float32(_FLOOR * noise), apart // 2, votes)
    return _peaks(_around(votes, 3, np.add), apart)


def typical(values: NDArray[np.floating[Any]], rank: NDArray[np.floating[Any]]) -> float:
    """Return the median of the values whose rank is more than half of the highest."""
    return float(np.median(values[rank > 0.5 * rank.max()])) if values.size and rank.max() > 0 else 0.0


@kernel
def _gradient_row(above: Any, here: Any, below: Any, along_x: Any, along_y: Any) -> None:
    two = np.float32(2)
    for i in range(1, here.size - 1):
        along_x[i] = (
            above[i + 1] - above[i - 1] + two * (here[i + 1] - here[i - 1]) + below[i + 1] - below[i - 1]
        )
        along_y[i] = below[i - 1] - above[i - 1] + two * (below[i] - above[i]) + below[i + 1] - above[i + 1]


@driver
def _vote(image: Any, floor: Any, longest: int, votes: Any) -> None:
    """Add a vote to each point between the shortest and longest distance along each strong gradient."""
    height, width = image.shape
    along_x, along_y = np.zeros(width, np.float32), np.zeros(width, np.float32)
    for row in range(1, height - 1):
        _gradient_row(image[row - 1], image[row], image[row + 1], along_x, along_y)
        for column in range(1, width - 1):
            gx, gy = along_x[column], along_y[column]
            energy = gx * gx + gy * gy
            if energy < floor:
                continue
            scale = np.float32(1) / np.sqrt(energy)
            gx, gy = gx * scale, gy * scale
            for distance in range(_SHORTEST, longest + 1, _BIN):
                for sign in (-1, 1):
                    x = int(column + sign * distance * gx + np.float32(0.5))
                    y = int(row + sign * distance * gy + np.float32(0.5))
                    if 0 <= x < width and 0 <= y < height:
                        votes[y // _BIN, x // _BIN] += 1


def _around(votes: NDArray[Any], window: int, combine: np.ufunc) -> NDArray[Any]:
    """Return what `combine` makes of the square of this edge around each place; outside there are zeros."""
    for axis in (0, 1):
        margin = [(0, 0), (0, 0)]
        margin[axis] = (window // 2, window - 1 - window // 2)
        line = np.moveaxis(np.pad(votes, margin), axis, 0)
        size = len(line) - window + 1
        total = line[:size].copy()
        for k in range(1, window):
            combine(total, line[k : k + size], out=total)
        votes = np.moveaxis(total, 0, axis)
    return votes


def _peaks(votes: NDArray[np.float32], apart: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return where votes culminate, as (n, 2) (y, x) in pixels, and how many; not the lowest ones."""
    window = max(3, apart // (3 * _BIN))
    no_ties = votes + np.linspace(0, 0.05, votes.size).reshape(votes.shape)
    top = (no_ties == _around(no_ties, window, np.maximum)) & (votes > 0)
    places, heights = np.argwhere(top), votes[top]
    high = heights > _LOWEST * typical(heights, heights)
    return places[high] * float(_BIN) + (_BIN - 1) / 2, heights[high]
