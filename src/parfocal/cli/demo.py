"""``parfocal demo``: simulated laboratories from start to record."""

from __future__ import annotations

from pathlib import Path

from parfocal.cli.acquisition_view import acquisition_view
from parfocal.cli.job import run_job
from parfocal.cli.loop_view import loop_view
from parfocal.cli.summary_view import summary_view


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
    return run_job(lambda report: run_demo(plan, report), summary_view, json=json)


def optogenetics(
    *,
    time_points: int = 20,
    positions: int = 2,
    interval: float = 1.0,
    cells: int = 60,
    out: Path = Path("runs"),
    seed: int = 0,
    view: bool = False,
    json: bool = False,
) -> int:
    """Run a closed loop on a simulated microscope: cells are found and followed, and every second one is lit.

    The light modulator is calibrated first. Then, at each time point and position: two images, from which
    cells and a mask follow, and a stimulus with that mask, from a quarter of the time points on. The reporter
    of lit cells leaves their nuclei.

    In OUT, a new folder for the run: `frames.ome.zarr`, with labels, and `masks.ome.zarr`; `tracks/`,
    `stimulations/`, `doses/`, `run_events/` and `truth/` (Parquet); `cells.png` (the cells, the light on
    them, and their reporter over time); and `manifest.json` (what was asked, with which settings and
    versions, and how it ended).

    Parameters
    ----------
    time_points
        How many.
    positions
        How many fields of cells.
    interval
        Seconds between two time points.
    cells
        About how many cells are in a field.
    out
        Folder for the run's own new folder.
    seed
        The same seed makes the same cells and the same noise.
    view
        Watch it in a live viewer, as long as it lasts.
    json
        Print the summary as one JSON object in the last line.

    Examples
    --------
    parfocal demo optogenetics

    parfocal demo optogenetics --time-points 20 --positions 2 --json
    """
    from parfocal.rig.optogenetics import run_optogenetics
    from parfocal.rig.optogenetics_plan import OptogeneticsPlan

    plan = OptogeneticsPlan(
        time_points=time_points, positions=positions, interval=interval, cells=cells,
        out=out, seed=seed, view=view,
    )  # fmt: skip
    return run_job(lambda report: run_optogenetics(plan, report), loop_view, json=json)


def micromanager(
    *,
    time_points: int = 3,
    interval: float = 1.0,
    planes: int = 5,
    configuration: str = "demo",
    out: Path = Path("runs"),
    view: bool = False,
    json: bool = False,
) -> int:
    """Run a small experiment on devices of Micro-Manager: time points, channels and planes of the focus.

    Without a configuration of your own it runs on Micro-Manager's simulated DemoCamera. Its core is in a
    process of its own; camera, stages, shutter and channels are services of a rig. The record is
    opened again, compared with the plan, and drawn.

    In OUT, a new folder for the run: `frames.ome.zarr`, `run_events/` (Parquet), `images.png` (each channel
    in each plane at the last time point), and `manifest.json` (what was asked, with which settings and
    versions, and how it ended).

    Parameters
    ----------
    time_points
        How many.
    interval
        Seconds between two time points.
    planes
        How many heights of the focus, 1 um apart.
    configuration
        A .cfg of Micro-Manager; its group Channel has the channels.
    out
        Folder for the run's own new folder.
    view
        Watch it in a live viewer, as long as it lasts.
    json
        Print the summary as one JSON object in the last line.

    Examples
    --------
    parfocal demo micromanager

    parfocal demo micromanager --time-points 5 --planes 3 --json
    """
    from parfocal.rig.micromanager import MicroManagerPlan, run_micromanager

    plan = MicroManagerPlan(
        time_points=time_points, interval=interval, planes=planes, configuration=configuration,
        out=out, view=view,
    )  # fmt: skip
    return run_job(lambda report: run_micromanager(plan, report), acquisition_view, json=json)
