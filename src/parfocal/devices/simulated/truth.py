"""What the frames of a simulated camera show: the last ones, kept exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRUTH_DTYPE = np.dtype(
    [
        ("frame", "<u8"),
        ("time_ns", "<i8"),
        ("bead", "<i4"),
        ("x_px", "<f8"),
        ("y_px", "<f8"),
        ("z_nm", "<f8"),
    ]
)
"""A bead in a frame: end of the exposure, centre in the frame, height of the focal plane above it."""
_PLACE = ("x_px", "y_px", "z_nm")


class Truth:
    """The truth of the last `frames` frames; older ones are forgotten."""

    def __init__(self, frames: int, beads: int) -> None:
        self._places = np.zeros((frames, len(_PLACE), beads))
        self._time_ns = np.zeros(frames, np.int64)
        self._frame = np.full(frames, -1, np.int64)

    def keep(self, frame: int, time_ns: int, x_px: Any, y_px: Any, z_nm: Any) -> None:
        """Take the truth of one frame, an array of each coordinate."""
        place = frame % len(self._frame)
        self._places[place] = x_px, y_px, z_nm
        self._time_ns[place] = time_ns
        self._frame[place] = frame

    def of(self, frame: int) -> NDArray[Any]:
        """Return the rows (`TRUTH_DTYPE`) of a frame, one for each bead.

        Raises
        ------
        BadInputError
            If the frame was not made, was lost, or is forgotten.
        """
        place = frame % len(self._frame)
        if frame < 0 or self._frame[place] != frame:
            kept = self._frame[self._frame >= 0]
            known = f"frames {kept.min()} to {kept.max()} but lost ones" if len(kept) else "no frame yet"
            raise BadInputError(f"the truth of frame {frame} is not known; known: {known}")
        rows = np.zeros(self._places.shape[-1], TRUTH_DTYPE)
        rows["frame"], rows["time_ns"], rows["bead"] = frame, self._time_ns[place], np.arange(len(rows))
        for name, values in zip(_PLACE, self._places[place], strict=True):
            rows[name] = values
        return rows
