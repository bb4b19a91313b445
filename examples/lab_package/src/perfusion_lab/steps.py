"""A step of a pipeline: a plain function; what it is given is named by its parameters."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def bright_cells(image: NDArray[np.number], sigmas: float = 3.0, smallest_px: int = 20) -> NDArray[np.int32]:
    """Return labels (y, x) of what is brighter than the background by so many standard deviations.

    Parameters
    ----------
    image : ndarray
        (y, x).
    sigmas : float
        Of the background, as the lower half of the pixels tells it.
    smallest_px : int
        Smaller objects are none.
    """
    smooth = ndimage.gaussian_filter(image.astype(float), 1.0)
    background = np.median(smooth)
    below = smooth[smooth <= background]
    labels, count = ndimage.label(smooth > background + sigmas * np.sqrt(np.mean((below - background) ** 2)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    kept = np.flatnonzero(sizes >= smallest_px)
    numbers = np.zeros(count + 1, np.int32)
    numbers[kept[kept > 0]] = np.arange(1, np.count_nonzero(kept > 0) + 1)
    return numbers[labels]
