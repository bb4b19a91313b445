"""A plan that depends on where the stages stand, made into one that does not."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.combine import each_sequence
from parfocal.runs.plans.plan import Plan
from parfocal.runs.plans.positions import StagePosition
from parfocal.runs.plans.sequence import Sequence

P = TypeVar("P", bound=Plan)


def at_origin(
    plan: P, *, x_um: float | None = None, y_um: float | None = None, z_um: float | None = None
) -> P:
    """Return the same plan with absolute positions only.

    Parameters
    ----------
    x_um, y_um, z_um : float, optional
        Where the stages stand; what `Plan.needs_origin` names has to be told.

    Raises
    ------
    BadInputError
        If one that is needed is missing: it is never assumed to be 0.

    Examples
    --------
    >>> plan = Sequence(
    ...     stage_positions=[{"x": 100, "y": 0, "relative": True}], z_plan={"range": 2, "step": 1}
    ... )
    >>> sorted(plan.needs_origin)
    ['x', 'y', 'z']
    >>> here = at_origin(plan, x_um=1000, y_um=2000, z_um=50)
    >>> [(event.x_um, event.y_um, event.z_um) for event in here.events()]
    [(1100.0, 2000.0, 49.0), (1100.0, 2000.0, 50.0), (1100.0, 2000.0, 51.0)]
    """
    origin = {"x": x_um, "y": y_um, "z": z_um}
    missing = [axis for axis in plan.needs_origin if origin[axis] is None]
    if missing:
        raise BadInputError(f"the plan depends on where the stages stand along {', '.join(sorted(missing))}")
    return each_sequence(plan, lambda one: _moved(one, origin))


def _moved(plan: Sequence, origin: dict[str, float | None]) -> Sequence:
    if not plan.needs_origin:
        return plan
    needs_z = "z" in plan.needs_origin
    return replace(plan, stage_positions=tuple(_absolute(place, origin, needs_z) for place in plan.places))


def _absolute(place: StagePosition, origin: dict[str, float | None], needs_z: bool) -> StagePosition:
    found: dict[str, float | None] = {axis: getattr(place, axis) for axis in "xyz"}
    if place.relative:
        found |= {axis: own + (origin[axis] or 0.0) for axis, own in found.items() if own is not None}
    if found["z"] is None and needs_z:
        found["z"] = origin["z"]
    return replace(place, relative=False, **found)
