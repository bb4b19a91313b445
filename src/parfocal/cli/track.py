"""``parfocal track``: the beads of a movie."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from parfocal.cli.job import run_job
from parfocal.cli.summary_view import summary_view
from parfocal.cli.track_options import BeadOptions, CameraOptions, ImageOptions
from parfocal.core.errors import BadInputError

_IMAGES, _BEADS, _CAMERA = ImageOptions(), BeadOptions(), CameraOptions()


def track(
    movie: Path,
    *,
    images: ImageOptions = _IMAGES,
    beads: BeadOptions = _BEADS,
    camera: CameraOptions = _CAMERA,
    out: Path = Path("runs"),
    workers: int = 1,
    json: bool = False,
) -> int:
    """Track the beads of a movie, and write rows and pictures of what was found.

    In OUT, a new folder for the run: `tracks/` (Parquet, a row for each bead and frame), `tracks.png` (tracks
    of the best beads, chi2 and sigma of all), `overlay.png` (the beads in a frame), `rois.json` and, with
    --zlut, `tables.npz` (for --rois and --zlut of the next run), `manifest.json` (what was asked, with which
    settings and versions, and how it ended).

    Parameters
    ----------
    movie
        TIFF of any kind, OME-Zarr, NDTiff, HDF5 (file.h5:/dataset), a video, a picture, or a folder of images
        in the order of the numbers in their names; one image is a movie of one. Or the folder of a run that
        recorded frames.
    out
        Folder for the run's own new folder.
    workers
        Processes that track.
    json
        Print the summary as one JSON object in the last line.

    Examples
    --------
    parfocal track movie.tif

    parfocal track cells.ome.tif --channel 1 --fps 100 --pixel-size-um 0.1

    parfocal track camera8bit.png --gain-e-per-adu 40 --read-noise-e 8

    parfocal track beads.ome.zarr --rois rois.json --zlut tables.npz --workers 2 --json
    """
    from parfocal.rig.track import run_track  # the numerics take a second to import
    from parfocal.rig.track_plan import TrackPlan

    if beads.rois is not None and beads.find:
        raise BadInputError("--rois and --find exclude each other: load the beads or find them")
    chosen: dict[str, Any] = {"rois": beads.rois, "roi_px": beads.roi_px, "zlut": beads.zlut}
    plan = TrackPlan(movie=movie, out=out, workers=workers, **images.for_plan(), **chosen, **asdict(camera))
    return run_job(lambda report: run_track(plan, report), summary_view, json=json)
