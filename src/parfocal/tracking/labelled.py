"""Numbers from the labelled areas of an image, of any segmentation."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def compact(labels: NDArray[np.integer]) -> tuple[NDArray[np.integer], NDArray[np.int64] | None]:
    """Return labels of which each may have a place in a table, and the labels that they stand for.

    Numbers above the count of pixels, as a segmentation may make them of hashes, would need tables that no
    memory holds: they become 0, 1, 2 ... in ascending order. Others are returned as they are, with None.

    Parameters
    ----------
    labels : ndarray of int
        Of any shape, 0 or more.

    Examples
    --------
    >>> compact(np.array([10**9, 7, 10**9]))
    (array([1, 0, 1]), array([         7, 1000000000]))
    >>> compact(np.array([2, 0, 2]))
    (array([2, 0, 2]), None)
    """
    if not labels.size or labels.max() <= labels.size:
        return labels, None
    names, places = np.unique(labels, return_inverse=True)
    return places.reshape(labels.shape), names.astype(np.int64)


class LabelPixels:
    """The pixels that belong to a label, found once for all that is asked of them.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x)
        0 is background.

    Attributes
    ----------
    present : ndarray of int64, shape (n,)
        The labels that there are, in ascending order.
    area_px : ndarray of int64, shape (n,)
        How many pixels each has.

    Raises
    ------
    BadInputError
        If a label is below 0.
    """

    def __init__(self, labels: NDArray[np.integer]) -> None:
        flat = labels.ravel()
        self._shape = labels.shape
        self._inside = np.flatnonzero(flat != 0)  # of bool it is found in a third of the time
        inside = flat[self._inside]
        if inside.size and inside.min() < 0:
            raise BadInputError(f"labels must be 0 or more, not {inside.min()}")
        self._bins, names = compact(inside)
        areas = np.bincount(self._bins)
        self._filled = np.flatnonzero(areas)
        self.present = self._filled if names is None else names.astype(np.int64)
        self.area_px = areas[self._filled]

    def places(self) -> dict[str, NDArray[Any]]:
        """Return "label", "y_px", "x_px" and "area_px"; see `places`."""
        y, x = _indices(self._shape)
        return {"label": self.present, "y_px": self.mean(y), "x_px": self.mean(x), "area_px": self.area_px}

    def mean(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean of an image (y, x) in each label.

        Examples
        --------
        >>> LabelPixels(np.array([[1, 1, 2, 0]])).mean(np.array([[255, 0, 255, 255]], np.uint8))
        array([127.5, 255. ])

        Labels may be of any size:

        >>> LabelPixels(np.array([[10**9, 10**9, 2, 0]])).mean(np.array([[255, 0, 7, 255]], np.uint8))
        array([  7. , 127.5])
        """
        sums = np.bincount(self._bins, values.ravel()[self._inside])[self._filled]
        return np.asarray(sums / self.area_px)


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
    return LabelPixels(labels).places()


@lru_cache(maxsize=2)
def _indices(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return y and x of each pixel; made once for each shape of image."""
    return np.indices(shape, dtype=np.float64)
