"""What a run is asked to do: a plan, however it is given, and what its file may hold beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from parfocal.core.errors import BadInputError
from parfocal.runs.conditions.interlocks import AnyInterlocks, Interlock, interlocks_from_data
from parfocal.runs.pipeline.request import PipelineRequest, pipeline_request
from parfocal.runs.plans.any_plan import as_plan
from parfocal.runs.plans.plan_files import PlanWithPipeline, read_plan_file

if TYPE_CHECKING:
    from parfocal.core.run_status import StimMode
    from parfocal.runs.pipeline.request import AnyPipeline
    from parfocal.runs.plans.any_plan import AnyPlan
    from parfocal.runs.plans.plan import Plan


class RequestedRun(NamedTuple):
    """A plan, a pipeline and interlocks, checked each for itself."""

    plan: Plan
    pipeline: PipelineRequest | None
    interlocks: tuple[Interlock, ...] = ()


def requested_run(
    plan: AnyPlan,
    pipeline: AnyPipeline | None = None,
    stim_mode: StimMode | None = None,
    interlocks: AnyInterlocks | None = None,
) -> RequestedRun:
    """Return what a run is asked to do; what is given goes before what the file of the plan says.

    Parameters
    ----------
    plan : plan, mapping or path
        The file of a plan may hold a pipeline, and from which image the masks are made.
    pipeline : Pipeline, mapping or str, optional
        A pipeline, or its address.
    stim_mode : "current" or "previous", optional
        Without it, and none in the file, "current".
    interlocks : iterable of Interlock or mapping, optional
        What has to hold as long as it is carried out.

    Raises
    ------
    BadInputError, ConfigError
        If the plan, the pipeline or one of its steps is not what it has to be, or if there is a mode and no
        pipeline; names it.

    Examples
    --------
    >>> requested_run({"channels": ["nucleus"]}, {"segment": "parfocal.testing.steps:bright"}).pipeline.mode
    'current'
    """
    file = read_plan_file(plan) if isinstance(plan, str | Path) else PlanWithPipeline(as_plan(plan))
    wanted = file.pipeline if pipeline is None else pipeline
    if stim_mode is not None and wanted is None:
        raise BadInputError(
            f"stim_mode {stim_mode!r} says of which image a pipeline makes a mask, and there is no pipeline: "
            "give one, or leave stim_mode out"
        )
    mode = stim_mode or file.stim_mode or "current"
    asked = file.interlocks if interlocks is None else interlocks_from_data(interlocks)
    return RequestedRun(file.plan, None if wanted is None else pipeline_request(wanted, mode), asked)
