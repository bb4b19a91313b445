"""A list of alike things, such as verdicts on beads, as a table for people."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from rich.table import Table


def table_of(value: Any) -> Table | None:
    """Return a table with a row for each of several dicts or structs with the same keys, or None.

    Examples
    --------
    >>> table = table_of([{"bead": 3, "verdict": "good", "rms_nm": [12.345, 9.0]}])
    >>> [column.header for column in table.columns], [list(column.cells) for column in table.columns]
    (['bead', 'verdict', 'rms_nm'], [['3'], ['good'], ['12.3; 9']])
    >>> table_of([1, 2]) is None
    True
    """
    if not isinstance(value, list) or not value or not all(isinstance(row, dict | Struct) for row in value):
        return None
    rows = [asdict(row) if isinstance(row, Struct) else row for row in value]
    keys = list(rows[0])
    if not keys or any(list(row) != keys for row in rows):
        return None
    table = Table(*map(str, keys), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    return table


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list | tuple):
        return "; ".join(map(_cell, value))
    return str(value)
