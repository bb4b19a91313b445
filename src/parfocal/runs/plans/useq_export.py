"""Plans as sequences of useq-schema, with sequences of their own for positions that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.combine import CombinedPlan
from parfocal.runs.plans.plan_data import plan_to_data
from parfocal.runs.plans.positions import StagePosition
from parfocal.runs.plans.sequence import Sequence
from parfocal.runs.plans.useq_sequences import first_difference

if TYPE_CHECKING:
    from useq import MDASequence

    from parfocal.runs.plans.plan import Plan

_SEQUENCE = ("metadata", "axis_order", "stage_positions", "channels", "time_plan", "z_plan")
_SHARED = ("metadata", "time_plan")


def exported(plan: Plan) -> MDASequence:
    """Return the sequence that has the events of a plan.

    Raises
    ------
    BadInputError
        Naming what useq-schema cannot say.
    """
    import useq

    side_by_side = isinstance(plan, CombinedPlan) and plan.axis == "p"
    if not isinstance(plan, Sequence) and not side_by_side:
        kind = plan_to_data(plan)["type"]
        raise BadInputError(f"useq-schema has no {kind!r}: export the sequences one by one")
    if plan.needs_origin:
        axes = ", ".join(sorted(plan.needs_origin))
        raise BadInputError(
            f"the plan depends on where the stages stand along {axes}; export at_origin(plan, ...)"
        )
    if isinstance(plan, Sequence):
        return useq.MDASequence(**_fields(plan))
    theirs = useq.MDASequence(**_joined(plan))
    if different := first_difference(plan, theirs):
        raise BadInputError(f"{different}: useq-schema cannot say it; export the sequences one by one")
    return theirs


def _joined(plan: Any) -> dict[str, Any]:
    """Return sequences side by side as one, whose positions have sequences of their own."""
    parts = plan.plans
    for place, part in enumerate(parts):
        if not isinstance(part, Sequence):
            raise BadInputError(f"plans[{place}]: useq-schema has only sequences side by side, not {part!r}")
        for name in _SHARED:
            if getattr(part, name) != getattr(parts[0], name):
                raise BadInputError(
                    f"plans[{place}].{name}: useq-schema has one for all positions; export it by itself"
                )
    positions: list[dict[str, Any]] = []
    shared: dict[str, Any] = {}
    for part in parts:
        fields = _fields(part)
        shared |= {name: fields.pop(name) for name in _SHARED if name in fields}
        places = fields.pop("stage_positions", [{}])
        order = fields.pop("axis_order", "tpcz").replace("t", "").replace("p", "")
        own = {"sequence": {**fields, "axis_order": order}} if fields else {}
        positions += [{**place, **own} for place in places]
    return {**shared, "stage_positions": positions}


def _fields(plan: Sequence) -> dict[str, Any]:
    data = plan_to_data(plan)
    del data["type"]
    for name, value in data.items():
        if name not in _SEQUENCE:
            raise BadInputError(f"{name}: useq-schema cannot say {value!r}; export the plan without it")
    if not data.keys() & {"stage_positions", "channels", "time_plan", "z_plan"}:
        raise BadInputError("useq-schema has no events for an empty sequence; name a channel")
    for place, channel in enumerate(data.get("channels", ())):
        if "power" in channel:
            raise BadInputError(
                f"channels[{place}].power: useq-schema cannot say {channel['power']!r}; set it in the preset"
            )
    if any("z_offset" in channel for channel in data.get("channels", ())):
        data.setdefault("z_plan", {"relative": [0]})  # without planes useq-schema leaves offsets out
    if "stage_positions" in data:
        data["stage_positions"] = [_exported(place) for place in plan.places]
    return data


def _exported(place: StagePosition) -> dict[str, Any]:
    told = {name: getattr(place, name) for name in ("name", "x", "y", "z")}
    if place.well:
        raise BadInputError(f"stage_positions: useq-schema cannot say well {place.well!r}; leave it out")
    return {name: value for name, value in told.items() if value not in (None, "")}
