"""The pixels of one region as a list in single precision: electrons, sensitivity and coordinates.

Everything that depends on the frame - its dtype and stride, gain, offset, flat field, edges - ends here. The
list lives in the cache of one core and is overwritten by the next bead. Even rows come first, then odd ones,
each half padded to whole chunks with pixels of no sensitivity, so that loops have a fixed length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.tracking.jit import driver, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 512
"""Pixels that are worked on at a time."""


def aligned(*shape: int) -> NDArray[np.float32]:
    """Return zeros that begin at a line of the cache, lest every vector lie across two."""
    memory = np.zeros(math.prod(shape) + 15, np.float32)
    first = -memory.ctypes.data % 64 // 4
    return memory[first : first + math.prod(shape)].reshape(shape)


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
        places = aligned(3, 2 * half)
        places[:2] = 1e6
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
def _load_rows(
    source: Any, x0: int, y0: int, box: Any, roi: int, half: int, gain: Any, offset: Any, out: Any
) -> None:
    """Convert what lies in the frame: `box` is its first and last x, and first and last y, in the region.

    Unsigned indices need no test for being negative, without which the loop vectorises.
    """
    first, last = np.uint64(box[0]), np.uint64(box[1])
    for row in range(box[2], box[3]):
        start, y = np.uint64(row_start(row, roi, half)), np.uint64(y0 + row)
        for i in range(first, last):
            out[start + i] = (np.float32(source[y, np.uint64(x0) + i]) - offset) * gain


@kernel
def _count_full(values: Any, top: Any) -> Any:
    full, one, zero = np.float32(0), np.float32(1), np.float32(0)
    for i in range(values.size):
        full += one if values[i] >= top else zero
    return full


@driver
def load_region(
    frame: Any, flat: Any, x0: int, y0: int, roi: int, camera: Any, values: Any, sensitivity: Any
) -> tuple[int, int]:
    """Fill `values` and `sensitivity` from the frame; return pixels inside the frame, and saturated ones.

    `camera` holds gain, offset and saturation level; `flat` is (0, 0) if there is none.
    """
    half = values.size // 2
    box = (max(0, -x0), min(roi, frame.shape[1] - x0), max(0, -y0), min(roi, frame.shape[0] - y0))
    inside = max(0, box[1] - box[0]) * max(0, box[3] - box[2])
    values[:] = 0
    if inside == 0:
        sensitivity[:] = 0
        return 0, 0
    _load_rows(frame, x0, y0, box, roi, half, camera[0], camera[1], values)
    if flat.shape[0] > 0:
        sensitivity[:] = 0
        _load_rows(flat, x0, y0, box, roi, half, np.float32(1), np.float32(0), sensitivity)
    elif inside == roi * roi:
        sensitivity[: (roi + 1) // 2 * roi] = 1
        sensitivity[(roi + 1) // 2 * roi : half] = 0
        sensitivity[half : half + roi // 2 * roi] = 1
        sensitivity[half + roi // 2 * roi :] = 0
    else:
        sensitivity[:] = 0
        for row in range(box[2], box[3]):
            start = row_start(row, roi, half)
            sensitivity[start + box[0] : start + box[1]] = 1
    return inside, int(_count_full(values, (camera[2] - camera[1]) * camera[0]))
