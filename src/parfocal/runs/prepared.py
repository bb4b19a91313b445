"""What is asked for with a run, and what is known of one that is prepared. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.run_status import RunForecast
from parfocal.runs.plans.outline import Outline

if TYPE_CHECKING:
    from parfocal.runs.acquisition_mode import AcquisitionMode
    from parfocal.runs.earlier_run import EarlierRun
    from parfocal.runs.instruments.rig_facts import RigFacts
    from parfocal.runs.pipeline.request import PipelineRequest
    from parfocal.runs.plans.schedule import Schedule
    from parfocal.runs.plans.survey import PlanSurvey


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
    mode: AcquisitionMode | None = None
    interlocks: tuple[dict[str, Any], ...] = ()
    open_ended: bool = False


class PlanForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan would be as a run of the rig as it is now.

    Attributes
    ----------
    shape : dict of str to int
        How long t, p, c and z are.
    forecast : RunForecast
        What it is expected to need.
    outline : Outline
        Its events as a strip, and its positions as a map.
    """

    shape: dict[str, int]
    forecast: RunForecast
    outline: Outline


@dataclass(frozen=True, kw_only=True)
class PreparedRun:
    """A run that may be started: nothing is claimed for it.

    Attributes
    ----------
    request : StartRequest
        What was asked for, with its name, and with positions that depend no longer on where the stages stand.
    before : EarlierRun or None
        What it goes on with.
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
    before: EarlierRun | None
    schedule: Schedule
    wanted: PlanSurvey
    facts: RigFacts
    needs_origin: frozenset[str]
