"""Finding beads that look like one example: normalised cross-correlation by Fourier transform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.tracking.find import FOUND_DTYPE

if TYPE_CHECKING:
    from numpy.typing import NDArray


def find_like(
    frame: NDArray[Any], x_px: float, y_px: float, size_px: int = 40, *, min_score: float = 0.5
) -> NDArray[np.void]:
    """Find what looks like the example around (x, y): beads at about the same height.

    Parameters
    ----------
    frame : ndarray of numbers, (y, x)
        The image.
    x_px, y_px : float
        Middle of the example, such as a click; it must lie at least half of `size_px` inside.
    size_px : int
        Edge of the example; also the least distance of two finds.
    min_score : float
        Correlation needed, -1 to 1.

    Returns
    -------
    ndarray of `FOUND_DTYPE`
        Best first, the example itself among them. Positions are good to about half a pixel, as is the click.

    Examples
    --------
    >>> from parfocal.tracking.simulation import bead_stack, render
    >>> frame = np.full((200, 300), 500, np.float32)
    >>> render(frame, bead_stack(0.5, 0.1, [2500.0], 64), [70.0, 200.0], [100.0, 90.0], 0.0, 500)
    >>> np.sort(find_like(frame, 70, 100)["x_px"]).round().tolist()
    [70.0, 200.0]
    """
    from scipy.ndimage import maximum_filter

    image = np.asarray(frame, dtype=np.float32)
    left, top = round(x_px - (size_px - 1) / 2), round(y_px - (size_px - 1) / 2)
    if image.ndim != 2 or min(left, top) < 0 or top + size_px > len(image) or left + size_px > image.shape[1]:
        raise BadInputError(
            f"an example of {size_px} px around ({x_px}, {y_px}) leaves the frame {image.shape}"
        )
    score = _correlation(image - image.mean(), image[top : top + size_px, left : left + size_px])
    peaks = np.argwhere((score == maximum_filter(score, size_px)) & (score >= min_score))
    found = np.zeros(len(peaks), FOUND_DTYPE)
    found["y_px"], found["x_px"] = peaks.T + np.array([[y_px - top], [x_px - left]])
    found["score"] = score[tuple(peaks.T)]
    return np.sort(found, order="score")[::-1]


def _correlation(image: NDArray[np.floating], example: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the correlation coefficient of the example with every place where it fits."""
    from scipy.fft import irfft2, next_fast_len, rfft2
    from scipy.ndimage import uniform_filter

    size = len(example)
    template = example - example.mean()
    shape = [next_fast_len(n, real=True) for n in image.shape]
    spectrum = rfft2(image, shape) * np.conj(rfft2(template, shape))
    height, width = image.shape[0] - size + 1, image.shape[1] - size + 1
    product = irfft2(spectrum, shape)[:height, :width]
    middle = (slice(size // 2, size // 2 + height), slice(size // 2, size // 2 + width))
    mean = uniform_filter(image, size)[middle]
    variance = uniform_filter(image**2, size)[middle] - mean**2
    spread = np.sqrt(np.maximum(variance, 1e-6 * float(image.var()) + 1e-12)) * size
    return np.asarray(product / (spread * np.linalg.norm(template)), dtype=np.float32)
