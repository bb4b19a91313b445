"""What the rows of a run come to, batch by batch: the same memory however long the run was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.storage import iter_rows
from parfocal.tracking.rows import Flag

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_ROWS = 1_000_000
"""Of longer tables the rows of every second, third ... frame are drawn and compared with the truth."""
_MOST_DELAYS = 2**18


class TrackDigest:
    """Counts and times over rows of tracks, which are added frame by frame, in order.

    Examples
    --------
    >>> columns = [("frame", "u8"), ("time_ns", "i8"), ("written_ns", "i8"), ("flags", "u4")]
    >>> digest = TrackDigest()
    >>> digest.add(np.array([(0, 0, 2_000_000, 0), (0, 0, 2_000_000, 8)], columns))
    >>> digest.add(np.array([(0, 0, 2_000_000, 0), (1, 10_000_000, 14_000_000, 0)], columns))
    >>> digest.rows, digest.frames, digest.flagged(), digest.latency_ms()["p50"]
    (4, 2, {'bad fit': 0.25}, 3.0)
    >>> digest.rates()
    {'camera': 100.0, 'tracked': 83.33}
    """

    def __init__(self) -> None:
        self.rows = 0
        self.frames = 0
        self._flags = dict.fromkeys(Flag, 0)
        self._last_frame: int | None = None
        self._delays: list[NDArray[np.float64]] = []
        self._every = 1
        self._spans = {"camera": _Span(), "tracked": _Span()}

    def add(self, rows: NDArray[Any]) -> None:
        """Take the next rows."""
        if not len(rows):
            return
        self.rows += len(rows)
        for flag in Flag:
            self._flags[flag] += int(((rows["flags"] & np.uint32(flag)) != 0).sum())
        begins = np.flatnonzero(np.diff(rows["frame"], prepend=rows["frame"][:1]) != 0)
        if self._last_frame is None or int(rows["frame"][0]) != self._last_frame:
            begins = np.concatenate([[0], begins])
        self._last_frame = int(rows["frame"][-1])
        first = rows[begins]
        self._add_delays((first["written_ns"] - first["time_ns"]) * 1e-6)
        self.frames += len(first)
        self._spans["camera"].add(first["time_ns"])
        self._spans["tracked"].add(first["written_ns"])

    def flagged(self) -> dict[str, float]:
        """Return the part of the rows that carries each flag, commonest first; only flags that occur."""
        shares = {
            str(flag.name).lower().replace("_", " "): count / self.rows
            for flag, count in self._flags.items()
            if count
        }
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def latency_ms(self) -> dict[str, float]:
        """Return the median and the 99th percentile of the time from exposure end to readable rows."""
        delays = np.concatenate(self._delays) if self._delays else np.empty(0)
        found = np.percentile(delays, (50, 99)) if len(delays) else (float("nan"), float("nan"))
        return {name: round(float(value), 3) for name, value in zip(("p50", "p99"), found, strict=True)}

    def rates(self) -> dict[str, float]:
        """Return frames a second: as they were exposed, and as their rows were published."""
        return {name: span.rate(self.frames) for name, span in self._spans.items()}

    def _add_delays(self, delays: NDArray[np.float64]) -> None:
        """Keep the delay of each frame; of many frames, of every second, fourth ..."""
        self._delays.append(delays[(-self.frames) % self._every :: self._every])
        if sum(map(len, self._delays)) > _MOST_DELAYS:
            self._delays = [np.concatenate(self._delays)[::2]]
            self._every *= 2


class _Span:
    """The earliest and the latest of many times."""

    def __init__(self) -> None:
        self._ends: tuple[int, int] | None = None

    def add(self, times_ns: NDArray[np.int64]) -> None:
        if len(times_ns):
            ends = int(times_ns.min()), int(times_ns.max())
            known = self._ends or ends
            self._ends = min(known[0], ends[0]), max(known[1], ends[1])

    def rate(self, count: int) -> float:
        span_s = (self._ends[1] - self._ends[0]) * 1e-9 if self._ends else 0.0
        return round((count - 1) / span_s, 2) if count > 1 and span_s > 0 else float("nan")


def digest_of(table: Path) -> TrackDigest:
    """Return the digest of a table of tracks."""
    digest = TrackDigest()
    for rows in iter_rows(table, ("frame", "time_ns", "written_ns", "flags")):
        digest.add(rows)
    return digest


def sampled_rows(table: Path, every: int) -> NDArray[Any]:
    """Return the rows of every `every`-th frame of a table, by the number of the frame."""
    parts = [rows[rows["frame"] % every == 0] for rows in iter_rows(table)]
    return np.concatenate(parts) if parts else np.empty(0)
