"""``parfocal track``: the beads of a movie."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from parfocal.cli.job import run_job
from parfocal.cli.summary_view import movies_view, summary_view
from parfocal.cli.track_options import BeadOptions, CameraOptions, ImageOptions
from parfocal.core.errors import BadInputError

_IMAGES, _BEADS, _CAMERA = ImageOptions(), BeadOptions(), CameraOptions()


def track(
    *movies: Path,
    images: ImageOptions = _IMAGES,
    beads: BeadOptions = _BEADS,
    camera: CameraOptions = _CAMERA,
    out: Path = Path("runs"),
    workers: int = 1,
    dask: str = "",
    json: bool = False,
) -> int:
    """Track the beads of a movie, and write rows and pictures of what was found; of several, each by itself.

    In OUT, a new folder for the run of each: `tracks/` (Parquet, a row for each bead and frame), `tracks.png`
    (tracks of the best beads, chi2 and sigma of all), `overlay.png` (the beads in a frame), `rois.json` and,
    with --zlut, `tables.npz` (for --rois and --zlut of the next run), `manifest.json` (what was asked, with
    which settings and versions, and how it ended).

    Parameters
    ----------
    movies
        TIFF of any kind, OME-Zarr, NDTiff, HDF5 (file.h5:/dataset), a video, a picture, or a folder of images
        in the order of the numbers in their names; one image is a movie of one. Or the folder of a run that
        recorded frames. Of several, one that fails does not end the others.
    out
        Folder for the run's own new folder.
    workers
        Processes that track: one movie together, of several each another one.
    dask
        Address of a dask scheduler, such as tcp://10.0.0.1:8786, whose workers track a movie each; they have
        to see the movies and OUT at the same places.
    json
        Print the summary as one JSON object in the last line.

    Examples
    --------
    parfocal track movie.tif

    parfocal track cells.ome.tif --channel 1 --fps 100 --pixel-size-um 0.1

    parfocal track camera8bit.png --gain-e-per-adu 40 --read-noise-e 8

    parfocal track beads.ome.zarr --rois rois.json --zlut tables.npz --workers 2 --json

    parfocal track day1/*.tif --fps 100 --workers 4
    """
    from parfocal.rig.track import run_track  # the numerics take a second to import
    from parfocal.rig.track_plan import TrackPlan

    if beads.rois is not None and beads.find:
        raise BadInputError("--rois and --find exclude each other: load the beads or find them")
    if not movies:
        raise BadInputError("name a movie, or several")
    chosen: dict[str, Any] = {"rois": beads.rois, "roi_px": beads.roi_px, "zlut": beads.zlut}
    chosen |= {**images.for_plan(), **asdict(camera), "out": out, "workers": workers}

    def plan(movie: Path) -> TrackPlan:
        return TrackPlan(movie=movie, **chosen)

    if len(movies) == 1 and not dask:
        return run_job(partial(run_track, plan(movies[0])), summary_view, json=json)

    from parfocal.rig.offline.track_movies import track_movies

    return run_job(
        lambda report: track_movies(movies, plan, out, workers=workers, dask=dask, report=report),
        movies_view,
        json=json,
    )
