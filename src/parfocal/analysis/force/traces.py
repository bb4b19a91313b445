"""The newest rows of chosen beads, as evenly spaced traces. Pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from parfocal.tracking.rows import Flag

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SPOILING = np.uint32(Flag.EMPTY | Flag.NOT_CONVERGED | Flag.AT_EDGE | Flag.SATURATED)
"""A row with one of these says nothing of where the bead is."""
HEIGHT_SPOILING = SPOILING | np.uint32(Flag.OFF_TABLE | Flag.BAD_FIT | Flag.AMBIGUOUS)
"""A row with one of these says nothing of its height."""
FEWEST_HEIGHTS = 400
"""Of so many the lowest hundredth is a few."""
MOST_ROWS = 4_000_000
"""A window holds no more of them, whatever its length: some 200 MB."""
_RATE_FRAMES = 25
"""Over so many frames the camera's rate is looked at."""
_SHORT_PAUSE = 0.02
"""A pause that is a smaller part of what follows changes the rate by less than that, and does not count."""
_OTHER_RATE = 0.2
"""A rate that differs by more than this part is another one."""
_KEPT = ("frame", "time_ns", "bead", "x_px", "y_px", "z_nm", "sigma_x_px", "sigma_y_px", "flags")


class Traces(NamedTuple):
    """Beads over frames that follow one another at one rate, NaN where there is no good row.

    Attributes
    ----------
    beads : tuple of int
        In the order of the columns.
    time_ns : int
        End of the exposure of the last frame; 0 without any.
    interval_s : float
        From frame to frame; NaN for fewer than two.
    place_px, sigma_px, z_nm : ndarray, (frames, beads)
        Along the axis of the motion, its standard deviation, and the height.
    """

    beads: tuple[int, ...]
    time_ns: int
    interval_s: float
    place_px: Floats
    sigma_px: Floats
    z_nm: Floats


class TraceWindow:
    """Rows of the tracker within a window of time, of chosen beads.

    Parameters
    ----------
    window_s : float
        How long it is; the newest row is at its end.

    Examples
    --------
    >>> rows = np.zeros(6, [*((name, "f8") for name in _KEPT[:-1]), ("flags", "u4")])
    >>> rows["frame"], rows["bead"] = [1, 1, 2, 2, 4, 4], [7, 8] * 3
    >>> rows["time_ns"], rows["x_px"] = rows["frame"] * 1e8, rows["frame"] * 10
    >>> window = TraceWindow(10.0)
    >>> window.add(rows)
    >>> traces = window.traces([7], "x")
    >>> traces.place_px[:, 0].tolist(), round(traces.interval_s, 6)
    ([10.0, 20.0, nan, 40.0], 0.1)
    """

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self._parts: deque[NDArray[Any]] = deque()
        self._rows = 0

    def clear(self) -> None:
        """Forget all rows: frames are counted anew."""
        self._parts.clear()
        self._rows = 0

    def add(self, rows: NDArray[Any]) -> None:
        """Take more rows, in the order of their frames; those of a camera that counts anew begin anew."""
        if not len(rows):
            return
        anew = np.flatnonzero(rows["frame"][1:] < rows["frame"][:-1])
        if anew.size or (self._parts and rows["frame"][0] < self._parts[-1]["frame"][-1]):
            self.clear()
            rows = rows[anew[-1] + 1 :] if anew.size else rows
        self._parts.append(_kept(rows))
        self._rows += len(rows)
        begin_ns = int(rows["time_ns"][-1]) - round(self.window_s * 1e9)
        while len(self._parts) > 1 and (self._parts[0]["time_ns"][-1] < begin_ns or self._rows > MOST_ROWS):
            self._rows -= len(self._parts.popleft())

    def beads(self) -> tuple[int, ...]:
        """Return all beads that there are rows of."""
        found = [np.unique(part["bead"]) for part in self._parts]
        return tuple(np.unique(np.concatenate(found)).tolist()) if found else ()

    def traces(self, beads: Collection[int], axis: str, since_ns: int = 0) -> Traces:
        """Return the traces of beads along an axis, of frames that ended after a moment.

        Frames before the camera last paused, or went over to another rate, are left out.
        """
        columns = np.array(sorted(beads), np.int64)
        rows = np.concatenate(list(self._parts)) if self._parts else np.zeros(0, _DTYPE)
        last_ns = int(rows["time_ns"][-1]) if len(rows) else 0
        begin_ns = max(since_ns, last_ns - round(self.window_s * 1e9))
        rows = rows[(rows["time_ns"] > begin_ns) & np.isin(rows["bead"], columns)]
        if not len(rows):
            none = np.zeros((0, len(columns)))
            return Traces(tuple(columns.tolist()), last_ns, float("nan"), none, none, none)
        rows = rows[evenly_since(rows["frame"].astype(np.int64), rows["time_ns"]) :]
        frame = rows["frame"].astype(np.int64) - int(rows["frame"][0])
        shape, at = (int(frame[-1]) + 1, len(columns)), (frame, np.searchsorted(columns, rows["bead"]))
        span_ns = int(rows["time_ns"][-1]) - int(rows["time_ns"][0])
        good = (rows["flags"] & SPOILING) == 0
        high = (rows["flags"] & HEIGHT_SPOILING) == 0
        return Traces(
            beads=tuple(columns.tolist()),
            time_ns=last_ns,
            interval_s=span_ns * 1e-9 / (shape[0] - 1) if shape[0] > 1 else float("nan"),
            place_px=_filled(shape, at, np.where(good, rows[f"{axis}_px"], np.nan)),
            sigma_px=_filled(shape, at, np.where(good, rows[f"sigma_{axis}_px"], np.nan)),
            z_nm=_filled(shape, at, np.where(high, rows["z_nm"], np.nan)),
        )


