"""The places of a sequence as somebody lists them: single positions, and grids of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.fields import listed, made
from parfocal.runs.plans.grid import WAYS, StageGrid
from parfocal.runs.plans.positions import StagePosition, position_fields

Places = tuple[StagePosition | StageGrid, ...]


def positions_and_grids(value: Any) -> Places:
    """Return what ``stage_positions`` describes: a list of ``(x, y)``, ``(x, y, z)`` and mappings, or a grid.

    A mapping has the fields of `StagePosition`, or those of `StageGrid`. ``row`` and ``col`` may stand for
    the well of a position: a letter and the number printed on the plate, or both counted from 0.

    Raises
    ------
    BadInputError
        Naming the position, the field and its value; also if two have the same name.

    Examples
    --------
    >>> positions_and_grids([(0, 0), {"x": 300, "y": 0, "row": "B", "col": 3}])[1].well
    'B3'
    >>> positions_and_grids({"rows": 2, "columns": 3})[0].columns
    3
    """
    items = [value] if isinstance(value, (Mapping, StageGrid)) else listed(value, "stage_positions")
    found = tuple(_one(item, f"stage_positions[{place}]") for place, item in enumerate(items))
    _check_names(one.name for one in found)
    return found


def tiled(places: Places) -> tuple[StagePosition, ...]:
    """Return all positions, with the tiles of a grid in its place.

    Raises
    ------
    BadInputError
        If a grid depends on the field of view of a camera, or a tile has the name of another position.
    """
    found = tuple(
        tile for one in places for tile in (one.positions() if isinstance(one, StageGrid) else (one,))
    )
    _check_names(one.name for one in found)
    return found


def _one(item: Any, where: str) -> StagePosition | StageGrid:
    is_grid = isinstance(item, StageGrid) or (
        isinstance(item, Mapping) and any(name in item for way in WAYS for name in way)
    )
    return (
        made(StageGrid, item, where) if is_grid else made(StagePosition, position_fields(item, where), where)
    )


def _check_names(names: Iterable[str]) -> None:
    known: set[str] = set()
    for place, name in enumerate(names):
        if name and name in known:
            raise BadInputError(
                f"stage_positions[{place}]: there is a position {name!r} already; name each once"
            )
        known.add(name)
