"""Plans as plain data, for files and commands, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from parfocal.core.errors import BadInputError, nearest
from parfocal.runs.plans.calls import CallPlan
from parfocal.runs.plans.combine import CombinedPlan
from parfocal.runs.plans.conditional import RespondPlan, StartWhenPlan, StopWhenPlan
from parfocal.runs.plans.elements import AcquirePlan, ConfirmPlan, WaitPlan
from parfocal.runs.plans.fields import listed
from parfocal.runs.plans.plan import Plan
from parfocal.runs.plans.sequence import Sequence

CONDITIONAL = (StartWhenPlan, StopWhenPlan, RespondPlan)
_INNER = ("plan", "watching", "response")
"""Fields of these that are plans."""

KINDS: dict[str, type[Plan]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (Sequence, WaitPlan, ConfirmPlan, AcquirePlan, CallPlan, CombinedPlan, *CONDITIONAL)
}


def plan_to_data(plan: Plan) -> dict[str, Any]:
    """Return a plan as mappings, lists, texts and numbers; what is as by default is left out.

    Examples
    --------
    >>> from parfocal.runs import Sequence
    >>> plan_to_data(Sequence(channels=["nucleus"], time_plan={"interval": 5, "loops": 2}))
    {'type': 'sequence', 'time_plan': [{'interval': 5.0, 'loops': 2}], 'channels': [{'config': 'nucleus'}]}
    """
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(plan))
    return data


def plan_from_data(data: Any, where: str = "plan") -> Plan:
    """Return the plan that plain data describes; without a ``type`` it is a sequence.

    Parameters
    ----------
    data : mapping
        As `plan_to_data` returns it, or as a person writes it.
    where : str
        What an error calls it.

    Raises
    ------
    BadInputError
        Naming the field, its value, and the nearest known one.

    Examples
    --------
    >>> len(
    ...     plan_from_data({"type": "combine", "axis": "t", "plans": [{"type": "wait", "duration_s": 5}, {}]})
    ... )
    2
    >>> plan_from_data({"type": "wiat"})
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: plan: no plan is of type 'wiat'; did you mean 'wait'?
    """
    if isinstance(data, Plan):
        return data
    if not isinstance(data, Mapping):
        raise BadInputError(f"{where}: expected a mapping, got {data!r}")
    fields = {str(name): value for name, value in data.items()}
    kind = fields.pop("type", "sequence")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadInputError(f"{where}: no plan is of type {kind!r}; {nearest(str(kind), KINDS)}")
    if KINDS[kind] is CombinedPlan and "plans" in fields:
        plans = listed(fields["plans"], f"{where}.plans")
        fields["plans"] = [
            plan_from_data(item, f"{where}.plans[{place}]") for place, item in enumerate(plans)
        ]
    if KINDS[kind] in CONDITIONAL:
        inner = {name: plan_from_data(fields[name], f"{where}.{name}") for name in _INNER if name in fields}
        fields |= inner
    try:
        return KINDS[kind](**fields)
    except BadInputError as error:
        raise BadInputError(f"{where}: {error}") from error
