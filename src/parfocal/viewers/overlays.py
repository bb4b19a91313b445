"""What lies over a live image: regions from the service that owns them, colours and curves from its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import StreamError
from parfocal.streams import follow_latest
from parfocal.viewers.feed import newest_by_bead
from parfocal.viewers.panes import Curve, Marker, Plot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

HISTORY_ROWS = 20_000
"""Rows of one bead that are kept for its curve at most."""
_POINTS = 1000
_UNITS = {"_px": "px", "_nm": "nm", "_um": "um", "_pn": "pN", "_c": "C", "_v": "V"}
MOST_CURVES = 8


class RowFeed:
    """The newest rows of a stream with a column ``bead``, at a cost that does not grow with its length.

    Parameters
    ----------
    folder, name
        Of the stream; it need not be there yet.
    seconds : float
        How much of the past the curves show.
    """

    def __init__(self, folder: Path, name: str, seconds: float = 20.0, clock: Clock = SYSTEM_CLOCK) -> None:
        self.name = name
        self._reader = follow_latest(folder, name)
        self._seconds = seconds
        self._clock = clock
        self._newest: dict[int, NDArray[Any]] = {}
        self._history: dict[int, BeadHistory] = {}
        self.watched: tuple[int, ...] = ()

    def poll(self) -> bool:
        """Take in what is new; return whether there was anything. Never waits."""
        try:
            rows = self._reader.poll()
        except StreamError:
            return False
        if rows is None or not isinstance(rows, np.ndarray) or "bead" not in (rows.dtype.names or ()):
            return False
        for row in newest_by_bead(rows):
            self._newest[int(row["bead"])] = row
        for bead in self.watched:
            self._history.setdefault(bead, BeadHistory()).add(rows[rows["bead"] == bead])
        for bead in set(self._history) - set(self.watched):
            del self._history[bead]
        return True

    def kind_of(self, bead: int) -> str:
        """Return how a bead is by its newest row: "good", "flagged" or "untracked"."""
        row = self._newest.get(bead)
        if row is None:
            return "untracked"
        return "flagged" if "flags" in (row.dtype.names or ()) and row["flags"] else "good"

    def plots(self, columns: Iterable[str]) -> tuple[Plot, ...]:
        """Return a plot for each column, with a curve for each watched bead; thinned to a thousand points."""
        now_ns = self._clock.monotonic_ns()
        return tuple(
            Plot(
                title=_title(column),
                unit=next((unit for end, unit in _UNITS.items() if column.endswith(end)), ""),
                curves=tuple(
                    history.curve(f"bead {bead}", column, now_ns, self._seconds)
                    for bead, history in sorted(self._history.items())
                ),
            )
            for column in columns
        )

    def close(self) -> None:
        """Leave the stream."""
        self._reader.close()


def _title(column: str) -> str:
    """Return what a column is called over its plot."""
    word = column.rpartition("_")[0] or column
    return f"{word} - median" if _is_place(column) else word


def _is_place(column: str) -> bool:
    """Whether a column is a place in the image: beads lie far apart, so each is shown around its median."""
    return column in ("x_px", "y_px")


class BeadHistory:
    """The last rows of one bead."""

    def __init__(self) -> None:
        self._rows: NDArray[Any] | None = None

    def add(self, rows: NDArray[Any]) -> None:
        """Take in rows, the oldest go when there are too many."""
        both = rows if self._rows is None else np.concatenate([self._rows, rows])
        self._rows = both[-HISTORY_ROWS:]

    def curve(self, name: str, column: str, now_ns: int, seconds: float) -> Curve:
        """Return a column over the seconds before now; an empty curve if there is no such column."""
        rows = self._rows
        if rows is None or column not in (rows.dtype.names or ()):
            return Curve(name, np.empty(0), np.empty(0))
        x = (rows["time_ns"] - now_ns) * 1e-9
        recent = rows[x >= -seconds]
        thin = recent[:: max(1, len(recent) // _POINTS)]
        values = np.asarray(thin[column], np.float64)
        if _is_place(column) and len(values):
            values = values - np.nanmedian(values)
        return Curve(name, (thin["time_ns"] - now_ns) * 1e-9, values)


def markers(
    regions: Mapping[int, tuple[float, float]], size_px: float, rows: RowFeed | None
) -> tuple[Marker, ...]:
    """Return the regions as markers, coloured by the newest rows.

    Parameters
    ----------
    regions : mapping of int to (float, float)
        Centre x, y of the region of each bead, pixels.
    size_px : float
        Edge of a region.
    rows : RowFeed or None
        Tells how the beads are.
    """
    return tuple(
        Marker(bead, x, y, size_px, "untracked" if rows is None else rows.kind_of(bead))
        for bead, (x, y) in regions.items()
    )
