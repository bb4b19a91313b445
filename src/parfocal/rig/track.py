"""``parfocal track``: the beads of a movie, through the same camera, tracker and recorder as a live one."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.counted import counted
from parfocal.core.frames import FrameSpec, Sensor
from parfocal.formats import MovieFacts, file_of
from parfocal.rig.config import RigConfig, load_config, with_changes
from parfocal.rig.job import FIRST_START, JobProgress
from parfocal.rig.opening import load_source, open_rig
from parfocal.rig.results import summarise
from parfocal.rig.ring_size import MOST_SLOTS, free_shared_bytes, slots_for
from parfocal.rig.track_plan import CAMERA, TrackPlan, check_inputs, find_in, sensor_of
from parfocal.rig.tracked_run import run_tracked
from parfocal.runs.settings import RunSettings
from parfocal.storage.folder import check_place
from parfocal.storage.recorded_run import is_run, open_run
from parfocal.storage.recorder_settings import LEAST_FREE_MB, MB

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.rig.rig import Rig
    from parfocal.rig.summary import Summary


def track_config(plan: TrackPlan, slots: int = MOST_SLOTS, stated: Sensor | None = None) -> RigConfig:
    """Return the built-in replay rig for a movie, under a name of its own.

    `slots` frames fit in its ring; `stated` is what the movie says of its counts.
    """
    sensor = sensor_of(plan, stated)
    changes: dict[str, Any] = {
        "camera.options.path": str(plan.file.absolute()),
        "camera.options.sensor": msgspec.to_builtins(sensor),
        "camera.slots": slots,
        "tracker.roi_px": plan.roi_px,
        "tracker.workers": plan.workers,
        **{f"tracker.{name}": getattr(sensor, name) for name in CAMERA},
        "recorder.folder": str(plan.out.absolute()),
    }
    chosen = {name: value for name, value in plan.movie_options().items() if value is not None}
    changes |= {f"camera.options.{name}": value for name, value in chosen.items()}
    config = with_changes(load_source("replay"), changes)
    runs = (config.runs or RunSettings()).model_copy(update={"keep_times": False})
    own = {"name": f"track-{os.getpid()}", "runs": runs}
    return load_config(config.model_copy(update=own))


def run_track(plan: TrackPlan, report: Callable[[JobProgress], None]) -> Summary:
    """Find or load the beads, track every image of the movie, and draw what was found."""
    facts = check_inputs(plan)
    check_place(plan.out, int(LEAST_FREE_MB * MB), remedy="name another folder with --out")
    spec = FrameSpec(shape=facts.shape, dtype=facts.dtype, pixel_size_um=facts.pixel_size_um)
    config = track_config(plan, slots_for(spec, plan.workers, free_shared_bytes()), facts.sensor)
    doubt = open_run(plan.movie).doubt if is_run(plan.movie) else ""
    notes = (*notes_on(facts), *filter(None, (doubt,)), FIRST_START)
    report(JobProgress(phase="starting", fraction=0.0, text=plan.movie.name, notes=notes))
    with open_rig(config) as rig:
        beads = choose_beads(rig, plan, report)
        asked = {**msgspec.to_builtins(plan, enc_hook=str), "source": msgspec.to_builtins(facts)}
        name = run_name(file_of(plan.movie))
        done = run_tracked(rig, facts.images, report=report, name=name, notes=asked)
        status = rig.status()
    pixel_size_nm = None if spec.pixel_size_um is None else spec.pixel_size_um * 1e3
    summary = summarise(
        done, status, beads, title=plan.movie.name, pixel_size_nm=pixel_size_nm,
        seconds=facts.frame_rate_hz is not None,
    )  # fmt: skip
    unmeasured = {"p50": float("nan"), "p99": float("nan")}  # its exposures ended long ago
    return msgspec.structs.replace(summary, latency_ms=unmeasured, movie=facts)


def notes_on(facts: MovieFacts) -> tuple[str, ...]:
    """Return what should be known of a movie before its rows are used, a line each."""
    about = f"movie: {facts.format}, {counted(facts.images, 'image')}"
    if facts.frame_rate_hz is not None:
        times = f"times: {facts.frame_rate_hz:g} images a second ({facts.times_from})"
    else:
        times = "times: untold, rows carry the number of the image alone; --fps tells"
    if facts.pixel_size_um is not None:
        size = f"pixel size: {facts.pixel_size_um:g} um ({facts.pixel_size_from})"
    else:
        size = "pixel size: untold, rows are in pixels; --pixel-size-um tells"
    unread = [f"left unread: {words}" for words in facts.unread]
    return (about, *([times] if facts.images > 1 else []), size, *unread, *facts.remarks)


def run_name(movie: Path) -> str:
    """Return the name of a run after its movie; `parfocal.storage.folder.safe_name` makes it safe.

    Examples
    --------
    >>> run_name(Path("/data/bead [3] 100%.ome.tif")), run_name(Path("runs/2026-03-01T14-05-09_beads"))
    ('bead [3] 100%', 'beads')
    """
    stem = movie.name.partition(".ome.")[0].removesuffix(movie.suffix)
    return re.sub(r"^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d_?", "", stem)


def choose_beads(rig: Rig, plan: TrackPlan, report: Callable[[JobProgress], None]) -> int:
    """Load the beads, or find them in an early image; return how many there are."""
    report(JobProgress(phase="finding beads", fraction=0.0))
    tracker = rig["tracker"]
    if plan.rois is None:
        if found := find_in(plan):
            tracker.add_rois(found, timeout_s=30.0)
    else:
        tracker.load_rois(path=str(plan.rois.absolute()), timeout_s=30.0)
    if plan.zlut is not None:
        tracker.load_tables(path=str(plan.zlut.absolute()), timeout_s=30.0)
    return len(tracker.list_rois().rois)
