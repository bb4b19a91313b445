"""What a lock tells of each correction: rows of its stream. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

NO_BEAD = -1
"""In place of a bead: the row is of the lock as a whole."""

_BEGIN = [("time_ns", "<i8"), ("number", "<i8"), ("bead", "<i4")]
_END = [("applied", "u1"), ("why", "<U16")]

Z_DTYPE = np.dtype(
    [
        *_BEGIN,
        ("measured_nm", "<f8"),
        ("target_nm", "<f8"),
        ("focus_nm", "<f8"),
        ("correction_nm", "<f8"),
        *_END,
    ]
)
"""A bead in a correction of the focus: when it was decided (monotonic ns), number of the correction, bead,
its mean height and the one it is to have, where the focus stood, by how much it was to move, whether it did,
and why. Where the lock changes its state without a correction, such as for a bead that is lost, one row has
`NO_BEAD` and NaN.
"""

XY_DTYPE = np.dtype(
    [
        *_BEGIN,
        ("x_px", "<f8"),
        ("y_px", "<f8"),
        ("region_x_px", "<f8"),
        ("region_y_px", "<f8"),
        ("correction_x_px", "<f8"),
        ("correction_y_px", "<f8"),
        *_END,
    ]
)
"""A region that was to move: as `Z_DTYPE`, with the bead's mean place, the middle of its region before, and
by how much that was to move."""


def correction_rows(
    dtype: np.dtype[Any], beads: Mapping[int, Mapping[str, float]], **common: Any
) -> NDArray[Any]:
    """Return a row for each bead, with its own columns and those that all have; others are NaN.

    Without a bead there is one row, of `NO_BEAD`.

    Examples
    --------
    >>> correction_rows(Z_DTYPE, {}, time_ns=5, number=2, why="on")[["bead", "why", "focus_nm"]].tolist()
    [(-1, 'on', nan)]
    >>> correction_rows(Z_DTYPE, {3: {"target_nm": 5.0}}, applied=True)[
    ...     ["bead", "target_nm", "applied"]
    ... ].tolist()
    [(3, 5.0, 1)]
    """
    rows = np.zeros(max(1, len(beads)), dtype)
    for name in dtype.names or ():
        if dtype[name].kind == "f":
            rows[name] = np.nan
    rows["bead"] = list(beads) or NO_BEAD
    for name, value in common.items():
        rows[name] = value
    for row, own in zip(rows, beads.values(), strict=False):
        for name, value in own.items():
            row[name] = value
    return rows
