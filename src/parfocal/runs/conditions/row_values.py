"""A number made of the newest rows of a stream. Pure, but for what keeps the rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.runs.conditions.values import Rows

_KEPT = 1 << 14
IMAGES = ("number", "frame")
"""Columns that tell to which image a row belongs."""


class NewestRows:
    """The rows of a stream that came last.

    Attributes
    ----------
    rows : ndarray
        At most 16384.
    came_ns : ndarray
        When each of them was seen first, on the monotonic clock.
    """

    def __init__(self) -> None:
        self.rows: NDArray[Any] = np.empty(0)
        self.came_ns: NDArray[np.int64] = np.empty(0, np.int64)

    def take(self, new: NDArray[Any], now_ns: int) -> None:
        """Keep new rows; those of a stream that looks different now are the first ones."""
        if not len(new):
            return
        came_ns = np.full(len(new), now_ns, np.int64)
        if self.rows.dtype == new.dtype:
            new, came_ns = np.concatenate([self.rows, new]), np.concatenate([self.came_ns, came_ns])
        self.rows, self.came_ns = new[-_KEPT:], came_ns[-_KEPT:]

    def value(self, asked: Rows) -> tuple[float, int]:
        """Return the number that is asked for, NaN if there is none, and when its newest row came, else 0."""
        if not len(self.rows):
            return math.nan, 0
        within = of_newest_image(asked, self.rows)
        came_ns = self.came_ns[within]
        return value_of_rows(asked, self.rows[within]), int(came_ns[-1]) if len(came_ns) else 0


def value_of_rows(asked: Rows, rows: NDArray[Any]) -> float:
    """Return the number that is asked for of the rows of one image; NaN if there is none.

    Raises
    ------
    BadInputError
        If the rows do not have the column.

    Examples
    --------
    >>> from parfocal.runs.conditions.values import Rows
    >>> cells = np.array([(1, 1.0), (1, 3.0)], [("number", "i8"), ("ratio", "f8")])
    >>> value_of_rows(Rows(stream="tracks", column="ratio", take="mean", above=0), cells)
    2.0
    >>> half = Rows(stream="tracks", column="ratio", take="fraction", each_above=2, above=0)
    >>> value_of_rows(half, cells)
    0.5
    >>> value_of_rows(Rows(stream="tracks", take="count", above=0), cells)
    2.0
    """
    if not asked.column:
        return float(len(rows)) if len(rows) else math.nan
    _check_column(asked.stream, asked.column, rows)
    values = rows[asked.column].astype(float)
    if asked.take == "newest":
        return float(values[-1]) if len(values) else math.nan
    values = values[np.isfinite(values)]
    if asked.take == "mean":
        return float(values.mean()) if len(values) else math.nan
    low = -math.inf if asked.each_above is None else asked.each_above
    high = math.inf if asked.each_below is None else asked.each_below
    within = np.count_nonzero((values > low) & (values < high))
    if asked.take == "count":
        return float(within)
    return float(within / len(values)) if len(values) else math.nan


def of_newest_image(asked: Rows, rows: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows belong to the newest image, of the position that is asked for; shape (n,)."""
    within = np.ones(len(rows), dtype=bool)
    if asked.p is not None:
        _check_column(asked.stream, "p", rows)
        within = rows["p"] == asked.p
    if not within.any():
        return within
    last = int(np.flatnonzero(within)[-1])
    column = next((name for name in IMAGES if name in (rows.dtype.names or ())), "")
    same = rows[column] == rows[column][last] if column else np.arange(len(rows)) == last
    found: NDArray[np.bool_] = np.logical_and(within, same)
    return found


def _check_column(stream: str, column: str, rows: NDArray[Any]) -> None:
    names = rows.dtype.names or ()
    if column not in names:
        raise BadInputError(f"the rows of {stream!r} have no column {column!r}; {nearest(column, names)}")
