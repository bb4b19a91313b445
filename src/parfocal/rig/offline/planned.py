"""The events that a recorded run had to carry out, put together from the plans that it was given."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from parfocal.runs.plans.origin import at_origin
from parfocal.runs.plans.plan_data import plan_from_data
from parfocal.runs.plans.schedule import Schedule

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from parfocal.runs.plans.plan import Plan
    from parfocal.storage.plan_record import PlanFile
    from parfocal.storage.recorded_run import RecordedRun

_CHANGES = ("extend", "replace_future")


def schedule_of(run: RecordedRun, log: NDArray[Any]) -> Schedule | None:
    """Return what a run had to do in the end; its events have the numbers that they have in its record.

    Parameters
    ----------
    run : RecordedRun
        The record. Of one that went on with another plan, was extended, or had its future replaced, each
        plan counts from where it took over.
    log : structured ndarray (n,)
        What became of its events: `RecordedRun.events`.

    Returns
    -------
    Schedule or None
        None of a run that was given no plan.
    """
    given = run.manifest.plans
    if not given:
        return None
    schedule = Schedule(_plan_in(run, given[0]))
    for before, after in pairwise(given):
        plan, span = _plan_in(run, after), (before.at.utc_ns * 1e-9, after.at.utc_ns * 1e-9)
        commands = (one for one in run.manifest.commands if one.command in _CHANGES)
        change = next((one for one in commands if span[0] < one.at <= span[1]), None)
        if change is None:  # the run had ended, and went on
            done = log["number"][(log["time_ns"] >= 0) & (log["time_ns"] < after.at.monotonic_ns)]
            schedule = schedule.with_future(min(len(schedule), int(done.max(initial=-1)) + 1), plan)
        elif change.command == "extend":
            schedule = schedule.extended(plan)
        else:
            schedule = schedule.with_future(change.event + 1, plan)
    return schedule


def _plan_in(run: RecordedRun, file: PlanFile) -> Plan:
    """Return a plan of the record; where it depends on where the stages stood, as if that was at 0."""
    plan = plan_from_data(msgspec.json.decode((run.folder / file.file).read_bytes()))
    return at_origin(plan, x_um=0.0, y_um=0.0, z_um=0.0) if plan.needs_origin else plan
