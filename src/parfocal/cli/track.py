"""``parfocal track``: the beads of a movie."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from parfocal.cli.job import run_job
from parfocal.core.errors import BadInputError


def track(
    movie: Path,
    *,
    stream: str = "",
    rois: Path | None = None,
    find: bool = False,
    roi_px: int = 64,
    zlut: Path | None = None,
    channel: int | str = 0,
    position: int | Literal["all"] = 0,
    plane: int | Literal["all"] = "all",
    fps: float | None = None,
    pixel_size_um: float | None = None,
    counts_per_unit: float | None = None,
    counts_at_zero: float = 0.0,
    gain_e_per_adu: float | None = None,
    offset_adu: float | None = None,
    read_noise_e: float | None = None,
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
    stream
        Which frames of a run, where it recorded several streams of them.
    rois
        Regions of the beads: the rois.json of a run, or what the tracker saved.
    find
        Find the free-standing beads in the first image; the default without --rois.
    roi_px
        Edge of a region, px; even.
    zlut
        Z tables: the tables.npz of a run, or what the tracker saved; without them only x and y are tracked.
    channel
        Which channel of the movie: its number, from 0, or its name; "all" runs through them.
    position
        Which position of the stage (series), from 0; "all" runs through them.
    plane
        Which plane of a z stack, from 0; all are run through otherwise.
    fps
        Images a second, if the movie does not tell, or tells wrongly.
    pixel_size_um
        Edge of a pixel in the sample, likewise.
    counts_per_unit
        Counts for a unit of signed or floating-point values, such as 65535 for values from 0 to 1.
    counts_at_zero
        Counts for a value of 0.
    gain_e_per_adu
        Electrons for one count of the camera. Together with the next two it sets sigma, chi2 and the flags;
        a recorded run knows all three, of other movies they are 1, 0 and 0 otherwise.
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

    parfocal track cells.ome.tif --channel 1 --fps 100 --pixel-size-um 0.1

    parfocal track camera8bit.png --gain-e-per-adu 40 --read-noise-e 8

    parfocal track beads.ome.zarr --rois rois.json --zlut tables.npz --workers 2 --json
    """
    from parfocal.rig.track import run_track  # the numerics take a second to import
    from parfocal.rig.track_plan import TrackPlan

    if rois is not None and find:
        raise BadInputError("--rois and --find exclude each other: load the beads or find them")
    plan = TrackPlan(
        movie=movie, stream=stream, channel=channel, position=position, plane=plane, frame_rate_hz=fps,
        pixel_size_um=pixel_size_um, counts_per_unit=counts_per_unit, counts_at_zero=counts_at_zero,
        rois=rois, roi_px=roi_px, zlut=zlut, gain_e_per_adu=gain_e_per_adu, offset_adu=offset_adu,
        read_noise_e=read_noise_e, out=out, workers=workers,
    )  # fmt: skip
    return run_job(lambda tell: run_track(plan, tell), json=json)
