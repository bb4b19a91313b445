"""What the frames of the simulated microscope show, for as many of the last ones as are remembered."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELL_TRUTH_DTYPE = np.dtype(
    [
        ("frame", "<u8"),
        ("event", "<i8"),
        ("time_s", "<f8"),
        ("focus_um", "<f8"),
        ("cell", "<u4"),
        ("x_px", "<f8"),
        ("y_px", "<f8"),
        ("x_um", "<f8"),
        ("y_um", "<f8"),
        ("nucleus", "<f4"),
        ("cytoplasm", "<f4"),
    ]
)
"""A cell in a frame: time of the scene, height of the stage at which it would be in focus, its nucleus in
the frame and in the sample, its brightness."""

_OF_FRAME = ("frame", "event", "time_s", "focus_um", "x_px", "y_px")


class CellTruth:
    """The truth of the last frames.

    Parameters
    ----------
    frames : int
        How many are remembered.
    dtype : dtype
        Of a row: `CELL_TRUTH_DTYPE`, and any other columns that the cells have.
    """

    def __init__(self, frames: int, dtype: np.dtype[Any] = CELL_TRUTH_DTYPE) -> None:
        self._frames, self._dtype = frames, dtype
        self._whole = np.dtype(
            f"V{dtype.itemsize}"
        )  # a row as bytes: copied six times as fast as its columns
        self._of_cell = [name for name in dtype.names or () if name not in _OF_FRAME]
        self._kept: OrderedDict[int, NDArray[Any]] = OrderedDict()

    def keep(
        self,
        frame: int,
        event: int,
        time_s: float,
        focus_um: float,
        cells: NDArray[Any],
        x_px: NDArray[Any],
        y_px: NDArray[Any],
        shape: tuple[int, int],
    ) -> None:
        """Remember the cells whose centres are in a frame of `shape` (y, x)."""
        inside = (x_px >= -0.5) & (x_px < shape[1] - 0.5) & (y_px >= -0.5) & (y_px < shape[0] - 0.5)
        seen = cells[inside]
        rows = np.empty(seen.size, self._dtype)
        rows["frame"], rows["event"], rows["time_s"], rows["focus_um"] = frame, event, time_s, focus_um
        rows["x_px"], rows["y_px"] = x_px[inside], y_px[inside]
        for column in self._of_cell:
            rows[column] = seen[column]
        self._kept[frame] = rows
        while len(self._kept) > self._frames:
            self._kept.popitem(last=False)

    def of(self, frame: int) -> NDArray[Any]:
        """Return what a frame shows; a copy."""
        if frame not in self._kept:
            known = f"frames {min(self._kept)} to {max(self._kept)}" if self._kept else "no frame yet"
            raise BadInputError(f"frame {frame} is not among those whose truth is remembered: {known}")
        whole = self._kept[frame].view(self._whole)
        return whole.copy().view(self._dtype)
