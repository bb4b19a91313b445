"""The newest rows of all beads, in memory that does not grow. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.analysis.beads.quality import XY_FLAGS, Z_FLAGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = 1 << 19
"""Rows that are kept: 50 s of 100 beads at 100 frames a second, in 21 MB."""
AXES = ("x", "y", "z")
_COLUMNS = {"x": "x_px", "y": "y_px", "z": "z_nm"}


class BeadTrace(NamedTuple):
    """Where a bead was: times, ns, and x and y in pixels and z in nm by axis, NaN where it was lost."""

    times_ns: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]]


class TraceStore:
    """A ring of rows of the tracker.

    Parameters
    ----------
    rows : int
        How many are kept.

    Examples
    --------
    >>> from parfocal.analysis.beads.rows import TRACK_DTYPE
    >>> new = np.zeros(3, TRACK_DTYPE)
    >>> new["bead"], new["time_ns"], new["z_nm"] = [4, 5, 4], [10, 10, 20], [1.0, 2.0, 3.0]
    >>> store = TraceStore(rows=8)
    >>> store.add(new)
    >>> store.trace(4, since_ns=0).values["z"].tolist(), sorted(store.newest)
    ([1.0, 3.0], [4, 5])
    """

    def __init__(self, rows: int = ROWS) -> None:
        self.newest: dict[int, Any] = {}
        """The newest row of each bead."""
        self._rows = rows
        self._next = 0
        self._count = 0
        self._times_ns = np.zeros(rows, np.int64)
        self._beads = np.full(rows, -1, np.int32)
        self._values = {axis: np.zeros(rows) for axis in AXES}

    @property
    def newest_ns(self) -> int:
        """When the newest row was measured; 0 before the first."""
        return int(self._times_ns[self._next - 1]) if self._count else 0

    def add(self, rows: NDArray[Any]) -> None:
        """Take in rows, of which those with a flag that spoils an axis are gaps there."""
        rows = rows[-self._rows :]
        places = (self._next + np.arange(len(rows))) % self._rows
        self._times_ns[places], self._beads[places] = rows["time_ns"], rows["bead"]
        for axis, column in _COLUMNS.items():
            spoiled = (rows["flags"] & np.uint32(Z_FLAGS if axis == "z" else XY_FLAGS)) != 0
            self._values[axis][places] = np.where(spoiled, np.nan, rows[column])
        self._next = int((self._next + len(rows)) % self._rows)
        self._count = min(self._rows, self._count + len(rows))
        beads, last = np.unique(rows["bead"][::-1], return_index=True)
        for bead, place in zip(beads.tolist(), last.tolist(), strict=True):
            self.newest[bead] = rows[len(rows) - 1 - place]

    def trace(self, bead: int, since_ns: int) -> BeadTrace:
        """Return what is known of a bead since a time, the oldest first."""
        mine = np.flatnonzero((self._beads == bead) & (self._times_ns >= since_ns))
        mine = np.concatenate([mine[mine >= self._next], mine[mine < self._next]])
        return BeadTrace(self._times_ns[mine], {axis: self._values[axis][mine] for axis in AXES})

    def keep(self, beads: set[int]) -> None:
        """Forget the newest rows of all other beads."""
        self.newest = {bead: row for bead, row in self.newest.items() if bead in beads}
