"""The pixels of one region as a list in single precision: electrons, sensitivity and coordinates.

Everything that depends on the frame - its dtype and stride, gain, offset, flat field, edges - ends here. The
list lives in the cache of one core and is overwritten by the next bead. Even rows come first, then odd ones,
each half padded to whole chunks with pixels of no sensitivity, so that loops have a fixed length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.tracking.jit import driver, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 512
"""Pixels that are worked on at a time."""


@dataclass(frozen=True, slots=True)
class PixelGrid:
    """Where the pixels of a region stand in the list.

    Attributes
    ----------
    roi_px : int
        Edge of the region.
    places : ndarray of float32, (3, length)
        x and y in the region, padding far away; and 1 for pixels of even rows that have all their neighbours.
    """

    roi_px: int
    places: NDArray[np.float32]

    @classmethod
    def of(cls, roi_px: int) -> PixelGrid:
        """Return the grid of a region with this edge."""
        half = -(-((roi_px + 1) // 2) * roi_px // CHUNK) * CHUNK
        places = np.full((3, 2 * half), 1e6, np.float32)
        places[2] = 0
        for row in range(roi_px):
            part = slice(row_start(row, roi_px, half), row_start(row, roi_px, half) + roi_px)
            places[0, part] = np.arange(roi_px)
            places[1, part] = row
            if row % 2 == 0 and 0 < row < roi_px - 1:
                places[2, part.start + 1 : part.stop - 1] = 1
        return cls(roi_px, places)

    @property
    def length(self) -> int:
        """How many pixels the list holds, padding included."""
        return int(self.places.shape[1])


@kernel
def row_start(row: int, roi: int, half: int) -> int:
    """Return where a row of the region begins in the list."""
    return (row & 1) * half + (row >> 1) * roi


@kernel
def _load_row(source: Any, gain: Any, offset: Any, target: Any) -> Any:
    """Convert one row to electrons; return its highest count."""
    highest = source[0]
    for i in range(target.size):
        highest = max(highest, source[i])
        target[i] = (np.float32(source[i]) - offset) * gain
    return np.float32(highest)


@kernel
def _count_full(source: Any, top: Any) -> int:
    full = 0
    for i in range(source.size):
        full += np.float32(source[i]) >= top
    return full


@driver
def load_region(
    frame: Any, flat: Any, x0: int, y0: int, roi: int, camera: Any, values: Any, sensitivity: Any
) -> tuple[int, int]:
    """Fill `values` and `sensitivity` from the frame; return pixels inside the frame, and saturated ones.

    `camera` holds gain, offset and saturation level; `flat` is (0, 0) if there is none.
    """
    half = values.size // 2
    inside = saturated = 0
    first, last = max(0, -x0), min(roi, frame.shape[1] - x0)
    whole = first == 0 and last == roi and y0 >= 0 and y0 + roi <= frame.shape[0]
    if not whole or flat.shape[0] > 0:
        sensitivity[:] = 0
        values[:] = 0
    else:
        for start in (0, half):
            rows = (roi + 1) // 2 if start == 0 else roi // 2
            sensitivity[start : start + rows * roi] = 1
            sensitivity[start + rows * roi : start + half] = 0
    for row in range(roi):
        y = y0 + row
        if y < 0 or y >= frame.shape[0] or first >= last:
            continue
        start = row_start(row, roi, half)
        source, target = frame[y, x0 + first : x0 + last], values[start + first : start + last]
        if _load_row(source, camera[0], camera[1], target) >= camera[2]:
            saturated += _count_full(source, camera[2])
        inside += last - first
        if flat.shape[0] > 0:
            sensitivity[start + first : start + last] = flat[y, x0 + first : x0 + last]
        elif not whole:
            sensitivity[start + first : start + last] = 1
    return inside, saturated
