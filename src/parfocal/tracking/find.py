"""Finding beads without a template: pixels vote along their gradient, the symmetric fit decides.

Every pixel with a gradient above the noise votes for the points on the line along it; at any height, all
rings of a bead vote for its centre. Maxima of the votes are then fitted with their own radial profile, and
kept if it explains the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.tracking.blocks import load_regions, readable
from parfocal.tracking.jit import driver, kernel
from parfocal.tracking.pixels import PixelGrid
from parfocal.tracking.rows import AMPLITUDE, CHI2, FLAGS, OFFSET, RESULTS, Flag, X, Y
from parfocal.tracking.spline import FINE_BASIS
from parfocal.tracking.symmetry import BINS, fit_centres

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOUND_DTYPE = np.dtype([("x_px", "<f8"), ("y_px", "<f8"), ("score", "<f8")])
"""Centres in frame coordinates, and how much of the image each bead's own rings explain, 0 to 1."""

_BIN = 2
_LOWEST, _DISTURBING = 0.22, 0.45
"""Votes, relative to those of a typical bead, worth a fit, and worth keeping away from."""
_SHORTEST = 3
_FLOOR = 120.0
"""Energy of a Sobel gradient, in variances of a pixel, from which it votes; noise alone has 24 on average."""


def find_beads(
    frame: NDArray[Any], min_distance_px: int = 40, *, min_score: float = 0.7, min_contrast: float = 0.45
) -> NDArray[np.void]:
    """Find free-standing beads at any height.

    Parameters
    ----------
    frame : ndarray of numbers, (y, x)
        An image with beads that are more than a few pixels wide.
    min_distance_px : int
        Beads nearer to one another, or to the frame's edge than half of it, are left out: they cannot be
        tracked undisturbed. Also the size of the region that decides; take about the width of a bead with its
        rings.
    min_score : float
        How much of the variance around a bead its rings must explain, 0 to 1.
    min_contrast : float
        Contrast needed, relative to that of a typical bead in this frame: dirt has less.

    Returns
    -------
    ndarray of `FOUND_DTYPE`
        Best score first.

    Examples
    --------
    >>> from parfocal.tracking.simulation import bead_stack, render
    >>> frame = np.full((200, 300), 500, np.float32)
    >>> render(frame, bead_stack(0.5, 0.1, [2500.0], 64), [70.2, 200.0], [100.0, 90.0], 0.0, 500)
    >>> found = find_beads(frame.astype(np.uint16))
    >>> sorted(found["x_px"].round(1).tolist())
    [70.2, 200.0]
    """
    if not 8 <= min_distance_px <= 256:
        raise BadInputError(f"min_distance_px must be from 8 to 256, not {min_distance_px}")
    view, _ = readable(frame, np.zeros((0, 0), np.float32))
    image = view.astype(np.float32)
    noise = _noise_variance(image)
    votes = np.zeros((-(-image.shape[0] // _BIN), -(-image.shape[1] // _BIN)), np.float32)
    _vote(image, np.float32(_FLOOR * noise), min_distance_px // 2, votes)
    votes = _around(votes, 3, np.add)
    peaks, heights = _peaks(votes, min_distance_px)
    found, contrast = _judge(view, peaks, noise, min_distance_px)
    beadlike = (found["score"] > min_score) & (contrast > min_contrast * _typical(contrast, found["score"]))
    disturbing = beadlike | (heights > _DISTURBING * _typical(heights, heights))
    good = beadlike & _alone(found, disturbing, min_distance_px)
    return np.sort(found[good], order="score")[::-1]


def _typical(values: NDArray[np.floating[Any]], rank: NDArray[np.floating[Any]]) -> float:
    """Return the median of the values whose rank is more than half of the highest."""
    return float(np.median(values[rank > 0.5 * rank.max()])) if values.size and rank.max() > 0 else 0.0


def _noise_variance(image: NDArray[np.float32]) -> float:
    """Return the variance of a pixel, from the median energy of a difference that ignores slopes."""
    part = image[::3]
    second = part[:, 2:] - 2 * part[:, 1:-1] + part[:, :-2]
    spread = float(np.median(np.abs(second)))
    return max((spread / 0.6745) ** 2 / 6, 1e-3)


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
    high = heights > _LOWEST * _typical(heights, heights)
    return places[high] * float(_BIN) + (_BIN - 1) / 2, heights[high]


def _judge(
    view: NDArray[Any], peaks: NDArray[np.float64], noise: float, apart: int
) -> tuple[NDArray[np.void], NDArray[np.float64]]:
    """Fit each maximum; return places, scores, and contrasts; both are 0 for no beads, and near the edge."""
    found = np.zeros(len(peaks), FOUND_DTYPE)
    if not len(peaks):
        return found, np.zeros(0)
    roi = apart + apart % 2
    corners = np.rint(peaks - (roi - 1) / 2).astype(np.int64)
    inside = (corners >= 0).all(axis=1) & (corners + roi <= np.array(view.shape)).all(axis=1)
    found["y_px"], found["x_px"] = peaks.T
    rows = _fit(view, corners, roi, noise)
    contrast = (rows[:, AMPLITUDE] * rows[:, OFFSET]) ** 2
    rest = np.maximum(rows[:, CHI2] - 1, 0) * np.maximum(rows[:, OFFSET], 1e-6)
    fitted = inside & ((rows[:, FLAGS].astype(int) & int(Flag.EMPTY | Flag.AT_EDGE)) == 0)
    found["x_px"][fitted] = rows[fitted, X] + corners[fitted, 1]
    found["y_px"][fitted] = rows[fitted, Y] + corners[fitted, 0]
    found["score"][fitted] = (contrast / np.maximum(contrast + rest, 1e-12))[fitted]
    return found, np.where(fitted, rows[:, AMPLITUDE], 0.0)


def _fit(view: NDArray[Any], corners: NDArray[np.int64], roi: int, noise: float) -> NDArray[np.float64]:
    """Fit each region by its own symmetry, with counts scaled so that their variance is their mean."""
    grid = PixelGrid.of(roi)
    gain = max(float(np.mean(view)), 1e-6) / noise
    values = np.zeros((len(corners), grid.length), np.float32)
    sensitivity, out = np.zeros_like(values), np.zeros((len(corners), RESULTS))
    limits = np.array([gain, 0, np.inf], np.float32)
    seen = np.zeros((len(corners), 2), np.int64)
    flat = np.zeros((0, 0), np.float32)
    load_regions(view, flat, corners, roi, limits, values, sensitivity, seen)
    knots = roi // 2
    binned = np.zeros((len(corners), knots * BINS, 2), np.float32)
    fit_centres(values, sensitivity, grid.places, FINE_BASIS, roi, knots, 0.0, np.inf, out, binned)
    return out


def _alone(found: NDArray[np.void], disturbing: NDArray[np.bool_], apart: int) -> NDArray[np.bool_]:
    """Return which have no other, disturbing one within `apart`."""
    x, y = found["x_px"], found["y_px"]
    near = [np.hypot(x[disturbing] - x[k], y[disturbing] - y[k]) <= apart for k in range(len(found))]
    return np.array([seen.sum() == own for seen, own in zip(near, disturbing, strict=True)], bool)
