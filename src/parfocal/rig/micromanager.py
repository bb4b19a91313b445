"""``parfocal demo micromanager``: time points, channels and planes on devices of Micro-Manager."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.rig.config import RigConfig, load_config, with_changes
from parfocal.rig.opening import load_source
from parfocal.rig.optogenetics import follow_run
from parfocal.rig.viewing import follow, watched_rig
from parfocal.runs import Sequence
from parfocal.runs.handle import result_of
from parfocal.runs.settings import RunSettings
from parfocal.storage.folder import check_place
from parfocal.storage.recorded_run import open_run
from parfocal.storage.recorder_settings import LEAST_FREE_MB, MB

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.run_status import RunStatus
    from parfocal.rig.job import JobProgress
    from parfocal.storage.recorded_run import RecordedRun

EXPOSURE_MS = 10.0
_MOST_CHANNELS = 4
_PICTURE = "images.png"
_PANEL_IN, _DPI = 2.0, 110


class MicroManagerPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is imaged, on which devices, and where the record goes."""

    time_points: int = 3
    interval: float = 1.0
    planes: int = 5
    configuration: str = "demo"
    out: Path = Path("runs")
    view: bool = False

    def __post_init__(self) -> None:
        for name, most in (("time_points", 100_000), ("planes", 100)):
            if not 1 <= getattr(self, name) <= most:
                raise BadInputError(f"{name} must be 1 to {most}, not {getattr(self, name)}")
        if not 0 <= self.interval < math.inf:
            raise BadInputError(f"interval must be a time, 0 s or more, not {self.interval:g}")


class AcquisitionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of time points, channels and planes came to, by its record.

    Attributes
    ----------
    outcome, reason, run : str
        How it ended and why, and the folder of its record.
    events_total, events_acquired : int
        Of the plan.
    images : int
        In the record.
    shape : tuple of int
        Of all images: t, p, c, z, y, x.
    mean_counts : dict of str to float
        Of each channel.
    heights_um : tuple of float
        Where the focus stood in each plane, as it was read back.
    picture : str or None
        Each channel in each plane at the last time point; None without images.
    """

    outcome: str
    reason: str
    run: str
    events_total: int
    events_acquired: int
    images: int
    shape: tuple[int, ...] = ()
    mean_counts: dict[str, float] = {}
    heights_um: tuple[float, ...] = ()
    picture: str | None = None


def micromanager_config(plan: MicroManagerPlan) -> RigConfig:
    """Return the built-in rig, as the plan wants it, under a name of its own.

    Examples
    --------
    >>> config = micromanager_config(MicroManagerPlan(configuration="mine.cfg"))
    >>> config.services["camera"].settings["options"]["configuration"]
    'mine.cfg'
    """
    changes: dict[str, Any] = {
        "camera.options.configuration": plan.configuration,
        "recorder.folder": str(plan.out),
    }
    if plan.configuration != "demo":
        changes["camera.options.properties"] = {}
    config = with_changes(load_source("micromanager"), changes)
    own = {"name": f"demo-{os.getpid()}", "runs": RunSettings(keep_times=False)}
    return load_config(config.model_copy(update=own))


def micromanager_sequence(plan: MicroManagerPlan, channels: list[str]) -> Sequence:
    """Return what is imaged when.

    Examples
    --------
    >>> len(micromanager_sequence(MicroManagerPlan(time_points=2, planes=3), ["DAPI", "FITC"]))
    12
    """
    return Sequence(
        time_plan={"interval": plan.interval, "loops": plan.time_points},
        channels=[{"config": name, "exposure": EXPOSURE_MS} for name in channels],
        z_plan={"range": float(plan.planes - 1), "step": 1.0},
    )


def run_micromanager(plan: MicroManagerPlan, report: Callable[[JobProgress], None]) -> AcquisitionSummary:
    """Carry out the plan, open its record, compare it with the plan, and draw it.

    Ctrl-C in the run cancels it: what was acquired up to then is saved.
    """
    check_place(plan.out, int(LEAST_FREE_MB * MB), remedy="name another folder with --out")
    config = micromanager_config(plan)
    with watched_rig(config, "Micro-Manager", report, view=plan.view) as (rig, viewer):
        if viewer is not None:
            follow(rig, "camera", viewer)
        presets = rig["channels"].presets()
        channels = [name for name, preset in presets.items() if not preset.refused][:_MOST_CHANNELS]
        asked = msgspec.to_builtins(plan, enc_hook=str)
        handle = rig.run(micromanager_sequence(plan, channels), name="demo", notes=asked)
        status = follow_run(handle, report, "acquiring")
    if not status.folder:
        result_of(status)
    return summarise_acquisition(status, channels)


def summarise_acquisition(status: RunStatus, channels: list[str]) -> AcquisitionSummary:
    """Return what the record of a run holds, and draw it."""
    run = open_run(status.folder)
    images, taken = len(run.frames("camera")), run.events()
    summary = AcquisitionSummary(
        outcome=status.outcome,
        reason=status.reason,
        run=status.folder,
        events_total=status.events_total,
        events_acquired=status.events_acquired,
        images=images,
    )
    if not images:
        return summary
    path = Path(status.folder) / _PICTURE
    draw_acquisition(run, channels, path)
    heights = {int(z): float(np.median(taken["z_um"][taken["z"] == z])) for z in np.unique(taken["z"])}
    return msgspec.structs.replace(
        summary,
        shape=tuple(run.frames("camera").shape),
        mean_counts={name: _mean_counts(run, c) for c, name in enumerate(channels)},
        heights_um=tuple(heights.values()),
        picture=str(path),
    )


def draw_acquisition(run: RecordedRun, channels: list[str], path: Path) -> None:
    """Write a PNG with the last image of each channel (a line for each) in each plane."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    planes = run.frames("camera").indices["z"]
    last = max(index["t"] for index, _, _ in run.frames("camera").unread())
    size = (_PANEL_IN * len(planes), _PANEL_IN * len(channels) + 0.4)
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(channels), len(planes), squeeze=False)
    for c, name in enumerate(channels):
        for column, z in enumerate(planes):
            (image,) = run.frames("camera", t=last, p=0, c=c, z=z).planes()
            panels[c, column].imshow(image, cmap="gray", vmin=0)
            panels[c, column].set(xticks=[], yticks=[], title=f"z = {z}" if c == 0 else "")
        panels[c, 0].set_ylabel(name)
    figure.savefig(path, format="png")


def _mean_counts(run: RecordedRun, c: int) -> float:
    """Return the mean of the pixels of a channel; NaN if it has no image."""
    means = [float(read().mean()) for _, _, read in run.frames("camera", c=c).unread()]
    return float(np.mean(means)) if means else math.nan
