"""Statuses of a run in each of its states, with the plan that they belong to."""

from __future__ import annotations

from typing import Any

import msgspec

from parfocal.core.run_status import (
    FocusCounts,
    QueueDepth,
    RunCommand,
    RunError,
    RunErrors,
    RunForecast,
    RunStatus,
    Stimulations,
)
from parfocal.runs import Schedule, Sequence, combine, confirm, wait
from parfocal.runs.plans.outline import outline_of

PLACES = [(120.0 * x + 25 * (y % 2), 110.0 * y) for y in range(4) for x in range(5)]
SEQUENCE = {
    "time_plan": {"interval": 60, "loops": 4},
    "stage_positions": PLACES,
    "channels": ["nucleus"],
}
PLAN = combine(
    Sequence(**SEQUENCE),
    wait(90),
    confirm("Is the drug in?"),
    Sequence(**SEQUENCE, stim_channels=[{"config": "stimulation", "exposure": 10}], stim_frames="every 2"),
)
OUTLINE = outline_of(Schedule(PLAN), 600)
EVENT = next(PLAN.events(95))
COMMANDS = (
    RunCommand(command="pause", at=1.79e9, by="notebook 4711", details={"reason": "a bubble"}),
    RunCommand(command="resume", at=1.79e9 + 40, by="parfocal resume", details={"policy": "shift"}),
)
RUNNING = RunStatus(
    run="drug",
    state="running",
    events_total=len(PLAN),
    event_number=EVENT.number,
    event_kind=EVENT.kind,
    event_index=EVENT.index,
    events_consumed=EVENT.number,
    events_acquired=EVENT.number,
    frames_received=91,
    frames_stored=90,
    elapsed_s=395.0,
    scheduled_s=EVENT.min_start_time or 0.0,
    remaining_s=PLAN.duration_s - (EVENT.min_start_time or 0.0),
    lag_ms=38.0,
    created_at=1.0,
    stimulations=Stimulations(asked=6, fired=6),
    autofocuses=FocusCounts(found=12),
    queues={"camera": QueueDepth(depth=3, maximum=64), "pipeline": QueueDepth(depth=53, maximum=64)},
    commands=COMMANDS,
    folder="/data/2026-03-01/14-05-09_drug",
    forecast=RunForecast(duration_s=690.0),
)
ERRORS = RunErrors(
    count=7,
    last=(
        RunError(source="xy", type="DeviceError", message="the stage does not answer", event=91),
        RunError(source="recorder", type="SinkError", message="no space left on /data", event=94),
    ),
)
FORECAST = RunForecast(
    duration_s=690.0,
    largest_move_um=583.1,
    disk_bytes=1_340_000_000,
    disk_free_bytes=96_000_000_000,
    analysis_s=0.021,
    warnings=("position 0 will be 2 s late from time point 1 on: batches of 10, or an interval of 72 s",),
)
SILENT = "service 'runs' has not answered command 'statuses' within 2 s"


def changed(**changes: Any) -> RunStatus:
    return msgspec.structs.replace(RUNNING, **changes)


def ended(outcome: str, reason: str = "", **changes: Any) -> RunStatus:
    return changed(
        state="ended", outcome=outcome, reason=reason, queues={}, remaining_s=0.0, finished_at=9.0, **changes
    )


DONE = {"events_consumed": len(PLAN), "events_acquired": len(PLAN), "event_number": len(PLAN) - 1}
STATES: dict[str, RunStatus] = {
    "prepared": RunStatus(
        run="drug", state="prepared", events_total=len(PLAN), created_at=1.0, forecast=FORECAST
    ),
    "waiting": changed(state="waiting", event_kind="wait", event_number=80, wait_remaining_s=74.0),
    "acquiring": RUNNING,
    "paused": changed(state="paused", reason="a bubble", lag_ms=6200.0),
    "question": changed(
        state="waiting", event_kind="confirm", event_number=81, question="Is the drug in?", errors=ERRORS
    ),
    "stopping": changed(state="draining", reason="from the window"),
    "complete": ended("complete", frames_received=172, frames_stored=180, **DONE),
    "incomplete": ended(
        "incomplete: lost 2", "the disk was too slow", events_dropped={"lost": 2}, errors=ERRORS, **DONE
    ),
    "failed": ended("failed", "xy: DeviceError: the stage does not answer", errors=ERRORS),
    "silent": changed(),
}
