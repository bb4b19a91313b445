"""What each cell is like: where, how large, how bright, and how its reporter is shared out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy import ndimage

from parfocal.analysis.cells.checks import at_least
from parfocal.core.errors import BadInputError
from parfocal.tracking.labelled import LabelPixels
from parfocal.tracking.labelled import places as places

if TYPE_CHECKING:
    from numpy.typing import NDArray

Columns: TypeAlias = "dict[str, NDArray[Any]]"
"""One array for each quantity, all of the length n: a value for each cell."""


def centres_px(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Return where the cells of `places` or `measure` are, shape (n, 2): y and x.

    Examples
    --------
    >>> centres_px(places(np.array([[0, 3, 3], [0, 3, 3]])))
    array([[0.5, 1.5]])
    """
    return np.column_stack([columns["y_px"], columns["x_px"]]).astype(np.float64)


def measure(
    labels: NDArray[np.integer],
    images: Mapping[str, NDArray[Any]],
    *,
    ring_px: float = 0.0,
    gap_px: float = 1.0,
) -> Columns:
    """Return what each cell is like: `places`, and for each channel how bright it is.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x)
        0 is background; nuclei, if a ring is asked for.
    images : dict of str to ndarray, shape (y, x)
        By the name of the channel.
    ring_px : float
        Width of a ring around each nucleus, which stands for its cytoplasm; 0 for none. It ends where that of
        a neighbour begins.
    gap_px : float
        Between nucleus and ring, so that the blurred edge belongs to neither.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        As `places`; "mean_<channel>" (counts), and with a ring also "ring_<channel>" and "ratio_<channel>",
        the ring over the nucleus: it rises when a translocation reporter leaves the nucleus, as one of ERK
        does when ERK is active. NaN where a cell has no ring, or a nucleus of 0.

    Raises
    ------
    BadInputError
        If an image has another shape than the labels, or a width is negative or not finite.

    References
    ----------
    Regot et al., High-sensitivity measurements of multiple kinase activities in live single cells, Cell 157
    (2014): the ratio of cytoplasm to nucleus.

    Examples
    --------
    >>> labels = np.zeros((9, 9), int)
    >>> labels[3:6, 3:6] = 1
    >>> image = np.where(labels == 1, 10.0, 30.0)
    >>> measure(labels, {"erk": image}, ring_px=2)["ratio_erk"]
    array([3.])
    """
    at_least(0, ring_px, "ring_px")
    at_least(0, gap_px, "gap_px")
    pixels = LabelPixels(labels)
    columns = pixels.places()
    rings = LabelPixels(_rings(labels, ring_px, gap_px)) if ring_px > 0 else None
    for channel, image in images.items():
        if image.shape != labels.shape:
            raise BadInputError(
                f"the image of channel {channel!r} has the shape {image.shape}, the labels {labels.shape}"
            )
        mean = pixels.mean(image)
        columns[f"mean_{channel}"] = mean
        if rings is not None:
            ring = _means_in_rings(image, rings, pixels.present)
            columns[f"ring_{channel}"] = ring
            columns[f"ratio_{channel}"] = _quotient(ring, mean)
    return columns


def _rings(labels: NDArray[np.integer], ring_px: float, gap_px: float) -> NDArray[np.integer]:
    """Return for each pixel of a ring the label of the nucleus that is nearest; 0 for all others."""
    distance, (y, x) = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    is_ring = (distance > gap_px) & (distance <= gap_px + ring_px)
    return np.where(is_ring, labels[y, x], 0)


def _means_in_rings(image: NDArray[Any], rings: LabelPixels, cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean in the ring of each cell; NaN for one without a ring."""
    means = np.full(cells.size, np.nan)
    means[np.searchsorted(cells, rings.present)] = rings.mean(image)
    return means


def _quotient(above: NDArray[Any], below: NDArray[Any]) -> NDArray[np.float64]:
    """Return a quotient; NaN where it would be one by zero."""
    quotient = np.full(above.size, np.nan)
    np.divide(above, below, out=quotient, where=below > 0)
    return quotient
