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
    gain_e_per_adu: float = 1.0,
    offset_adu: float = 0.0,
    read_noise_e: float = 0.0,
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
        TIFF, OME-TIFF, OME-Zarr, a PNG or a folder of images; one image is a series of one.
    rois
        Regions of the beads: the rois.json of a run, or what the tracker saved.
    find
        Find the free-standing beads in the first image; the default without --rois.
    roi_px
        Edge of a region, px; even.
    zlut
        Z tables: the tables.npz of a run, or what the tracker saved; without them only x and y are tracked.
    gain_e_per_adu
        Electrons for one count of the camera. Together with the next two it sets sigma, chi2 and the flags.
    offset_adu
        Counts of the camera without light.
    read_noise_e
        RMS read noise of the camera, electrons.
    out
        Folder for the run's own new folder.
    workers
        Processes that track.
    json
        Print the summary as one JSON object in the last line.

    Examples
    --------
    parfocal track movie.tif

    parfocal track camera8bit.png --gain-e-per-adu 40 --read-noise-e 8

    parfocal track beads.ome.zarr --rois rois.json --zlut tables.npz --workers 2 --json
    """
    from parfocal.rig.track import TrackPlan, run_track  # the numerics take a second to import

    if rois is not None and find:
        raise BadInputError("--rois and --find exclude each other: load the beads or find them")
    plan = TrackPlan(
        movie=movie, rois=rois, roi_px=roi_px, zlut=zlut, gain_e_per_adu=gain_e_per_adu,
        offset_adu=offset_adu, read_noise_e=read_noise_e, out=out, workers=workers,
    )  # fmt: skip
    return run_job(lambda tell: run_track(plan, tell), json=json)
