"""The positions of a plan as a map of characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from parfocal.runs.status_parts import place_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parfocal.runs.plans.outline import MapPosition

ROWS, COLUMNS = 8, 48
_ASPECT = 2
"""A character is about twice as high as it is wide."""
_ORDER = "123456789abcdefghijklmnopqrstuvwxyz"


def map_lines(places: Sequence[MapPosition], active: int | None, colour: str, width: int) -> list[Text]:
    """Return the places as seen from above (y downwards), and a line that says which one is meant.

    Each is shown by its number in the order of visits (1 to 9, then letters, then dots), the active one as
    ``@`` in `colour`. Both directions have one scale. Nothing is drawn of a plan with one place.

    Examples
    --------
    >>> from parfocal.runs.plans.outline import MapPosition
    >>> row = [MapPosition("", 0.0, 0.0), MapPosition("B2", 300.0, 0.0)]
    >>> [line.plain for line in map_lines(row, 1, "green", 80)]
    ['1                                              @', 'FOV 2/2  B2  x 300.0 um  y 0.0 um']
    """
    known = [(number, place) for number, place in enumerate(places) if None not in (place.x_um, place.y_um)]
    if len(places) < 2 or not known:
        return []
    spots = _spots([(place.x_um or 0.0, place.y_um or 0.0) for _, place in known], min(width, COLUMNS))
    grid: dict[tuple[int, int], tuple[str, str]] = {}
    for (number, _), spot in reversed(list(zip(known, spots, strict=True))):
        if number == active:
            continue
        grid[spot] = (_ORDER[number] if number < len(_ORDER) else ".", "dim")
    for (number, _), spot in zip(known, spots, strict=True):
        if number == active:
            grid[spot] = ("@", f"bold {colour}")
    lines = [_line(grid, row) for row in range(max(row for row, _ in spots) + 1)]
    return [*lines, Text(place_text(places, active))]


def _spots(places: Sequence[tuple[float, float]], columns: int) -> list[tuple[int, int]]:
    """Return row and column of each place, on one scale for both."""
    left, top = min(x for x, _ in places), min(y for _, y in places)
    wide, high = max(x for x, _ in places) - left, max(y for _, y in places) - top
    per_column = max(wide / (columns - 1), high / ((ROWS - 1) * _ASPECT)) or 1.0
    return [(round((y - top) / per_column / _ASPECT), round((x - left) / per_column)) for x, y in places]


def _line(grid: dict[tuple[int, int], tuple[str, str]], row: int) -> Text:
    line = Text()
    for _, column in sorted(spot for spot in grid if spot[0] == row):
        sign, style = grid[row, column]
        line.append(" " * (column - line.cell_len)).append(sign, style=style)
    return line
