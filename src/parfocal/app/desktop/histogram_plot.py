"""How bright the pixels of the newest frame are, and how many are at the end of the camera's range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.app.desktop.curve_plot import CurvePlot, CurveStyle
from parfocal.viewers.display import brightness_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.viewers.qt.theme import Theme

_BINS = 128
_SAMPLES = 1 << 15
_COUNTS = CurveStyle(0, width=1.5)


class FrameBrightness(NamedTuple):
    """Of a sample of the pixels of a frame: how many for each brightness, and what they are like.

    Attributes
    ----------
    counts, centres : ndarray
        Of bins.
    low, median, high : float
        The darkest, the middle and the brightest pixel.
    saturated : float
        Which part of the pixels is at the end of the range; 0 where the numbers have none.
    """

    counts: NDArray[np.int64]
    centres: NDArray[np.float64]
    low: float
    median: float
    high: float
    saturated: float


def brightness_of(image: NDArray[Any], bits: int | None) -> FrameBrightness | None:
    """Return how bright an image is; None of one without a number. `bits` is the camera's range.

    Examples
    --------
    >>> seen = brightness_of(np.array([[0, 255], [7, 255]], np.uint8), bits=8)
    >>> seen.low, seen.median, seen.high, seen.saturated
    (0.0, 131.0, 255.0, 0.5)
    """
    flat = image.reshape(-1)
    sample = flat[:: max(1, len(flat) // _SAMPLES)]
    if sample.dtype.kind == "f":
        sample = sample[np.isfinite(sample)]
    if not len(sample):
        return None
    counts, edges = brightness_counts(sample, _BINS)
    most = (1 << bits) - 1 if bits else np.iinfo(sample.dtype).max if sample.dtype.kind in "iu" else np.inf
    return FrameBrightness(
        counts,
        (edges[1:] + edges[:-1]) / 2,
        float(sample.min()),
        float(np.median(sample)),
        float(sample.max()),
        float((sample >= most).mean()),
    )


class HistogramPlot(CurvePlot):
    """Draws how many pixels of a frame have which brightness. For the GUI thread."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "brightness (counts)", "pixels", log=(False, True))
        self.legend.hide()

    def show_brightness(self, seen: FrameBrightness) -> None:
        """Draw the histogram of a frame."""
        counts = np.maximum(seen.counts, 0.5)
        self.show_curve("pixels", _COUNTS, seen.centres, counts)


def brightness_text(seen: FrameBrightness) -> str:
    """Return what a frame is like in a line.

    Examples
    --------
    >>> print(brightness_text(brightness_of(np.array([[0, 255], [7, 255]], np.uint8), bits=8)))
    0 to 255, median 131; 50 % of the pixels are saturated
    """
    told = f"{seen.low:g} to {seen.high:g}, median {seen.median:g}"
    if not seen.saturated:
        return told
    part = f"{100 * seen.saturated:.0f}" if seen.saturated >= 0.01 else "less than 1"
    return f"{told}; {part} % of the pixels are saturated"
