"""A plan that depends on a camera's field of view, made into one that does not."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.combine import each_sequence
from parfocal.runs.plans.fields import number
from parfocal.runs.plans.grid import StageGrid
from parfocal.runs.plans.plan import Plan
from parfocal.runs.plans.positions import StagePosition

P = TypeVar("P", bound=Plan)


def tiled(plan: P, field_um: tuple[float, float] | None) -> P:
    """Return a plan that does not depend on a camera, whose frames show so much: width and height, um.

    Raises
    ------
    BadInputError
        If it depends on them, and nobody knows them.
    """
    if not plan.needs_field_of_view:
        return plan
    if field_um is None:
        raise BadInputError(
            "the plan's grid depends on the field of view, and no camera that runs tells it: give fov_width "
            "and fov_height in um"
        )
    return at_field_of_view(plan, width_um=field_um[0], height_um=field_um[1])


def at_field_of_view(plan: P, *, width_um: float, height_um: float) -> P:
    """Return the same plan with the field of view filled in where its grids leave it to the camera.

    Parameters
    ----------
    width_um, height_um : float
        What a frame shows, along x and y.

    Examples
    --------
    >>> from parfocal.runs import Sequence
    >>> plan = Sequence(stage_positions={"rows": 1, "columns": 2, "x": 50, "y": 0})
    >>> plan.needs_field_of_view
    True
    >>> [event.x_um for event in at_field_of_view(plan, width_um=100, height_um=80).events()]
    [0.0, 100.0]
    """
    field = {
        "fov_width": number(width_um, "width_um", above=0),
        "fov_height": number(height_um, "height_um", above=0),
    }

    def filled(item: StagePosition | StageGrid) -> StagePosition | StageGrid:
        is_open = isinstance(item, StageGrid) and item.needs_field_of_view
        return replace(item, **field) if is_open else item

    return each_sequence(
        plan, lambda one: replace(one, stage_positions=tuple(map(filled, one.stage_positions)))
    )
