"""Positions and grids of useq-schema, in the words of a sequence's `stage_positions`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.grid import WAYS
from parfocal.runs.plans.useq_fields import told

if TYPE_CHECKING:
    from useq import Position

_POSITION = ("name", "x", "y", "z")
_WELL = ("plate_row", "plate_col")
_GRID = (*(name for way in WAYS for name in way), "overlap", "mode", "relative_to", "fov_width", "fov_height")


def imported_places(place: Position | None, grid: Any, where: str) -> Iterator[dict[str, Any]]:
    """Yield what is visited of a grid around a position, of a position without one, or of a grid alone.

    Raises
    ------
    BadInputError
        Naming what cannot be done here.
    """
    own = {} if place is None else _position(place, where)
    if grid is None:
        yield own
        return
    kind = type(grid).__name__
    if kind in ("RandomPoints", "GridFromPolygon"):
        yield from _points(grid, own, kind)
        return
    fields = {name: getattr(grid, name) for name in _GRID if getattr(grid, name, None) is not None}
    if not fields.keys() & {name for way in WAYS for name in way}:
        raise BadInputError(f"grid_plan: {grid!r} of useq-schema cannot be done here; list stage_positions")
    fields |= {name: fields[name].value for name in ("mode", "relative_to") if name in fields}
    if not grid.is_relative:
        own = {name: value for name, value in own.items() if name not in ("x", "y")}
    yield own | fields


def _position(place: Position, where: str) -> dict[str, Any]:
    fields = told(place, (*_POSITION, *_WELL, "sequence"), where)
    fields.pop("sequence", None)
    row, col = (fields.pop(name, None) for name in _WELL)
    return fields if row is None or col is None else fields | {"row": row, "col": col}


def _points(grid: Any, own: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    """Yield the points of a plan that is no grid of rows and columns; each is a position of its own."""
    if kind == "RandomPoints" and grid.random_seed is None:
        raise BadInputError(
            "grid_plan.random_seed: without it the points are others each time; give a number, or list "
            "stage_positions"
        )
    if kind == "GridFromPolygon" and (grid.fov_width is None or grid.fov_height is None):
        raise BadInputError("grid_plan: a polygon needs fov_width and fov_height in um; give them")
    name = own.get("name", "")
    is_anywhere = grid.is_relative and own.get("x") is None
    for number, point in enumerate(grid):
        x, y = (own.get(axis) or 0.0 if grid.is_relative else 0.0 for axis in "xy")
        fields = {**own, "x": point.x + x, "y": point.y + y, "name": f"{name}_{number}" if name else ""}
        yield {**fields, "relative": True} if is_anywhere else fields
