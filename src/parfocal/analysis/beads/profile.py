"""The radial profile of one bead in a frame, beside that of the model fitted to it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.analysis.beads.field import FieldTracker
from parfocal.tracking.radial_profile import distances, ring_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.analysis.beads.assignment import Assignment
    from parfocal.core.frames import Frame

PROFILE_DTYPE = np.dtype(
    [
        ("frame", "<u8"),
        ("time_ns", "<i8"),
        ("bead", "<i4"),
        ("roi_version", "<i4"),
        ("r_px", "<f4"),
        ("pixels", "<i4"),
        ("intensity", "<f4"),
        ("model", "<f4"),
        ("x_px", "<f8"),
        ("y_px", "<f8"),
        ("z_nm", "<f8"),
        ("chi2", "<f4"),
        ("flags", "<u4"),
    ]
)
"""A ring of a bead in a frame: its distance from the bead's centre (the mean of its pixels), how many pixels
it has, their mean in counts, and that of the fitted model over the same pixels (NaN for a bead without a z
table). The rest is the same in all rings of a frame, as in the row of tracks."""


class BeadProfiler:
    """Makes the profile of one bead. Close it.

    Parameters
    ----------
    assignment : Assignment
        With a region for that bead.
    bead : int
        Which one.
    """

    def __init__(self, assignment: Assignment, bead: int) -> None:
        alone = msgspec.structs.replace(assignment.rois, rois=(assignment.rois[bead],))
        self._field = FieldTracker(msgspec.structs.replace(assignment, rois=alone))
        self._y0, self._x0 = alone.corners()[0].tolist()
        self._roi_px = alone.roi_px
        self._bead, self._version = bead, alone.version

    def rows(self, frame: Frame) -> NDArray[Any]:
        """Return a row (`PROFILE_DTYPE`) for each ring of 1 px, from the centre to half the region's edge.

        The position is fitted anew, and is that of the tracks. Where nothing could be fitted, the rings lie
        about the region's middle.
        """
        size, reach = self._roi_px, self._roi_px // 2
        crop = frame.data[self._y0 : self._y0 + size, self._x0 : self._x0 + size]
        found = self._field.track(frame.data)[0]
        x, y = (
            float(found[axis]) - corner if np.isfinite(found[axis]) else (size - 1) / 2
            for axis, corner in (("x_px", self._x0), ("y_px", self._y0))
        )
        r = distances((size, size), x, y)
        pixels, means = ring_means(r, reach, r, crop, self._field.expected(0, found, r))
        rows = np.zeros(reach, PROFILE_DTYPE)
        rows["frame"], rows["time_ns"] = frame.header.frame, frame.header.time_ns
        rows["bead"], rows["roi_version"] = self._bead, self._version
        rows["pixels"] = pixels
        for name, mean in zip(("r_px", "intensity", "model"), means, strict=True):
            rows[name] = mean
        for name in ("x_px", "y_px", "z_nm", "chi2", "flags"):
            rows[name] = found[name]
        return rows[pixels > 0]

    def close(self) -> None:
        """End its threads."""
        self._field.close()
