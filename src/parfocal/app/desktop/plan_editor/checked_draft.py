"""A draft looked at in a thread: the plan that it describes, its pipeline, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from parfocal.app.desktop.plan_editor.plan_draft import PartFault, PlanDraft, plan_of
from parfocal.core.errors import ParfocalError
from parfocal.runs.conditions.interlocks import interlocks_from_data, interlocks_to_data
from parfocal.runs.pipeline.request import PipelineRequest, pipeline_request
from parfocal.runs.plans.plan_data import plan_to_data

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


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
    interlocks : list of dict
        Its interlocks, checked.
    pipeline_fault, interlock_fault : str
        What is wrong with the pipeline, and with the interlocks; "" if nothing is.
    """

    draft: PlanDraft
    plan: dict[str, Any] | None = None
    pipeline: PipelineRequest | None = None
    faults: tuple[PartFault, ...] = ()
    interlocks: list[dict[str, Any]] = []
    pipeline_fault: str = ""
    interlock_fault: str = ""

    @property
    def is_right(self) -> bool:
        """Whether there is a plan that can be asked for."""
        return self.plan is not None and not self.pipeline_fault and not self.interlock_fault

    def arguments(self) -> dict[str, Any]:
        """Return what the service `runs` is told of it."""
        return {"plan": self.plan, "pipeline": self.pipeline, "interlocks": self.interlocks}


def checked_draft(draft: PlanDraft) -> CheckedDraft:
    """Return what a draft describes; the steps of its pipeline are imported for that.

    Examples
    --------
    >>> found = checked_draft(PlanDraft(pipeline="no_such_module:pipeline"))
    >>> found.is_right, "no_such_module" in found.pipeline_fault
    (False, True)
    """
    plan, faults = plan_of(draft)
    pipeline, pipeline_fault = _tried(_pipeline, draft)
    interlocks, interlock_fault = _tried(_interlocks, draft)
    return CheckedDraft(
        draft=draft,
        plan=None if plan is None else plan_to_data(plan),
        pipeline=pipeline,
        interlocks=interlocks or [],
        faults=faults,
        pipeline_fault=pipeline_fault,
        interlock_fault=interlock_fault,
    )


def _tried(make: Callable[[PlanDraft], T], draft: PlanDraft) -> tuple[T | None, str]:
    """Return what is made of a draft, or why it can't be."""
    try:
        return make(draft), ""
    except ParfocalError as error:
        return None, str(error)


def _pipeline(draft: PlanDraft) -> PipelineRequest | None:
    return None if draft.pipeline is None else pipeline_request(draft.pipeline, draft.stim_mode)


def _interlocks(draft: PlanDraft) -> list[dict[str, Any]]:
    return interlocks_to_data(interlocks_from_data(() if draft.interlocks is None else draft.interlocks))
