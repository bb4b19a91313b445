"""What the XY-lock decides: places of beads in, places of regions out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.analysis.beads.rois import RoiSet


def region_moves(
    rois: RoiSet, places: Mapping[int, tuple[float, ...]], max_px: float
) -> dict[int, tuple[float, float]]:
    """Return new middles x, y by bead, for the regions that are to move: by whole pixels, within the image.

    A region stays until its bead is a pixel away from its middle, so that noise does not move it to and fro.

    Parameters
    ----------
    rois : RoiSet
        The regions.
    places : mapping of int to (float, float)
        Where the beads are, x and y in pixels of the frame.
    max_px : float
        How far a region may move along each axis.

    Examples
    --------
    >>> from parfocal.analysis.beads.rois import RoiSet
    >>> rois = RoiSet(roi_px=64, width_px=640, height_px=480).added([(100.0, 50.0), (605.0, 50.0)])
    >>> region_moves(rois, {0: (102.6, 50.9), 1: (605.9, 49.2)}, max_px=10)
    {0: (103.0, 50.0)}
    >>> region_moves(rois, {0: (130.0, 50.0), 1: (611.0, 50.0)}, max_px=10)
    {0: (110.0, 50.0), 1: (608.0, 50.0)}
    """
    most = int(max_px)
    wanted = {
        roi.bead: tuple(
            middle + _whole(place - middle, most)
            for middle, place in zip((roi.x_px, roi.y_px), places[roi.bead], strict=True)
        )
        for roi in rois.rois
        if roi.bead in places
    }
    moved = rois.moved({bead: (x, y) for bead, (x, y) in wanted.items()})
    return {
        after.bead: (after.x_px, after.y_px)
        for before, after in zip(rois.rois, moved.rois, strict=True)
        if after != before
    }


def _whole(away_px: float, most: int) -> int:
    return 0 if abs(away_px) < 1 else max(-most, min(most, round(away_px)))
