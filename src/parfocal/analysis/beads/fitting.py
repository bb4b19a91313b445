"""Which table of a file belongs to which bead: by what the file says of its beads, or by their order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError, TrackingError

if TYPE_CHECKING:
    from pathlib import Path

    from parfocal.analysis.beads.rois import RoiSet
    from parfocal.tracking.ztable import ZTables

NO_BEAD = -1
"""In place of a bead that is gone, whose table is still there."""


def fitting_tables(path: Path, rois: RoiSet) -> ZTables:
    """Return the z tables in a file.

    Raises
    ------
    BadInputError
        If the file holds something else, or tables for regions of another size.
    """
    from parfocal.tracking.ztable import load_tables

    try:
        tables = load_tables(path)
    except (TrackingError, OSError) as error:
        raise BadInputError(f"{error}; give the tables.npz of a run") from error
    if tables.roi_px != rois.roi_px:
        raise BadInputError(
            f"{path} holds tables for regions of {tables.roi_px} px, but roi_px is {rois.roi_px}; "
            "make them the same"
        )
    return tables


def beads_of(tables: ZTables, rois: RoiSet, path: Path) -> tuple[int, ...]:
    """Return the bead that each table belongs to, or `NO_BEAD`; empty if the file's one table is for all.

    A table knows where its bead lay. It belongs to the region of the same number if that lies within a
    quarter of a region's edge of there, else to the nearest that does. Tables that do not know (written by a
    program of one's own) belong to the regions in their order, if there are as many.

    Raises
    ------
    BadInputError
        If none of the tables belongs to one of the regions, or they cannot be counted off.
    """
    if len(tables) == 1:
        return ()
    if not tables.beads:
        if len(tables) != len(rois.rois):
            raise BadInputError(
                f"{path} holds {len(tables)} tables, but there are {len(rois.rois)} beads; load the regions "
                "that they were made for, such as the rois.json beside them, or one table for all"
            )
        return rois.beads
    free = {roi.bead: roi for roi in rois.rois}
    found = []
    for bead, x_px, y_px in tables.beads:
        away = {roi.bead: math.hypot(roi.x_px - x_px, roi.y_px - y_px) for roi in free.values()}
        near = [other for other, distance in away.items() if distance <= rois.roi_px / 4]
        chosen = bead if bead in near else min(near, key=lambda other: away[other], default=NO_BEAD)
        free.pop(chosen, None)
        found.append(chosen)
    if set(found) == {NO_BEAD}:
        number, x_px, y_px = tables.beads[0]
        raise BadInputError(
            f"{path} holds tables of other beads: none of the {len(rois.rois)} regions lies where theirs did "
            f"(bead {number} at x {x_px:.0f}, y {y_px:.0f} px, and so on); load the rois.json beside them"
        )
    return tuple(found)
