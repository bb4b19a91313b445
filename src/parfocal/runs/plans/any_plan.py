"""A plan, however somebody gives it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.plan import Plan
from parfocal.runs.plans.plan_data import plan_from_data, plan_to_data
from parfocal.runs.plans.plan_files import load_plan

AnyPlan: TypeAlias = Plan | Mapping[str, Any] | str | Path
"""A plan of `parfocal.runs`, the plain data of one, or a YAML or JSON file that holds them."""


def as_data(plan: AnyPlan) -> dict[str, Any]:
    """Return a plan, however it is given, as plain data, checked.

    Raises
    ------
    BadInputError
        If it is no plan, or a wrong one; names the value.
    """
    if isinstance(plan, str | Path):
        plan = load_plan(plan)
    elif isinstance(plan, Mapping):
        plan = plan_from_data(dict(plan))
    elif not isinstance(plan, Plan):
        raise BadInputError(f"a plan, its plain data, or a file is needed, not {plan!r}")
    return plan_to_data(plan)
