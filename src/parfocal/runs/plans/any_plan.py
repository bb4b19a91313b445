"""A plan, however somebody gives it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.plan import Plan
from parfocal.runs.plans.plan_data import plan_from_data, plan_to_data
from parfocal.runs.plans.plan_files import load_plan
from parfocal.runs.plans.useq_plans import is_useq, plan_from_useq

if TYPE_CHECKING:
    from useq import MDAEvent, MDASequence

AnyPlan: TypeAlias = Union[Plan, Mapping[str, Any], str, Path, "MDASequence", list["MDAEvent"]]
"""A plan of `parfocal.runs`, its plain data, a YAML, TOML or JSON file of them, or one of useq-schema."""


def as_plan(plan: AnyPlan) -> Plan:
    """Return a plan, however it is given, checked.

    Raises
    ------
    BadInputError
        If it is no plan, or a wrong one; names the value.
    """
    if isinstance(plan, str | Path):
        return load_plan(plan)
    if isinstance(plan, Mapping):
        return plan_from_data(dict(plan))
    if is_useq(plan):
        return plan_from_useq(plan)  # type: ignore[arg-type]
    if not isinstance(plan, Plan):
        raise BadInputError(f"a plan, its plain data, or a file is needed, not {plan!r}")
    return plan


def as_data(plan: AnyPlan) -> dict[str, Any]:
    """Return a plan, however it is given, as plain data; raises as `as_plan`."""
    return plan_to_data(as_plan(plan))
