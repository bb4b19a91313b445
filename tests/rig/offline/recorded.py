"""What tests of records that are worked on again have in common: images, a cluster, and commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from parfocal.core.event_kinds import EVENT_KINDS
from parfocal.core.event_layout import EventLayout, PositionLayout
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.runs import Sequence, plan_to_data
from parfocal.runs.event_log import DTYPE
from parfocal.storage.recording import Recording
from parfocal.storage.requests import RunRequest, Site, StreamRequest
from parfocal.storage.run_manifests import Ended
from parfocal.streams import StreamWriter

SPEC = FrameSpec(shape=(40, 48), dtype="uint16", pixel_size_um=0.5)
TIMES, PLACES = 4, 2
LOST = 12
"""The event whose frame was lost: the last time point of the first position, channel "green"."""
PATIENCE_S = 120.0


def cells_at(t: int, p: int, c: int) -> np.ndarray:
    """Return three squares that move, one pixel a time point, from place to place in another way."""
    image = np.full(SPEC.shape, 10 + c, SPEC.dtype)
    for number in range(3):
        y, x = 4 + 12 * number, 5 + 6 * number + t * (1 if p == 0 else 2)
        image[y : y + 6, x : x + 6] = 400 + 100 * number + 1000 * c
    return image


def write_record(folder: Path) -> Path:
    """Record a run of 4 time points, 2 positions and 2 channels, less one frame; return its folder."""
    plan = Sequence(
        time_plan={"interval": 0, "loops": TIMES},
        stage_positions=[{"x": 0, "y": 0, "name": "left"}, {"x": 90, "y": 0, "name": "right"}],
        channels=["green", "red"],
        metadata={"phase_id": 7, "phase": "light"},
    )
    positions = (PositionLayout(name="left", x_um=0, y_um=0), PositionLayout(name="right", x_um=90, y_um=0))
    layout = EventLayout(
        axes="tpcz", sizes=(TIMES, PLACES, 2, 1), positions=positions, channels=("green", "red")
    )
    (streams := folder / "streams").mkdir()
    site = Site(streams=streams, rig="none", service="recorder", on_error=print)
    with (
        StreamWriter(streams, "camera", SPEC, slots=32) as camera,
        StreamWriter(streams, "run_events", RowSpec.of(DTYPE)) as log,
    ):
        wanted = [StreamRequest(name="camera", events=layout), StreamRequest(name="run_events")]
        recording = Recording.begin(folder / "runs", wanted, RunRequest(plan=plan_to_data(plan)), site)
        recording.start()
        for event in plan.events():
            t, p, c = (event.index[axis] for axis in "tpc")
            frame = FrameHeader(frame=event.number, time_ns=1000 * event.number, event=event.number)
            if event.number != LOST:
                camera.write(cells_at(t, p, c), frame)
            row = np.zeros(1, DTYPE)
            for axis, at in event.index.items():
                row[axis] = at
            row["number"], row["kind"] = event.number, EVENT_KINDS.index("image")
            row["frame"], row["time_ns"], row["x_um"] = event.number, frame.time_ns, event.x_um
            log.write_rows(row)
        recording.finish(Ended(ending="complete", asked={"camera": TIMES * PLACES * 2}))
    return recording.folder.path


class DaskCluster:
    """A `LocalCluster` in a process of its own: that process, and its scheduler's address."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        self.address: str = told["address"]
        self.pid = process.pid


def run_parfocal(*arguments: Any, cwd: Path) -> tuple[int, dict[str, Any], str]:
    """Run a command with ``--json``; return its exit code, its last line, and what it told on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "parfocal", *map(str, arguments), "--json"],
        cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S * 2, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    return done.returncode, json.loads(lines[-1]) if lines else {}, done.stderr