def evenly_since(frame: NDArray[np.int64], time_ns: NDArray[np.int64]) -> int:
    """Return the first of the rows, in the order of their frames, from which on they follow at one rate.

    Medians of 25 frames tell the rate: single frames that come late change nothing.

    Examples
    --------
    >>> frame = np.arange(100)
    >>> paused = frame * 10_000_000 + np.where(frame < 40, 0, 5_000_000_000)
    >>> slower = np.where(frame < 40, frame, 3 * frame - 80) * 10_000_000
    >>> evenly_since(frame, paused), evenly_since(frame, slower), evenly_since(frame, 10_000_000 * frame)
    (40, 40, 0)
    """
    begins = np.flatnonzero(np.diff(frame, prepend=frame[0] - 1))
    steps, elapsed_ns = np.diff(frame[begins]), np.diff(time_ns[begins])
    if not steps.size:
        return 0
    each_ns = elapsed_ns / steps
    newest_ns = np.median(each_ns[-_RATE_FRAMES:])
    followed_ns = time_ns[-1] - time_ns[begins][:-1]
    late_ns = elapsed_ns - steps * newest_ns
    since = _after_last((late_ns > _RATE_FRAMES * newest_ns) & (late_ns > _SHORT_PAUSE * followed_ns), 1)
    if steps.size >= _RATE_FRAMES:
        medians = np.median(sliding_window_view(each_ns, _RATE_FRAMES), axis=1)
        other = np.abs(medians / newest_ns - 1) > _OTHER_RATE
        since = max(since, _after_last(other, _RATE_FRAMES // 2 + 1))
    return int(begins[since])


def _after_last(which: NDArray[np.bool_], behind: int) -> int:
    found = np.flatnonzero(which)
    return int(found[-1]) + behind if found.size else 0


_DTYPE = np.dtype(
    [("frame", "<u8"), ("time_ns", "<i8"), ("bead", "<i4"), *((name, "<f8") for name in _KEPT[3:-1]),
     ("flags", "<u4")]
)  # fmt: skip


def _kept(rows: NDArray[Any]) -> NDArray[Any]:
    kept = np.empty(len(rows), _DTYPE)
    for name in _KEPT:
        kept[name] = rows[name]
    return kept


def _filled(shape: tuple[int, int], at: Any, values: Floats) -> Floats:
    result = np.full(shape, np.nan)
    result[at] = values
    return result
