"""``parfocal demo optogenetics``: a closed loop from the image of cells to light on those that are chosen."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.rig.job import JobProgress, result_reported
from parfocal.rig.loop_results import summarise_loop
from parfocal.rig.optogenetics_plan import (
    REPORTER,
    OptogeneticsPlan,
    every_second_cell,
    optogenetics_config,
    optogenetics_sequence,
)
from parfocal.rig.viewing import watched_rig
from parfocal.runs.handle import result_of
from parfocal.runs.status_text import progress_text
from parfocal.storage.folder import check_place
from parfocal.storage.recorded_run import open_run
from parfocal.storage.recorder_settings import LEAST_FREE_MB, MB

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.run_status import RunStatus
    from parfocal.rig.loop_summary import LoopSummary
    from parfocal.rig.rig import Rig
    from parfocal.runs.handle import RunHandle

_LOOK_S = 0.1
_CALIBRATION_S = 120.0
_COMPARED = 200
_PHASES = {"draining": "saving", "ended": "saving"}


def run_optogenetics(plan: OptogeneticsPlan, report: Callable[[JobProgress], None]) -> LoopSummary:
    """Calibrate the modulator, carry out the closed loop, and compare the light with what was wanted.

    Ctrl-C in the run cancels it: what was acquired up to then is saved.
    """
    wanted = optogenetics_sequence(plan)
    check_place(plan.out, int(LEAST_FREE_MB * MB), remedy="name another folder with --out")
    with (
        TemporaryDirectory() as folder,
        watched_rig(
            optogenetics_config(plan, Path(folder) / "calibration.json"),
            "simulated optogenetics",
            report,
            view=plan.view,
        ) as (rig, viewer),
    ):
        residual_px = _calibrate(rig, report)
        handle = rig.run(
            wanted,
            name="demo",
            notes=msgspec.to_builtins(plan, enc_hook=str),
            pipeline=every_second_cell(),
        )
        if viewer is not None:
            viewer.follow(handle)
        status = follow_run(handle, report)
        if not status.folder:
            result_of(status)
        report(JobProgress(phase="comparing", fraction=0.0, run=status.folder))
        mask_iou = compare_masks(rig, Path(status.folder))
    return summarise_loop(
        status,
        reporter=REPORTER,
        calibration_px=residual_px,
        mask_iou=mask_iou,
        title="Simulated optogenetics: every second cell is lit",
    )


def _calibrate(rig: Rig, report: Callable[[JobProgress], None]) -> float:
    """Find out where the camera's pixels lie on the modulator; return how well that is known, px."""
    call = rig["modulator"].submit("calibrate", timeout_s=_CALIBRATION_S)
    return float(result_reported(call, "calibrating", report).residual_px)


def follow_run(
    handle: RunHandle, report: Callable[[JobProgress], None], going: str = "closed loop"
) -> RunStatus:
    """Tell how far a run is until it has ended; Ctrl-C cancels it. Return its final status."""
    while True:
        try:
            status = handle.status()
            done = status.events_consumed / status.events_total if status.events_total else 0.0
            phase = _PHASES.get(status.state, going)
            report(JobProgress(phase=phase, fraction=done, text=progress_text(status), run=status.folder))
            if status.ended:
                return status
            SYSTEM_CLOCK.sleep(_LOOK_S)
        except KeyboardInterrupt as interrupt:
            handle.cancel(str(interrupt) or "Ctrl-C")


def compare_masks(rig: Rig, folder: Path) -> dict[str, float]:
    """Return how well the masks of a run were lit: intersection over union with what the simulation lit.

    Of the last stimuli, as many as the simulated camera remembers; NaN if none was fired.
    """
    from parfocal.devices.simulated.optogenetics.lit_region import intersection_over_union

    run = open_run(folder)
    stimuli = run.stimulations()
    found = []
    for row in stimuli[stimuli["lit_px"] > 0][-_COMPARED:]:
        t, p = int(row["t"]), int(row["p"])
        (frame,) = run.frames("camera", t=t, p=p, c="stimulation")
        lit = rig["camera"].lit_region(frame.header.event)
        mask = np.asarray(run.frames("masks", t=t, p=p))
        found.append(intersection_over_union(mask, row["x_um"], row["y_um"], lit.pixel_size_um, lit))
    if not found:
        return {"min": float("nan"), "mean": float("nan")}
    return {"min": min(found), "mean": float(np.mean(found))}
