"""``parfocal track``: the beads of a movie, through the same camera, tracker and recorder as a live one."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.analysis.beads.fitting import fitting_tables
from parfocal.analysis.beads.rois import RoiSet
from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.frames import FrameSpec
from parfocal.devices.replay.source import open_source
from parfocal.rig.config import RigConfig, load_config, with_changes
from parfocal.rig.keeping import keep_beads
from parfocal.rig.measurement import Progress, measure
from parfocal.rig.opening import load_source, open_rig
from parfocal.rig.results import summarise
from parfocal.storage.folder import check_place
from parfocal.storage.recorder import LEAST_FREE_MB, MB
from parfocal.tracking import find_beads

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.rig.rig import Rig
    from parfocal.rig.summary import Summary


class TrackPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which movie, which beads, which tables, which camera. Without `rois` the beads are found in a frame."""

    movie: Path
    rois: Path | None = None
    roi_px: int = 64
    zlut: Path | None = None
    gain_e_per_adu: float = 1.0
    offset_adu: float = 0.0
    read_noise_e: float = 0.0
    out: Path = Path("runs")
    workers: int = 1

    def __post_init__(self) -> None:
        for name in ("movie", "rois", "zlut"):
            path = getattr(self, name)
            if path is not None and not path.exists():
                raise BadInputError(f"{name}: there is nothing at {path}")
        if self.roi_px % 2 or not 8 <= self.roi_px <= 256:
            raise BadInputError(f"roi_px must be even and from 8 to 256, not {self.roi_px}")
        if self.workers < 1:
            raise BadInputError(f"workers must be 1 or more, not {self.workers}")


def check_inputs(plan: TrackPlan) -> None:
    """Open the movie, the regions and the tables before anything is started.

    Raises
    ------
    BadInputError
        If one of them is something else, or does not fit the others.
    """
    try:
        source = open_source(plan.movie)
    except DeviceError as error:
        raise BadInputError(f"movie: {error}") from error
    height, width = source.shape
    source.close()
    rois = RoiSet(roi_px=plan.roi_px, width_px=width, height_px=height)
    if plan.rois is not None:
        rois = rois.loaded(plan.rois)
    if plan.zlut is not None:
        fitting_tables(plan.zlut, rois, count=plan.rois is not None)


def track_config(plan: TrackPlan) -> RigConfig:
    """Return the built-in replay rig for a movie, under a name of its own."""
    changes: dict[str, Any] = {
        "camera.options.path": str(plan.movie.absolute()),
        "tracker.roi_px": plan.roi_px,
        "tracker.workers": plan.workers,
        "tracker.gain_e_per_adu": plan.gain_e_per_adu,
        "tracker.offset_adu": plan.offset_adu,
        "tracker.read_noise_e": plan.read_noise_e,
        "recorder.folder": str(plan.out.absolute()),
    }
    config = with_changes(load_source("replay"), changes)
    return load_config(config.model_copy(update={"name": f"track-{os.getpid()}"}))


def run_track(plan: TrackPlan, tell: Callable[[Progress], None]) -> Summary:
    """Find or load the beads, track every image of the movie, and draw what was found."""
    check_inputs(plan)
    check_place(plan.out, int(LEAST_FREE_MB * MB))
    config = track_config(plan)
    tell(Progress(phase="starting", fraction=0.0, text=plan.movie.name))
    with open_rig(config) as rig:
        beads = choose_beads(rig, plan, tell)
        done = measure(
            rig, frames=None, plan=msgspec.to_builtins(plan, enc_hook=str), tell=tell, name=plan.movie.stem
        )
        overlay = keep_beads(rig, Path(done.report.run))
        spec, status = rig.stream("camera").spec, rig.status()
    assert isinstance(spec, FrameSpec)
    pixel_size_nm = None if spec.pixel_size_um is None else spec.pixel_size_um * 1e3
    return summarise(done, status, beads, title=plan.movie.name, pixel_size_nm=pixel_size_nm, overlay=overlay)


def choose_beads(rig: Rig, plan: TrackPlan, tell: Callable[[Progress], None]) -> int:
    """Load the beads, or find them in the first image; return how many there are."""
    tell(Progress(phase="finding beads", fraction=0.0))
    tracker = rig["tracker"]
    if plan.rois is None:
        tracker.add_rois(find_in_first_image(plan), timeout_s=30.0)
    else:
        tracker.load_rois(path=str(plan.rois.absolute()), timeout_s=30.0)
    if plan.zlut is not None:
        tracker.load_tables(path=str(plan.zlut.absolute()), timeout_s=30.0)
    return len(tracker.list_rois().rois)


def find_in_first_image(plan: TrackPlan) -> list[tuple[float, float]]:
    """Return x and y of the free-standing beads, best first.

    The image is read from the file: the camera has shown none yet, so that each is tracked and counted once,
    the first one as frame 0.
    """
    with closing(open_source(plan.movie)) as source:
        image = np.empty(source.shape, source.dtype)
        source.read_into(0, image)
    rois = RoiSet(roi_px=plan.roi_px, width_px=image.shape[1], height_px=image.shape[0])
    found = find_beads(image, rois.apart_px)
    return rois.free_of(zip(found["x_px"].tolist(), found["y_px"].tolist(), strict=True), rois.apart_px)
