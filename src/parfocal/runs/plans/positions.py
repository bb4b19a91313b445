"""Where the stages go: positions in um, by name, on a plate, or relative to where they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.fields import check_known, listed, number

_WELL = re.compile(r"([A-Z]{1,2})([1-9]\d?)")


class StagePosition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place.

    Attributes
    ----------
    name : str
        "" where it has none.
    x, y, z : float or None
        um; None: that axis stays where it is.
    well : str
        As printed on the plate, such as "B3"; "" without a plate.
    relative : bool
        Whether x, y and z are told from where the stages stand when the run begins.
    """

    name: str = ""
    x: float | None = None
    y: float | None = None
    z: float | None = None
    well: str = ""
    relative: bool = False

    def __post_init__(self) -> None:
        if self.well and not _WELL.fullmatch(self.well):
            raise BadInputError(f"well must be a row and a column such as 'B3', not {self.well!r}")

    @property
    def relative_axes(self) -> tuple[str, ...]:
        """Those that are told from where the stages stand."""
        return tuple(axis for axis in "xyz" if self.relative and getattr(self, axis) is not None)

    @property
    def key(self) -> Any:
        """What makes it the same position in another sequence: its name, else its place."""
        return self.name or (self.x, self.y, self.z, self.well, self.relative)


def well_of(row: Any, col: Any, where: str) -> str:
    """Return the name of a well.

    Examples
    --------
    >>> well_of("B", 3, "here"), well_of(1, 2, "here")
    ('B3', 'B3')
    """
    printed = isinstance(row, str)
    first = 1 if printed else 0
    if isinstance(col, bool) or not isinstance(col, int) or col < first:
        raise BadInputError(f"{where}.col must be a whole number from {first}, not {col!r}")
    if printed:
        return f"{row.upper()}{col}"
    if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < 26 * 27:
        raise BadInputError(f"{where}.row must be a letter, or a whole number from 0, not {row!r}")
    high, low = divmod(row, 26)
    return f"{chr(64 + high) if high else ''}{chr(65 + low)}{col + 1}"


def position_fields(item: Any, where: str) -> Any:
    """Return the fields of the position that an item describes, or the position that it is."""
    if isinstance(item, StagePosition):
        return item
    if not isinstance(item, Mapping):
        numbers = listed(item, where)
        if not 1 <= len(numbers) <= 3:
            raise BadInputError(f"{where}: expected x, y and z in um, or a mapping, got {item!r}")
        return {
            axis: None if value is None else number(value, f"{where}.{axis}")
            for axis, value in zip("xyz", numbers, strict=False)
        }
    fields = {name: value for name, value in item.items() if name not in ("row", "col")}
    if len(fields) == len(item):
        return fields
    check_known(item, (*StagePosition.__struct_fields__, "row", "col"), where)
    if "row" not in item or "col" not in item or "well" in item:
        raise BadInputError(f"{where}: give row and col, or well, not {dict(item)!r}")
    return fields | {"well": well_of(item["row"], item["col"], where)}
