"""``parfocal demo tweezers``: a whole magnetic-tweezers experiment on simulated devices."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameSpec
from parfocal.rig.config import RigConfig, load_config, with_changes
from parfocal.rig.job import JobProgress, result_reported
from parfocal.rig.opening import load_source
from parfocal.rig.results import summarise
from parfocal.rig.ring_size import free_shared_bytes, slots_for
from parfocal.rig.tracked_run import run_tracked
from parfocal.rig.viewing import follow, watched_rig
from parfocal.runs.settings import RunSettings
from parfocal.storage.folder import check_place
from parfocal.storage.recorder_settings import LEAST_FREE_MB, MB

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.rig.rig import Rig
    from parfocal.rig.summary import Summary

PIXEL_SIZE_NM = 100.0
STRONG_NM = 500_000.0
"""Where the magnet pulls so hard that tethered beads stand still enough for their tables."""
WORKING_NM = 2_000_000.0
PITCH_PX = 96
MARGIN_PX = 64
LEAST_PX = 64
MOST_SLOTS = 128


class DemoPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to simulate, track and record."""

    seconds: float = 10.0
    fps: float = 100.0
    beads: int = 50
    size: tuple[int, int] | None = None
    workers: int = 1
    record_frames: bool = False
    out: Path = Path("runs")
    seed: int = 0
    view: bool = False

    def __post_init__(self) -> None:
        for name in ("seconds", "fps"):
            if not getattr(self, name) > 0:
                raise BadInputError(f"{name} must be positive, not {getattr(self, name):g}")
        if self.beads < 1 or self.workers < 1 or self.seed < 0:
            raise BadInputError("beads and workers must be 1 or more, and seed must not be negative")
        if min(self.size_px) < LEAST_PX:
            raise BadInputError(f"size must be {LEAST_PX} by {LEAST_PX} px or more, not {self.size}")

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height: as asked for, or what holds the beads at `PITCH_PX` from one another."""
        if self.size is not None:
            return self.size
        columns = max(3, math.ceil(math.sqrt(self.beads * 4 / 3)))
        rows = max(3, math.ceil(self.beads / columns))
        return columns * PITCH_PX + MARGIN_PX, rows * PITCH_PX + MARGIN_PX

    @property
    def frames(self) -> int:
        """How many frames."""
        return max(1, round(self.seconds * self.fps))


def demo_config(plan: DemoPlan) -> RigConfig:
    """Return the built-in tweezers rig, as the plan wants it, under a name of its own.

    Examples
    --------
    >>> demo_config(DemoPlan(workers=2)).services["tracker"].settings["workers"]
    2
    """
    width, height = plan.size_px
    spec = FrameSpec(shape=(height, width), dtype="uint16")
    changes: dict[str, Any] = {
        "camera.slots": slots_for(spec, plan.workers, free_shared_bytes(), most=MOST_SLOTS),
        "camera.options.width_px": width,
        "camera.options.height_px": height,
        "camera.options.beads": plan.beads,
        "camera.options.frame_rate_hz": plan.fps,
        "camera.options.exposure_ms": min(5.0, 500.0 / plan.fps),
        "camera.options.seed": plan.seed,
        "tracker.workers": plan.workers,
        "recorder.folder": str(plan.out),
    }
    if plan.record_frames:
        changes["recorder.frames"] = "camera"
    config = with_changes(load_source("tweezers"), changes)
    own = {"name": f"demo-{os.getpid()}", "runs": RunSettings(need_usable_rows=True, keep_times=False)}
    return load_config(config.model_copy(update=own))


def run_demo(plan: DemoPlan, report: Callable[[JobProgress], None]) -> Summary:
    """Find the beads, build their tables in a focus sweep, measure, and compare with the truth."""
    check_place(plan.out, int(LEAST_FREE_MB * MB), remedy="name another folder with --out")
    config = demo_config(plan)
    with watched_rig(config, "simulated tweezers", report, view=plan.view) as (rig, viewer):
        if viewer is not None:
            follow(rig, "camera", viewer)
        beads = prepare(rig, report)
        asked = msgspec.to_builtins(plan, enc_hook=str)
        done = run_tracked(rig, plan.frames, report=report, name="demo", notes=asked)
        status = rig.status()
    return summarise(
        done, status, beads, title="Simulated tweezers", pixel_size_nm=PIXEL_SIZE_NM, seconds=True
    )


def prepare(rig: Rig, report: Callable[[JobProgress], None]) -> int:
    """Find the beads and build their z tables, as one does on the bench; return how many there are."""
    rig["camera"].start()
    report(JobProgress(phase="finding beads", fraction=0.0))
    found = rig["tracker"].find_beads(timeout_s=60.0).rois
    if found:
        rig["magnet"].move_to(STRONG_NM, timeout_s=30.0)
        sweep = rig["tracker"].submit("build_tables", timeout_s=300.0)
        result_reported(sweep, "focus sweep", report)
        rig["magnet"].move_to(WORKING_NM, timeout_s=30.0)
    rig["camera"].stop()
    return len(found)
