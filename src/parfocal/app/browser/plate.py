"""A plate as the browser draws it: the smallest usual one that has all wells, and what lies in each. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_USUAL = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))
"""Rows and columns of plates of 6, 12, 24, 48, 96, 384 and 1536 wells."""
_WELL = re.compile(r"([A-Z]{1,2})(\d{1,2})")


class PlateLayout(NamedTuple):
    """Rows and columns of a plate, and how many images lie in the well at each (row, column), from 0."""

    rows: int
    columns: int
    images: dict[tuple[int, int], int]

    @property
    def most(self) -> int:
        """Images in the fullest well."""
        return max(self.images.values(), default=0)


def plate_of(wells: Mapping[str, int]) -> PlateLayout | None:
    """Return the plate of wells, by name, with how many images each has; None if there is none.

    Examples
    --------
    >>> plate_of({"A01": 2, "H12": 1})
    PlateLayout(rows=8, columns=12, images={(0, 0): 2, (7, 11): 1})
    >>> plate_of({"left": 3}) is None
    True
    """
    images = {place: number for well, number in wells.items() if (place := place_of(well)) is not None}
    if not images:
        return None
    rows, columns = (1 + max(place[axis] for place in images) for axis in (0, 1))
    fitting = [size for size in _USUAL if size[0] >= rows and size[1] >= columns]
    return PlateLayout(*(fitting[0] if fitting else (rows, columns)), images)


def place_of(well: str) -> tuple[int, int] | None:
    """Return (row, column) of a well, from 0; None of what is no well.

    Examples
    --------
    >>> place_of("B03"), place_of("AF48"), place_of("left")
    ((1, 2), (31, 47), None)
    """
    match = _WELL.fullmatch(well)
    if match is None or int(match[2]) < 1:
        return None
    row = 0
    for letter in match[1]:
        row = 26 * row + ord(letter) - ord("A") + 1
    return row - 1, int(match[2]) - 1


def well_at(row: int, column: int) -> str:
    """Return the name of the well at a place.

    Examples
    --------
    >>> well_at(1, 2), well_at(31, 47)
    ('B03', 'AF48')
    """
    return f"{row_name(row)}{column + 1:02d}"


def row_name(row: int) -> str:
    """Return the letters of a row, from 0."""
    return chr(ord("A") + row) if row < 26 else chr(ord("A") + row // 26 - 1) + chr(ord("A") + row % 26)
