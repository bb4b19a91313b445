"""``parfocal demo``: a simulated laboratory from start to record."""

from __future__ import annotations

from pathlib import Path

from parfocal.cli.job import run_job


def tweezers(
    *,
    seconds: float = 10.0,
    fps: float = 100.0,
    beads: int = 50,
    size: tuple[int, int] | None = None,
    workers: int = 1,
    record_frames: bool = False,
    out: Path = Path("runs"),
    seed: int = 0,
    view: bool = False,
    json: bool = False,
) -> int:
    """Run a magnetic-tweezers experiment on a simulated microscope, and compare the tracks with the truth.

    A camera, a focus motor, a magnet, a tracker and a recorder start in processes of their own. Beads are
    found, their z tables built in a focus sweep; then every frame is tracked and its rows are recorded.

    In OUT, a new folder for the run: `tracks/` and `truth/` (Parquet, a row for each bead and frame),
    `tracks.png` (tracks of the best beads, chi2 and sigma of all), `overlay.png` (the beads in a frame),
    `rois.json`, `tables.npz`, with --record-frames `frames.ome.zarr`, and `manifest.json` (what was asked,
    with which settings and versions, and how it ended).

    Parameters
    ----------
    seconds
        Length of the measurement, after the focus sweep.
    fps
        Frames a second.
    beads
        How many beads lie in the field.
    size
        Width and height of a frame, px; by default what holds the beads side by side.
    workers
        Processes that track.
    record_frames
        Record the pixels too, as OME-Zarr.
    out
        Folder for the run's own new folder.
    seed
        The same seed makes the same beads and the same noise.
    view
        Watch it in a live viewer, as long as it lasts.
    json
        Print the summary as one JSON object in the last line.

    Examples
    --------
    parfocal demo tweezers

    parfocal demo tweezers --seconds 10 --fps 200 --beads 100 --workers 2 --record-frames --json
    """
    from parfocal.rig.demo import DemoPlan, run_demo  # the numerics take a second to import

    plan = DemoPlan(
        seconds=seconds, fps=fps, beads=beads, size=size, workers=workers,
        record_frames=record_frames, out=out, seed=seed, view=view,
    )  # fmt: skip
    return run_job(lambda report: run_demo(plan, report), json=json)
