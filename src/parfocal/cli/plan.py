"""``parfocal plan``: what a plan asks for, event by event. Nothing is started."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.table import Table
from rich.text import Text

from parfocal.cli.exits import Exit
from parfocal.cli.output import console, print_json
from parfocal.cli.own_modules import find_own_modules
from parfocal.core.counted import counted
from parfocal.core.run_status import StimMode
from parfocal.rig.plan_report import KnownRig, first_and_last, known_rig, report_of
from parfocal.runs.conditions.interlocks import interlocks_to_data
from parfocal.runs.pipeline.pipeline import pipeline_to_data
from parfocal.runs.pipeline.plan_check import check_plan
from parfocal.runs.pipeline.requested_run import requested_run
from parfocal.runs.plans.field_of_view import tiled
from parfocal.runs.plans.origin import at_origin
from parfocal.runs.status_text import clock_text

if TYPE_CHECKING:
    from rich.console import Console

    from parfocal.rig.plan_report import PlanReport
    from parfocal.runs.pipeline.request import PipelineRequest
    from parfocal.runs.plans.event import Event

_MOST_NAMES = 8


def plan(
    plan: Path,
    *,
    rig: str | None = None,
    pipeline: str = "",
    stim_mode: StimMode | None = None,
    most: int = 20,
    json: bool = False,
) -> int:
    """Show what a plan asks for: events with their times, places, the largest move, how long it takes.

    Nothing is started and nothing is moved. Of places that are told from where the stages stand the distance
    to there is shown.

    Parameters
    ----------
    plan
        YAML, TOML or JSON file with the plan, ours or of useq-schema; it may hold a pipeline, too.
    rig
        Check it against this rig: its channels, the speeds of its stages; of one that runs the disk needed,
        too. A built-in rig or a file is only read.
    pipeline
        Check it with this pipeline, "module:object", instead of that in the file, and show its steps.
    stim_mode
        From which image the mask of a stimulus is made: of its time point, or of the one before; by default
        as the file says, else of its time point.
    most
        How many events are shown; of more the first and the last ones.
    json
        Print everything as one JSON object.

    Examples
    --------
    parfocal plan plan.yaml

    parfocal plan plan.yaml --rig microscope --most 50

    parfocal plan plan.yaml --pipeline steps:pipeline

    parfocal plan plan.yaml --json
    """
    facts = KnownRig() if rig is None else known_rig(rig)
    find_own_modules(plan)
    asked = requested_run(plan, pipeline or None, stim_mode)
    wanted, request = tiled(asked.plan, facts.field_um), asked.pipeline
    report = report_of(wanted, facts)
    if request is not None:
        check_plan(at_origin(wanted, x_um=0, y_um=0, z_um=0).events(), request)
    first, last = first_and_last(wanted, most)
    left_out = report.events_total - len(first) - len(last)
    if json:
        events = [msgspec.structs.asdict(event) for event in (*first, *last)]
        known = {"plan": str(plan), "rig": facts.rig, **msgspec.structs.asdict(report)}
        if request is not None:
            known |= {"pipeline": pipeline_to_data(request.pipeline), "stim_mode": request.mode}
        if asked.interlocks:
            known |= {"interlocks": interlocks_to_data(asked.interlocks)}
        print_json({**known, "events": events, "events_left_out": left_out})
        return Exit.OK
    shown = console()
    _summarise(report, facts, shown)
    if request is not None:
        _show_steps(request, shown)
    for interlock in asked.interlocks:
        told = f"{interlock.condition.words}, or the run is to {interlock.breach}"
        shown.print(Text.assemble((f"{'interlock':13}", "bold"), f"{interlock.name}: {told}"))
    if most:
        shown.print(_table(first, last, left_out))
    return Exit.OK


def _show_steps(request: PipelineRequest, shown: Console) -> None:
    pipeline = request.pipeline
    for name, step in pipeline.steps():
        settings = "  ".join(f"{setting}={value!r}" for setting, value in step.settings.items())
        shown.print(Text.assemble((f"{name:13}", "bold"), f"{step.call}  {settings}".rstrip()))
    workers = counted(pipeline.workers, "worker")
    waits = f"{workers}, a queue of {pipeline.queue}, {pipeline.deadline_s:g} s for a mask"
    shown.print(Text.assemble((f"{'pipeline':13}", "bold"), f"{waits}; late: {pipeline.late}"))
    image = "its time point" if request.mode == "current" else "the time point before"
    shown.print(Text.assemble((f"{'masks':13}", "bold"), f"from the image of {image}"))


def _summarise(report: PlanReport, facts: KnownRig, shown: Console) -> None:
    axes = "  ".join(f"{axis} {size}" for axis, size in report.shape.items())
    predicted = f", with exposures and known moves {clock_text(report.predicted_s)}"
    lines = {
        "events": f"{report.events_total}, {_frames_of(report)}; {axes}",
        "channels": _listed(report.channels) or "the light as it is",
        "positions": _listed(report.positions) or "none",
        "largest move": f"{report.largest_move_um:.4g} um",
        "takes": clock_text(report.duration_s) + predicted,
    }
    if report.relative_to_stages:
        axes = ", ".join(report.relative_to_stages)
        lines["relative"] = f"{axes} are told from where the stages stand when the run begins"
    if report.disk_bytes is not None:
        lines["disk"] = f"{report.disk_bytes / 1e6:.4g} MB for {report.frames} frames, before compression"
    elif facts.rig:
        lines["disk"] = f"not known while the camera of {facts.rig!r} does not run"
    if report.conditions:
        lines["takes"] += ", and as long as its conditions take"
        lines["conditions"] = _listed(report.conditions)
    if report.late:
        lines["late"] = report.late
    for name, text in lines.items():
        shown.print(Text.assemble((f"{name:13}", "bold"), (text, "bold red" if name == "late" else "")))


def _frames_of(report: PlanReport) -> str:
    images = counted(report.frames - report.stimuli, "image")
    stimuli = counted(report.stimuli, "stimulus", "stimuli")
    return f"{images}, {stimuli}" if report.stimuli else images


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _table(first: list[Event], last: list[Event], left_out: int) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("event", "s", "kind", "t p c z", "channel", "ms", "position", "x y z / um"):
        table.add_column(name, justify="right" if name in ("event", "s", "ms") else "left")
    for event in first:
        table.add_row(*_row(event))
    if left_out:
        table.add_row("...", "", f"{left_out} more")
    for event in last:
        table.add_row(*_row(event))
    return table


def _row(event: Event) -> tuple[str | Text, ...]:
    start, exposure = event.min_start_time, event.exposure_ms
    place = " ".join("-" if value is None else f"{value:g}" for value in (event.x_um, event.y_um, event.z_um))
    said = event.text or (f"{event.duration_s:g} s" if event.kind == "wait" else event.channel)
    return (
        str(event.number),
        "" if start is None else f"{start:.6g}",
        event.kind,
        " ".join(str(number) for number in event.index.values()),
        Text(said),
        "" if exposure is None else f"{exposure:g}",
        Text(event.position),
        place if event.is_placed else "",
    )
