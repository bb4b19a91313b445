"""Rows of a stream as scrolling plots: one curve for each chosen bead, or one where rows name no bead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import StreamError
from parfocal.streams import follow_latest
from parfocal.viewers.panes import Curve, Plot

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.streams import LatestReader

HISTORY_ROWS = 20_000
"""Rows that are kept for one curve at most."""
MOST_CURVES, MOST_PLOTS = 8, 6
_POINTS = 1000
_UNITS = {
    "_px": "px",
    "_nm": "nm",
    "_um": "um",
    "_mm": "mm",
    "_deg": "deg",
    "_pn": "pN",
    "_c": "C",
    "_v": "V",
    "_hz": "Hz",
    "_s": "s",
    "_ms": "ms",
    "_w": "W",
    "_mw": "mW",
}
_NO_VALUES = ("frame", "bead", "flags", "time_ns", "utc_ns", "written_ns")
"""Columns that say which row it is, not what was measured."""


class RowFeed:
    """The newest rows of a stream, at a cost that does not grow with its length.

    Parameters
    ----------
    folder, name
        Of the stream; it need not be there yet.
    columns : tuple of str
        What is plotted; the first six columns of numbers if none is named.
    seconds : float
        How much of the past the curves show.
    reader : LatestReader, optional
        One that follows the stream already.

    Attributes
    ----------
    watched : tuple of int
        Beads that have a curve, where rows have a column ``bead``.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        columns: tuple[str, ...] = (),
        seconds: float = 20.0,
        clock: Clock = SYSTEM_CLOCK,
        reader: LatestReader | None = None,
    ) -> None:
        self.folder, self.name, self.columns = folder, name, columns
        self.watched: tuple[int, ...] = ()
        self._reader = reader or follow_latest(folder, name)
        self._seconds = seconds
        self._clock = clock
        self._newest: dict[int, NDArray[Any]] = {}
        self._histories: dict[str, RowHistory] = {}

    def poll(self) -> bool:
        """Take in what is new; return whether there was anything. Never waits."""
        try:
            rows = self._reader.poll()
        except StreamError:
            return False
        if not isinstance(rows, np.ndarray) or not len(rows):
            return False
        self.add(rows)
        return True

    def add(self, rows: NDArray[Any]) -> None:
        """Take in rows of the stream."""
        self.columns = self.columns or number_columns(rows.dtype)
        parts = {self.name: rows}
        if "bead" in (rows.dtype.names or ()):
            self._newest |= {int(row["bead"]): row for row in newest_by_bead(rows)}
            parts = {f"bead {bead}": rows[rows["bead"] == bead] for bead in self.watched}
        self._histories = {name: self._histories.get(name, RowHistory()) for name in parts}
        for name, part in parts.items():
            self._histories[name].add(part, self._clock.monotonic_ns())

    def kind_of(self, bead: int) -> str:
        """Return how a bead is by its newest row: "good", "flagged" or "untracked"."""
        row = self._newest.get(bead)
        if row is None:
            return "untracked"
        return "flagged" if "flags" in (row.dtype.names or ()) and row["flags"] else "good"

    def plots(self, prefix: str = "") -> tuple[Plot, ...]:
        """Return a plot for each column, of at most a thousand points a curve; `prefix` begins its title."""
        now_ns = self._clock.monotonic_ns()
        return tuple(
            Plot(
                title=prefix + _title(column),
                unit=next((unit for end, unit in _UNITS.items() if column.endswith(end)), ""),
                curves=tuple(
                    history.curve(name, column, now_ns, self._seconds)
                    for name, history in self._histories.items()
                ),
            )
            for column in self.columns
        )

    def close(self) -> None:
        """Leave the stream."""
        self._reader.close()


class RowHistory:
    """The last rows of one curve, and when they were measured."""

    def __init__(self) -> None:
        self._rows: NDArray[Any] | None = None
        self._times_ns = np.empty(0, np.int64)

    def add(self, rows: NDArray[Any], now_ns: int) -> None:
        """Take in rows; the oldest go when there are too many. Rows that tell no time are from now."""
        timed = "time_ns" in (rows.dtype.names or ())
        times_ns = rows["time_ns"] if timed else np.full(len(rows), now_ns)
        if self._rows is None or self._rows.dtype != rows.dtype:  # the first, or of a writer of other rows
            self._rows, self._times_ns = rows[:0], self._times_ns[:0]
        self._rows = np.concatenate([self._rows, rows])[-HISTORY_ROWS:]
        self._times_ns = np.concatenate([self._times_ns, times_ns])[-HISTORY_ROWS:]

    def curve(self, name: str, column: str, now_ns: int, seconds: float) -> Curve:
        """Return a column over the seconds before now; an empty curve if there is no such column."""
        rows = self._rows
        if rows is None or column not in (rows.dtype.names or ()):
            return Curve(name, np.empty(0), np.empty(0))
        recent = (self._times_ns - now_ns) * 1e-9 >= -seconds
        every = slice(None, None, max(1, int(recent.sum()) // _POINTS))
        values = np.asarray(rows[column][recent][every], np.float64)
        if _is_place(column) and len(values):
            values = values - np.nanmedian(values)
        return Curve(name, (self._times_ns[recent][every] - now_ns) * 1e-9, values)


def number_columns(dtype: np.dtype[Any]) -> tuple[str, ...]:
    """Return the first columns of rows that hold a measured number each.

    Examples
    --------
    >>> number_columns(np.dtype([("time_ns", "i8"), ("x_um", "f8"), ("on", "?"), ("lut", "f4", 3)]))
    ('x_um', 'on')
    """
    names = [name for name in dtype.names or () if name not in _NO_VALUES]
    return tuple(name for name in names if dtype[name].kind in "buif" and not dtype[name].shape)[:MOST_PLOTS]


def newest_by_bead(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the last row of each bead."""
    _, last = np.unique(rows["bead"][::-1], return_index=True)
    return np.asarray(rows[::-1][last])


def _title(column: str) -> str:
    """Return what a column is called over its plot."""
    word = column.rpartition("_")[0] or column
    return f"{word} - median" if _is_place(column) else word


def _is_place(column: str) -> bool:
    """Whether a column is a place in the image: beads lie far apart, so each is shown around its median."""
    return column in ("x_px", "y_px")
