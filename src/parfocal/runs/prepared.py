"""What is asked for with a run, and what is known of one that is prepared. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from parfocal.core.run_status import RunForecast

if TYPE_CHECKING:
    from parfocal.runs.instruments.rig_facts import RigFacts
    from parfocal.runs.pipeline.request import PipelineRequest
    from parfocal.runs.plans.schedule import Schedule
    from parfocal.runs.plans.survey import PlanSurvey

_NEARLY_FULL = 0.8


@dataclass(frozen=True, kw_only=True)
class StartRequest:
    """What a caller asks for; see `RunService.start`."""

    plan: dict[str, Any]
    name: str = ""
    folder: str = ""
    by_force: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    parent: str = ""
    parts: dict[str, Any] = field(default_factory=dict)
    pipeline: PipelineRequest | None = None


@dataclass(frozen=True, kw_only=True)
class PreparedRun:
    """A run that may be started: nothing is claimed for it.

    Attributes
    ----------
    request : StartRequest
        What was asked for, with its name, and with positions that depend no longer on where the stages stand.
    schedule : Schedule
        Its events.
    wanted : PlanSurvey
        What they need.
    facts : RigFacts
        What the instruments were like.
    needs_origin : frozenset of str
        The axes along which it was made for where the stages stood.
    """

    request: StartRequest
    schedule: Schedule
    wanted: PlanSurvey
    facts: RigFacts
    needs_origin: frozenset[str]


def forecast_of(schedule: Schedule, wanted: PlanSurvey, facts: RigFacts) -> RunForecast:
    """Return what a run is expected to need.

    Examples
    --------
    >>> from parfocal.runs import acquire
    >>> from parfocal.runs.instruments.rig_facts import RigFacts
    >>> from parfocal.runs.plans.schedule import Schedule
    >>> from parfocal.runs.plans.survey import survey
    >>> plan = acquire(100)
    >>> facts = RigFacts(frame_bytes=1000, disk_free_bytes=110_000)
    >>> forecast_of(Schedule(plan), survey(plan.events(), {}), facts).warnings
    ('its frames may take 91 % of the free disk',)
    """
    needed = wanted.frames * facts.frame_bytes if facts.disk_free_bytes is not None else 0
    warnings = []
    if facts.disk_free_bytes is None:
        warnings.append("nothing is recorded: the rig has no recorder")
    elif needed > facts.disk_free_bytes * _NEARLY_FULL:
        warnings.append(f"its frames may take {100 * needed / facts.disk_free_bytes:.0f} % of the free disk")
    if wanted.endless:
        warnings.append("the camera runs until somebody ends it: nobody knows how much disk it takes")
    return RunForecast(
        duration_s=schedule.duration_s,
        largest_move_um=wanted.largest_move_um,
        disk_bytes=needed,
        disk_free_bytes=facts.disk_free_bytes,
        warnings=tuple(warnings),
    )
