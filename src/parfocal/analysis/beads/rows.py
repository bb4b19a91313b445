"""Rows of the tracker: what it tells of a bead in a frame, and the parts that its workers send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.tracking.rows import ROW_DTYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader

TRACK_DTYPE = np.dtype(
    [
        ("frame", "<u8"),
        ("time_ns", "<i8"),
        ("written_ns", "<i8"),
        ("bead", "<i4"),
        ("roi_version", "<i4"),
        *ROW_DTYPE.descr,
    ]
)
"""A bead in a frame: the camera's frame number, end of the exposure, when the row was written (monotonic ns),
bead, version of the regions, and the columns of `parfocal.tracking.ROW_DTYPE`."""

PART_DTYPE = np.dtype(
    [("ring_ns", "<i8"), ("sequence", "<u8"), ("worker_pid", "<i4"), ("count", "<i4"), *TRACK_DTYPE.descr]
)
"""A row of a worker's part: which ring of that name, place of the frame in the ring, who tracked it, and how
many beads it has; then the row. A frame begins with a row for itself, whose bead is `FRAME`."""

FRAME = -1
"""In place of a bead: this row stands for the frame itself."""

BEGINS = -1
"""In place of a count: no frame was tracked; the worker begins, or begins again, at this place."""

_MEASURED = (
    "x_px",
    "y_px",
    "z_nm",
    "sigma_x_px",
    "sigma_y_px",
    "sigma_z_nm",
    "chi2",
    "amplitude",
    "offset",
    "flags",
)


def part_rows(
    tracked: NDArray[Any],
    header: FrameHeader,
    beads: Sequence[int],
    *,
    ring_ns: int,
    sequence: int,
    roi_version: int,
    worker_pid: int,
) -> NDArray[Any]:
    """Return the rows of one frame for a worker's part, the row for the frame itself first.

    Examples
    --------
    >>> from parfocal.core.frames import FrameHeader
    >>> rows = part_rows(
    ...     np.zeros(2, TRACK_DTYPE),
    ...     FrameHeader(frame=7),
    ...     [3, 4],
    ...     ring_ns=1,
    ...     sequence=9,
    ...     roi_version=2,
    ...     worker_pid=1,
    ... )
    >>> rows["bead"].tolist(), rows["count"].tolist(), rows["frame"].tolist()
    ([-1, 3, 4], [2, 2, 2], [7, 7, 7])
    """
    rows = np.zeros(len(beads) + 1, PART_DTYPE)
    rows["ring_ns"], rows["sequence"], rows["worker_pid"] = ring_ns, sequence, worker_pid
    rows["count"] = len(beads)
    rows["frame"], rows["time_ns"], rows["roi_version"] = header.frame, header.time_ns, roi_version
    rows["bead"][0] = FRAME
    rows["bead"][1:] = beads
    for name in _MEASURED:
        rows[name][1:] = tracked[name]
    return rows


def begin_row(*, ring_ns: int, sequence: int, worker_pid: int) -> NDArray[Any]:
    """Return the row that says where a worker begins."""
    row = np.zeros(1, PART_DTYPE)
    row["ring_ns"], row["sequence"], row["worker_pid"] = ring_ns, sequence, worker_pid
    row["bead"], row["count"] = FRAME, BEGINS
    return row


def track_rows(part: NDArray[Any]) -> NDArray[Any]:
    """Return the rows of beads in one frame's part (without the row for the frame) as rows of tracks."""
    rows = np.empty(len(part), TRACK_DTYPE)
    for name in TRACK_DTYPE.names or ():
        rows[name] = part[name]
    return rows
