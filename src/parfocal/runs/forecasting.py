"""What a run is expected to need: how long it takes, its largest move, the disk, and what to be warned of."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING

from parfocal.core.run_status import RunForecast
from parfocal.runs.disk_forecast import disk_forecast
from parfocal.runs.forecast.feasibility import feasibility_from
from parfocal.runs.status_text import clock_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.runs.disk_forecast import DiskForecast
    from parfocal.runs.forecast.feasibility import Feasibility
    from parfocal.runs.forecast.prediction import Prediction
    from parfocal.runs.instruments.rig_facts import RigFacts
    from parfocal.runs.plans.schedule import Schedule
    from parfocal.runs.plans.survey import PlanSurvey

_NEARLY_FULL = 0.8
_MOST_CHECKS = 3


def foreseen(
    schedule: Schedule,
    prediction: Prediction,
    wanted: PlanSurvey,
    facts: RigFacts,
    *,
    first: int = 0,
    most: int | None = None,
    remarks: Iterable[str] = (),
) -> RunForecast:
    """Return what a run is expected to need.

    Parameters
    ----------
    schedule : Schedule
        Its events.
    prediction : Prediction
        What comes next is expected by it; it is used up.
    wanted : PlanSurvey
        What the events ask for.
    facts : RigFacts
        What the instruments are like.
    first : int
        The next event.
    most : int or None
        How many are looked at for what is late; None for all.
    remarks : iterable of str
        What else a person should know.
    """
    found = feasibility_from(prediction, islice(schedule.events(first), most))
    duration_s = duration_of(schedule.duration_s, len(schedule) - first, found)
    called_s = sum(event.call.expected_s for event in wanted.calls if event.call is not None)
    need = disk_forecast(wanted, facts)
    return forecast_of(wanted, facts, duration_s + called_s, need, (found.text, *remarks))


def duration_of(planned_s: float, events: int, found: Feasibility) -> float:
    """Return how long a schedule takes, of which only the first events may have been looked at.

    Whatever these are behind the plan grows with the events that follow.

    Examples
    --------
    >>> from parfocal.runs.forecast.feasibility import Feasibility
    >>> duration_of(10.0, 100, Feasibility(duration_s=12.5, events=100, behind_s=2.0))
    12.5
    >>> duration_of(10.0, 100, Feasibility(duration_s=6.0, events=50, behind_s=2.0))
    14.0
    """
    if found.events >= events:
        return max(planned_s, found.duration_s)
    return planned_s + found.behind_s * events / found.events


def forecast_of(
    wanted: PlanSurvey, facts: RigFacts, duration_s: float, need: DiskForecast, remarks: Iterable[str] = ()
) -> RunForecast:
    """Return a forecast, with a warning for each thing that may go wrong; remarks are such, "" is left out.

    Examples
    --------
    >>> from parfocal.runs import acquire
    >>> from parfocal.runs.instruments.rig_facts import RigFacts
    >>> from parfocal.runs.plans.survey import survey
    >>> plan = acquire(100)
    >>> facts = RigFacts(stored_bytes={"frames": 1000}, disk_free_bytes=110_000)
    >>> wanted = survey(plan.events(), {})
    >>> forecast_of(wanted, facts, 10.0, disk_forecast(wanted, facts)).warnings
    ('its frames take up to 91 % of the free disk, before compression',)
    """
    free = facts.disk_free_bytes
    warnings = []
    if free is None:
        warnings.append("nothing is recorded: the rig has no recorder, or it records another run")
    elif need.total > free * _NEARLY_FULL:
        part = need.total / free if free > 0 else math.inf
        warnings.append(f"its frames take up to {100 * part:.0f} % of the free disk, before compression")
    if wanted.checks:
        told = [check.words for check in wanted.checks[:_MOST_CHECKS]]
        more = len(wanted.checks) - len(told)
        listed = "; ".join((*told, *((f"and {more} more",) if more else ())))
        warnings.append(f"how long it takes depends on conditions, and nobody knows it: {listed}")
    if wanted.endless:
        warnings.append(f"the camera runs until somebody ends it: {_endless_text(need.per_s, free)}")
    return RunForecast(
        duration_s=duration_s,
        largest_move_um=wanted.largest_move_um,
        disk_bytes=need.total,
        disk_parts=need.parts,
        disk_free_bytes=free,
        warnings=(*warnings, *filter(None, remarks)),
    )


def _endless_text(per_s: float, free: int | None) -> str:
    """Return how fast the disk fills, in words.

    Examples
    --------
    >>> _endless_text(2e6, 36 * 10**9)
    'it takes up to 2 MB of disk a second, and what is free lasts for 5:00:00'
    """
    if not per_s or free is None:
        return "nobody knows how much disk it takes"
    told = clock_text(max(0, free) / per_s)
    return f"it takes up to {per_s / 1e6:.3g} MB of disk a second, and what is free lasts for {told}"
