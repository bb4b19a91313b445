"""Small pictures of images. For the process that draws them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from parfocal.app.browser.messages import Pixels, ThumbnailDrawn
from parfocal.app.browser.reading import in_short, open_row
from parfocal.app.browser.rows import ImageRow

_LOW, _HIGH = 1.0, 99.7
"""Percentiles of the pixels that become black and white."""


def draw_thumbnail(row: ImageRow, size: int) -> ThumbnailDrawn:
    """Return how the image in the middle of a row looks; says why where there is none."""
    try:
        with open_row(row) as movie:
            image = movie.read(_middle(movie.facts.axes, movie.facts.sizes, len(movie)))
    except Exception as error:  # noqa: BLE001 (whatever a decoder raises for a broken file)
        return ThumbnailDrawn(row.path, row.position, problem=in_short(error, row))
    return ThumbnailDrawn(row.path, row.position, stretched(reduced(image, size)))


def reduced(image: NDArray[Any], size: int) -> NDArray[np.float32]:
    """Return an image (y, x), at most `size` px along each side: the mean of the pixels that become one.

    Examples
    --------
    >>> reduced(np.arange(16).reshape(4, 4), 2)
    array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)
    """
    step = max(1, -(-max(image.shape) // size))
    height, width = (max(1, length // step) for length in image.shape)
    cut = image[: height * step, : width * step].astype(np.float32)
    if cut.shape != (height * step, width * step):  # narrower than a step
        return image[::step, ::step].astype(np.float32)
    mean: NDArray[np.float32] = cut.reshape(height, step, width, step).mean(axis=(1, 3), dtype=np.float32)
    return mean


def stretched(image: NDArray[np.float32]) -> Pixels:
    """Return an image as grey levels from 0 to 255, its darkest and brightest pixels cut off.

    Examples
    --------
    >>> stretched(np.array([[0.0, 100.0]], np.float32)).tolist()
    [[0, 255]]
    """
    finite = image[np.isfinite(image)]
    if not finite.size:
        return np.zeros(image.shape, np.uint8)
    low, high = (float(level) for level in np.percentile(finite, (_LOW, _HIGH)))
    scaled = (np.nan_to_num(image, nan=low) - low) / ((high - low) or 1.0)
    grey: Pixels = (np.clip(scaled, 0.0, 1.0) * 255).astype(np.uint8)
    return grey


def _middle(axes: str, sizes: tuple[int, ...], images: int) -> int:
    """Return the image in the middle of times and planes, in the first channel.

    Examples
    --------
    >>> _middle("tc", (10, 2), 20), _middle("", (), 1)
    (10, 0)
    """
    number = 0
    for axis, size in zip(axes, sizes, strict=True):
        number = number * size + (0 if axis == "c" else size // 2)
    return min(number, images - 1)
