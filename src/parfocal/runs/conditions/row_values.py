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
    came_ns : int
        When the newest of them was seen, on the monotonic clock; 0 if there is none.
    """

    def __init__(self) -> None:
        self.rows: NDArray[Any] = np.empty(0)
        self.came_ns = 0

    def take(self, new: NDArray[Any], now_ns: int) -> None:
        """Keep new rows; those of a stream that looks different now are the first ones."""
        if not len(new):
            return
        together = np.concatenate([self.rows, new]) if self.rows.dtype == new.dtype else new
        self.rows, self.came_ns = together[-_KEPT:], now_ns


def value_of_rows(asked: Rows, rows: NDArray[Any]) -> float:
    """Return the number that is asked for; NaN if there is none.

    Raises
    ------
    BadInputError
        If the rows do not have the column.

    Examples
    --------
    >>> from parfocal.runs.conditions.values import Rows
    >>> cells = np.array([(0, 9.0), (1, 1.0), (1, 3.0)], [("number", "i8"), ("ratio", "f8")])
    >>> value_of_rows(Rows(stream="tracks", column="ratio", take="mean", above=0), cells)
    2.0
    >>> half = Rows(stream="tracks", column="ratio", take="fraction", each_above=2, above=0)
    >>> value_of_rows(half, cells)
    0.5
    >>> value_of_rows(Rows(stream="tracks", take="count", above=0), cells)
    2.0
    """
    if not len(rows):
        return math.nan
    rows = _of_newest_image(asked, rows)
    if not asked.column:
        return float(len(rows))
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


def _of_newest_image(asked: Rows, rows: NDArray[Any]) -> NDArray[Any]:
    if asked.p is not None:
        _check_column(asked.stream, "p", rows)
        rows = rows[rows["p"] == asked.p]
    column = next((name for name in IMAGES if name in (rows.dtype.names or ())), "")
    if not len(rows):
        return rows
    return rows[rows[column] == rows[column][-1]] if column else rows[-1:]


def _check_column(stream: str, column: str, rows: NDArray[Any]) -> None:
    names = rows.dtype.names or ()
    if column not in names:
        raise BadInputError(f"the rows of {stream!r} have no column {column!r}; {nearest(column, names)}")
