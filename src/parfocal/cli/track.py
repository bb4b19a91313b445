"""``parfocal track``: the beads of a movie."""

from __future__ import annotations

from pathlib import Path

from parfocal.cli.job import run_job
from parfocal.core.errors import BadInputError


def track(
    movie: Path,
    *,
    rois: Path | None = None,
    find: bool = False,
    roi_px: int = 64,
    zlut: Path | None = None,
    out: Path = Path("runs"),
    workers: int = 1,
    json: bool = False,
) -> int:
    """Track the beads of a movie, and write rows and a picture of what was found.

    Parameters
    ----------
    movie
        TIFF, OME-TIFF, OME-Zarr, a PNG or a folder of images; one image is a series of one.
    rois
        Regions of the beads, as the tracker saves them (JSON).
    find
        Find the beads in the first image; the default without --rois.
    roi_px
        Edge of a region, px; even.
    zlut
        Z tables, as the tracker saves them; without them only x and y are tracked.
    out
        Folder for the run's own new folder.
    workers
        Processes that track.
    json
        Print the summary as one JSON object in the last line.

    Examples
    --------
    parfocal track movie.tif

    parfocal track beads.ome.zarr --rois rois.json --zlut tables.npz --workers 2 --json
    """
    from parfocal.rig.track import TrackPlan, run_track  # the numerics take a second to import

    if rois is not None and find:
        raise BadInputError("--rois and --find exclude each other: load the beads or find them")
    plan = TrackPlan(movie=movie, rois=rois, roi_px=roi_px, zlut=zlut, out=out, workers=workers)
    return run_job(lambda tell: run_track(plan, tell), json=json)
