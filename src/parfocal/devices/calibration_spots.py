"""Spots that a modulator shows one by one, and where a camera sees them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MARGIN = 0.06
_SIGNIFICANT = 6.0
_SMOOTH_PX = 2.0


def spot_places(shape: tuple[int, int], along: int) -> NDArray[np.float64]:
    """Return (n, 2): where spots are shown on a modulator, x and y, in a grid of `along` columns and rows.

    Examples
    --------
    >>> np.rint(spot_places((100, 200), 2)).tolist()
    [[12.0, 6.0], [187.0, 6.0], [12.0, 93.0], [187.0, 93.0]]
    """
    x, y = (np.linspace(_MARGIN, 1 - _MARGIN, along) * (size - 1) for size in (shape[1], shape[0]))
    return np.stack([axis.ravel() for axis in np.meshgrid(x, y)], axis=1)


def spot_pattern(shape: tuple[int, int], place: NDArray[Any], radius_px: float) -> NDArray[np.uint8]:
    """Return a pattern with one round spot, whose centre is exactly at `place` (x, y), or nearly so.

    Examples
    --------
    >>> spot_pattern((3, 4), np.array([1.0, 1.0]), 1.0).tolist()
    [[0, 1, 0, 0], [1, 1, 1, 0], [0, 1, 0, 0]]
    """
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.asarray(np.hypot(x - place[0], y - place[1]) <= radius_px, np.uint8)


def pattern_centre(pattern: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the centre (x, y) of what is lit."""
    rows, columns = np.nonzero(pattern)
    return np.array([columns.mean(), rows.mean()])


def find_spot(image: NDArray[Any], background: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return where an image is brighter than its background, x and y in pixels; None if nowhere for certain.

    The centre of the part around the brightest place that is at least half as bright. One that reaches the
    edge of the image is none: its centre may lie outside.

    Examples
    --------
    >>> dark = np.random.default_rng(1).normal(100.0, 3.0, (2, 40, 40))
    >>> y, x = np.mgrid[:40, :40]
    >>> np.round(find_spot(dark[0] + 50.0 * (np.hypot(x - 12, y - 25) < 5), dark[1])).tolist()
    [12.0, 25.0]
    >>> find_spot(dark[0], dark[1]) is None
    True
    """
    more = ndimage.gaussian_filter(image.astype(np.float64) - background, _SMOOTH_PX)
    more -= np.median(more)
    noise = 1.4826 * float(np.median(np.abs(more)))
    peak = float(more.max())
    if peak <= _SIGNIFICANT * max(noise, 1e-12):
        return None
    labels, _ = ndimage.label(more >= peak / 2)
    lit = labels == labels[np.unravel_index(np.argmax(more), more.shape)]
    rows, columns = np.nonzero(lit)
    if (
        min(rows.min(), columns.min()) == 0
        or rows.max() == lit.shape[0] - 1
        or columns.max() == lit.shape[1] - 1
    ):
        return None
    weight = more[rows, columns]
    return np.array([np.average(columns, weights=weight), np.average(rows, weights=weight)])
