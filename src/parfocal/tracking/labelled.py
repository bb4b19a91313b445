"""Where the labelled areas of an image are, and how large: numbers from label images of any segmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def places(labels: NDArray[np.integer]) -> dict[str, NDArray[Any]]:
    """Return where each labelled area is and how large.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x)
        0 is background.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        In ascending order of the labels: "label" (int64), "y_px" and "x_px" (centre of the area; the centre
        of the first pixel is 0) and "area_px" (int64).

    Examples
    --------
    >>> places(np.array([[0, 3, 3], [0, 3, 3]]))
    {'label': array([3]), 'y_px': array([0.5]), 'x_px': array([1.5]), 'area_px': array([4])}
    """
    flat = labels.ravel()
    inside = np.flatnonzero(flat)
    numbers = flat[inside]
    y, x = np.divmod(inside, labels.shape[1])
    areas = np.bincount(numbers)
    present = np.flatnonzero(areas)
    sizes = areas[present]
    return {
        "label": present,
        "y_px": np.bincount(numbers, y)[present] / sizes,
        "x_px": np.bincount(numbers, x)[present] / sizes,
        "area_px": sizes,
    }


def lit_part(labels: NDArray[np.integer], mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return which part of each labelled area a mask lights, weighted by how bright it is.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x)
        0 is background.
    mask : ndarray of uint8, shape (y, x)
        255 is full light.

    Returns
    -------
    ndarray of float64, shape (n,)
        From 0 to 1, in ascending order of the labels.

    Examples
    --------
    >>> lit_part(np.array([[1, 1, 2, 0]]), np.array([[255, 0, 255, 255]], np.uint8))
    array([0.5, 1. ])
    """
    areas = np.bincount(labels.ravel())
    areas[:1] = 0
    present = np.flatnonzero(areas)
    lit = np.flatnonzero(mask)
    light = np.bincount(labels.ravel()[lit], mask.ravel()[lit], minlength=areas.size)
    return np.asarray(light[present] / (255.0 * areas[present]))
