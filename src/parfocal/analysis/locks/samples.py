"""The newest rows of some beads, of frames that were exposed after a moment. Pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from numpy.typing import NDArray

    from parfocal.tracking.rows import Flag


class FreshSamples:
    """Rows of the tracker from the last `window` frames that show what is the case now.

    Frames count from the second one on that ended after the moment given to `clear`: the exposure of the
    first may have begun before it. Rows of older versions of the regions are left out.

    Parameters
    ----------
    columns : tuple of str
        What is averaged.
    spoiling : Flag
        Rows with one of these flags are left out.
    window : int
        How many frames.
    beads : collection of int or None
        Which beads; None for all.

    Attributes
    ----------
    rows_ns : int
        End of the exposure of the newest frame that was seen, fresh or not; 0 before any.

    Examples
    --------
    >>> from parfocal.analysis.beads.quality import Z_FLAGS
    >>> rows = np.zeros(
    ...     4, [("time_ns", "i8"), ("roi_version", "i4"), ("bead", "i4"), ("z_nm", "f8"), ("flags", "u4")]
    ... )
    >>> rows["time_ns"], rows["bead"], rows["z_nm"] = [10, 20, 30, 40], 7, [99, 1, 2, 3]
    >>> samples = FreshSamples(("z_nm",), Z_FLAGS, window=3)
    >>> samples.clear(after_ns=5)
    >>> samples.add(rows)
    >>> samples.full, samples.means()
    (True, {7: (2.0,)})
    """

    def __init__(
        self,
        columns: tuple[str, ...],
        spoiling: Flag,
        window: int,
        beads: Collection[int] | None = None,
    ) -> None:
        self._columns, self._spoiling = columns, np.uint32(spoiling)
        self._frames: deque[tuple[int, NDArray[Any]]] = deque(maxlen=window)
        self._beads = None if beads is None else np.array(sorted(beads), np.int64)
        self._version = -1
        self._after_ns = 0
        self._left_out_ns = -1
        self.rows_ns = 0

    @property
    def full(self) -> bool:
        """Whether there are rows of as many frames as asked for."""
        return len(self._frames) == self._frames.maxlen

    @property
    def version(self) -> int:
        """Version of the regions that the rows are of; -1 if there are none."""
        return self._version

    def clear(self, after_ns: int) -> None:
        """Forget all rows; take those of frames that were exposed after this moment (monotonic ns)."""
        self._frames.clear()
        self._after_ns = after_ns
        self._left_out_ns = -1

    def restart(self) -> None:
        """Forget all rows and their version: the rows that follow are of a tracker that was started anew."""
        self._frames.clear()
        self._version = -1

    def add(self, rows: NDArray[Any]) -> None:
        """Take more rows of the tracker, in order."""
        if not len(rows):
            return
        self.rows_ns = int(rows["time_ns"][-1])
        version = int(rows["roi_version"].max())
        if version > self._version:
            self._frames.clear()
            self._version = version
        rows = rows[(rows["roi_version"] == self._version) & (rows["time_ns"] >= self._after_ns)]
        for time_ns, frame in _frames_of(rows):
            if self._left_out_ns < 0:
                self._left_out_ns = time_ns
            if time_ns != self._left_out_ns:
                self._keep(time_ns, frame)

    def means(self) -> Mapping[int, tuple[float, ...]]:
        """Return the mean of each column by bead, for beads that are good in at least half of the frames."""
        if not self._frames:
            return {}
        rows = np.concatenate([frame for _, frame in self._frames])
        values = np.stack([rows[column] for column in self._columns])
        good = ((rows["flags"] & self._spoiling) == 0) & np.isfinite(values).all(axis=0)
        beads, places, counts = np.unique(rows["bead"][good], return_inverse=True, return_counts=True)
        means = [np.bincount(places, each, len(beads)) / counts for each in values[:, good]]
        enough = 2 * counts >= len(self._frames)
        kept = np.stack(means, axis=1)[enough]
        return dict(zip(beads[enough].tolist(), map(tuple, kept.tolist()), strict=True))

    def _keep(self, time_ns: int, rows: NDArray[Any]) -> None:
        if self._beads is not None:
            rows = rows[np.isin(rows["bead"], self._beads)]
        if self._frames and self._frames[-1][0] == time_ns:
            rows = np.concatenate([self._frames.pop()[1], rows])
        self._frames.append((time_ns, rows))


def _frames_of(rows: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the end of its exposure and the rows of each frame."""
    if len(rows):
        ends = np.flatnonzero(np.diff(rows["time_ns"])) + 1
        for part in np.split(rows, ends):
            yield int(part["time_ns"][0]), part
