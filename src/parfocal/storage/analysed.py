"""Rows that a pipeline wrote, with what they mean by name: position, well, phase and channel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.event_layout import PositionLayout

_ID, _NAMES = "phase_id", ("phase", "phase_name")


def is_of_pipeline(rows: NDArray[Any]) -> bool:
    """Return whether rows say to which position and phase they belong."""
    return {"p", _ID} <= set(rows.dtype.names or ())


def with_names(
    rows: NDArray[Any],
    positions: Sequence[PositionLayout],
    phases: Mapping[int, str],
    channels: Sequence[str] = (),
) -> NDArray[Any]:
    """Return rows with the columns "position", "well" and "phase"; "" where there is no name.

    Rows that tell their channel get the column "channel", too.

    Examples
    --------
    >>> from parfocal.core.event_layout import PositionLayout
    >>> rows = np.array([(1, 7), (0, -1)], [("p", "<i4"), ("phase_id", "<i4")])
    >>> with_names(rows, [PositionLayout(name="left"), PositionLayout(name="right", well="B3")], {7: "light"})
    array([(1,  7, 'right', 'B3', 'light'), (0, -1, 'left', '', '')],
          dtype=[('p', '<i4'), ('phase_id', '<i4'), ('position', '<U5'), ('well', '<U2'), ('phase', '<U5')])
    """
    added = {
        "position": _looked_up(rows["p"], {p: place.name for p, place in enumerate(positions)}),
        "well": _looked_up(rows["p"], {p: place.well for p, place in enumerate(positions)}),
        "phase": _looked_up(rows[_ID], phases),
    }
    if "c" in (rows.dtype.names or ()):
        added["channel"] = _looked_up(rows["c"], dict(enumerate(channels)))
    dtype = [*rows.dtype.descr, *((name, values.dtype.str) for name, values in added.items())]
    named = np.empty(rows.shape, dtype)
    for name in rows.dtype.names or ():
        named[name] = rows[name]
    for name, values in added.items():
        named[name] = values
    return named


def phase_names(plans: Iterable[Path]) -> dict[int, str]:
    """Return the names of the phases in the metadata of plans, files of JSON, by their `phase_id`."""
    names: dict[int, str] = {}
    for plan in plans:
        for found in _mappings(msgspec.json.decode(plan.read_bytes())):
            if isinstance(number := found.get(_ID), int):
                names[number] = str(next((found[name] for name in _NAMES if found.get(name)), ""))
    return names


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _mappings(item)


def _looked_up(numbers: NDArray[Any], names: Mapping[int, str]) -> NDArray[Any]:
    """Return the name of each number; "" for one that has none."""
    present, places = np.unique(numbers, return_inverse=True)
    return np.array([names.get(int(number), "") for number in present], dtype=np.str_)[places]
