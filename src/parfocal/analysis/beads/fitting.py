"""Whether tables from a file fit the regions they are to be used for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError, TrackingError

if TYPE_CHECKING:
    from pathlib import Path

    from parfocal.analysis.beads.rois import RoiSet
    from parfocal.tracking import ZTables


def fitting_tables(path: Path, rois: RoiSet, *, count: bool = True) -> ZTables:
    """Return the z tables in a file: one for each of these regions, in their order, or one for all.

    Parameters
    ----------
    path, rois
        The file, and the regions.
    count : bool
        Whether the regions are all there already, so that tables can be counted against them.

    Raises
    ------
    BadInputError
        If the file holds something else, or tables for other regions.
    """
    from parfocal.tracking import load_tables

    try:
        tables = load_tables(path)
    except (TrackingError, OSError) as error:
        raise BadInputError(f"{error}; give the tables.npz of a run") from error
    if tables.roi_px != rois.roi_px:
        raise BadInputError(
            f"{path} holds tables for regions of {tables.roi_px} px, but roi_px is {rois.roi_px}; "
            "make them the same"
        )
    if count and len(tables) not in (1, len(rois.rois)):
        raise BadInputError(
            f"{path} holds {len(tables)} tables, but there are {len(rois.rois)} beads; load the regions that "
            "they were made for, such as the rois.json beside them, or one table for all"
        )
    return tables
