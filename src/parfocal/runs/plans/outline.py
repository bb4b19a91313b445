"""A plan as a strip of cells and a map of places, of a size that does not grow with the plan. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.event_kinds import EventKind

if TYPE_CHECKING:
    from parfocal.runs.plans.schedule import Schedule

MOST_CELLS, MOST_PLACES = 1000, 1000
_LOOKS = 4
"""How many of a cell's events are looked at, where it stands for many."""
_RARE_FIRST: tuple[EventKind, ...] = (
    "confirm",
    "condition",
    "call",
    "stimulus",
    "wait",
    "autofocus",
    "reference",
    "acquire",
    "image",
)


class Cell(msgspec.Struct, frozen=True):
    """Events of a plan that follow one another and are shown as one.

    Attributes
    ----------
    kind : str
        What they are; where they are several things, the rarest of those that were looked at.
    first, count : int
        Number of the first one, and how many.
    """

    kind: EventKind
    first: int
    count: int


class MapPosition(msgspec.Struct, frozen=True):
    """A position of a plan: its name, and where it is in um; None where the stage stays as it is."""

    name: str
    x_um: float | None
    y_um: float | None


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """What a view draws of a plan.

    Attributes
    ----------
    events_total : int
        Of the plan that it was made of: after an `extend` it is made anew.
    cells : tuple of Cell
        In order; together all events.
    places : tuple of MapPosition
        In the order of the axis p; of more than 1000 the first ones.
    """

    events_total: int
    cells: tuple[Cell, ...]
    places: tuple[MapPosition, ...]


def outline_of(schedule: Schedule, most_cells: int) -> Outline:
    """Return the outline of a schedule, in at most `most_cells` cells.

    Examples
    --------
    >>> from parfocal.runs import Sequence, combine, wait
    >>> from parfocal.runs.plans.schedule import Schedule
    >>> plan = combine(Sequence(time_plan={"interval": 1, "loops": 5}), wait(3), Sequence(), axis="t")
    >>> [(cell.kind, cell.first, cell.count) for cell in outline_of(Schedule(plan), 10).cells]
    [('image', 0, 5), ('wait', 5, 1), ('image', 6, 1)]
    >>> long = Sequence(time_plan={"interval": 1, "loops": 100_000})
    >>> outline_of(Schedule(long), 80).cells
    (Cell(kind='image', first=0, count=100000),)
    """
    if not 1 <= most_cells <= MOST_CELLS:
        raise BadInputError(f"cells must be 1 to {MOST_CELLS}, not {most_cells}")
    places = tuple(MapPosition(place.name, place.x, place.y) for place in schedule.positions[:MOST_PLACES])
    return Outline(events_total=len(schedule), cells=_cells(schedule, most_cells), places=places)


def _cells(schedule: Schedule, most: int) -> tuple[Cell, ...]:
    total = len(schedule)
    if total <= most:
        kinds = [event.kind for event in schedule.events()]
        return _merged([Cell(kind, number, 1) for number, kind in enumerate(kinds)])
    edges = [total * number // most for number in range(most + 1)]
    return _merged(
        [Cell(_kind_between(schedule, first, end), first, end - first) for first, end in pairwise(edges)]
    )


def _kind_between(schedule: Schedule, first: int, end: int) -> EventKind:
    step = max(1, (end - first) // _LOOKS)
    return min((schedule.event(number).kind for number in range(first, end, step)), key=_RARE_FIRST.index)


def _merged(cells: list[Cell]) -> tuple[Cell, ...]:
    """Return cells of which no neighbours are of one kind."""
    merged: list[Cell] = []
    for cell in cells:
        if merged and merged[-1].kind == cell.kind:
            last = merged.pop()
            cell = Cell(cell.kind, last.first, last.count + cell.count)
        merged.append(cell)
    return tuple(merged)
