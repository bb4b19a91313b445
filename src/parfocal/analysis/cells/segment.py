"""Labels of bright cells in an image: a threshold, then touching ones apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.analysis.cells.checks import at_least, one_image
from parfocal.analysis.cells.libraries import library
from parfocal.analysis.cells.splitting import split_touching
from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def otsu(
    image: NDArray[Any],
    *,
    smooth_px: float = 1.0,
    min_contrast: float = 0.0,
    split_depth_px: float = 0.5,
    min_area_px: int = 20,
) -> NDArray[np.int32]:
    """Return the labels of bright cells, by one threshold for the whole image.

    Right where light and background are even.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        One channel.
    smooth_px : float
        Standard deviation of the Gaussian that smooths the image.
    min_contrast : float
        Counts that a cell has at least above the background (the median of the image). Without it an image
        that shows no cell has its noise divided into some.
    split_depth_px : float
        How deep the neck between two touching cells is; see `split_touching`.
    min_area_px : int
        Smaller ones are left out.

    Returns
    -------
    ndarray of int32, shape (y, x)
        0 is background, 1 ... n are cells.

    References
    ----------
    Otsu, A threshold selection method from gray-level histograms, IEEE Trans. Syst. Man Cybern. 9 (1979).

    Examples
    --------
    >>> y, x = np.mgrid[:60, :60]
    >>> image = 100 + 400 * (np.hypot(y - 20, x - 20) < 8) + 300 * (np.hypot(y - 45, x - 40) < 9)
    >>> int(otsu(image).max())
    2
    """
    from parfocal.analysis.cells.otsu_threshold import otsu_threshold  # it loads a compiler

    at_least(0, min_contrast, "min_contrast")
    smooth = _smoothed(image, smooth_px)
    threshold = otsu_threshold(smooth)
    if not _is_median_below(smooth, threshold - min_contrast):
        threshold = max(threshold, float(np.median(smooth)) + min_contrast)
    return split_touching(smooth > threshold, depth_px=split_depth_px, min_area_px=min_area_px)


def local_threshold(
    image: NDArray[Any],
    *,
    size_px: int = 31,
    smooth_px: float = 0.7,
    contrast: float = 0.5,
    min_contrast: float = 0.0,
    split_depth_px: float = 0.3,
    min_area_px: int = 12,
) -> NDArray[np.int32]:
    """Return the labels of bright cells, by a threshold that follows their surroundings.

    Finds dim cells beside bright ones, and cells in uneven light.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        One channel.
    size_px : int
        Size of the surroundings; odd, and some times as large as a cell.
    smooth_px : float
        Standard deviation of the Gaussian that smooths the image.
    contrast : float
        What a cell has at least, from 0 to 1: of the way from the background (the median of the image) to
        Otsu's threshold.
    min_contrast : float
        Counts that a cell has at least above the background (the median of the image). See `otsu`.
    split_depth_px : float
        How deep the neck between two touching cells is; see `split_touching`.
    min_area_px : int
        Smaller ones are left out.

    Returns
    -------
    ndarray of int32, shape (y, x)
        0 is background, 1 ... n are cells.

    Raises
    ------
    BadInputError
        If `size_px` is even or below 3.
    """
    if size_px < 3 or size_px % 2 != 1:
        raise BadInputError(f"size_px must be odd and at least 3, not {size_px}")
    at_least(0, contrast, "contrast")
    at_least(0, min_contrast, "min_contrast")
    from parfocal.analysis.cells.otsu_threshold import otsu_threshold  # it loads a compiler

    smooth = _smoothed(image, smooth_px)
    background = float(np.median(smooth))
    least = background + max(contrast * (otsu_threshold(smooth) - background), min_contrast)
    local = library("skimage.filters").threshold_local(smooth, size_px)
    return split_touching(smooth > np.maximum(local, least), depth_px=split_depth_px, min_area_px=min_area_px)


def _smoothed(image: NDArray[Any], smooth_px: float) -> NDArray[np.float32]:
    one_image(image)
    at_least(0, smooth_px, "smooth_px")
    from parfocal.tracking.smoothing import gaussian  # it loads a compiler

    return gaussian(image.astype(np.float32), smooth_px)


def _is_median_below(values: NDArray[np.float32], limit: float) -> bool:
    """Whether more than half of the values are below a limit: quicker than to find the median."""
    return 2 * int(np.count_nonzero(values < limit)) > values.size
