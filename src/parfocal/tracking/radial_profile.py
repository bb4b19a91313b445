"""The radial profile of an image: its mean over rings about a centre."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def distances(shape: tuple[int, int], x_px: float, y_px: float) -> NDArray[np.float64]:
    """Return each pixel's distance from a point, in the shape of the image.

    Examples
    --------
    >>> distances((2, 3), 1.0, 0.0).round(2).tolist()
    [[1.0, 0.0, 1.0], [1.41, 1.0, 1.41]]
    """
    return np.asarray(np.hypot(np.arange(shape[0])[:, None] - y_px, np.arange(shape[1]) - x_px))


def ring_means(
    r_px: NDArray[np.float64], reach_px: int, *images: NDArray[Any]
) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
    """Return how many pixels each ring of 1 px has, and the mean of each image over them.

    Parameters
    ----------
    r_px : ndarray, (y, x)
        Distance of each pixel from the centre, as `distances` returns it.
    reach_px : int
        How many rings; the first holds the distances from 0 to 1.
    images : ndarray, (y, x)
        Any numbers. Averaging `r_px` itself gives the rings' own distances.

    Returns
    -------
    tuple
        Counts, (reach,), and a list of means, (reach,); NaN in a ring without pixels.

    Examples
    --------
    >>> r = distances((5, 5), 2.0, 2.0)
    >>> pixels, (mean,) = ring_means(r, 2, 10 * r)
    >>> pixels.tolist(), mean.round(2).tolist()
    ([1, 8], [0.0, 12.07])
    """
    inside = r_px < reach_px
    ring = r_px[inside].astype(np.intp)
    pixels = np.bincount(ring, minlength=reach_px)
    means = [
        np.bincount(ring, image[inside].astype(np.float64), minlength=reach_px)
        / np.where(pixels, pixels, np.nan)
        for image in images
    ]
    return pixels, means
