"""A draft looked at in a thread: the plan that it describes, its pipeline, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import msgspec

from parfocal.app.desktop.plan_editor.plan_draft import PartFault, PlanDraft, plan_of
from parfocal.core.errors import ParfocalError
from parfocal.runs.pipeline.request import PipelineRequest, pipeline_request
from parfocal.runs.plans.plan_data import plan_to_data


class CheckedDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a draft.

    Attributes
    ----------
    draft : PlanDraft
        What was looked at.
    plan : dict or None
        The plan that it describes, as plain data; None if there is none.
    pipeline : PipelineRequest or None
        Its pipeline, imported and checked.
    faults : tuple of PartFault
        What is wrong with the plan.
    pipeline_fault : str
        What is wrong with the pipeline; "" if nothing is.
    """

    draft: PlanDraft
    plan: dict[str, Any] | None = None
    pipeline: PipelineRequest | None = None
    faults: tuple[PartFault, ...] = ()
    pipeline_fault: str = ""

    @property
    def is_right(self) -> bool:
        """Whether there is a plan that can be asked for."""
        return self.plan is not None and not self.pipeline_fault


def checked_draft(draft: PlanDraft) -> CheckedDraft:
    """Return what a draft describes; the steps of its pipeline are imported for that.

    Examples
    --------
    >>> found = checked_draft(PlanDraft(pipeline="no_such_module:pipeline"))
    >>> found.is_right, "no_such_module" in found.pipeline_fault
    (False, True)
    """
    plan, faults = plan_of(draft)
    pipeline, fault = None, ""
    if draft.pipeline is not None:
        try:
            pipeline = pipeline_request(draft.pipeline, draft.stim_mode)
        except ParfocalError as error:
            fault = str(error)
    data = None if plan is None else plan_to_data(plan)
    return CheckedDraft(draft=draft, plan=data, pipeline=pipeline, faults=faults, pipeline_fault=fault)
