"""Published rows passed on, a few times a second, to what goes by them beside the tracking."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from parfocal.core.errors import StreamTimeoutError

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from parfocal.streams import StreamWriter

_MOST_BATCHES = 1 << 14


class TrackFollower(Protocol):
    """What goes by the rows of the tracker. Called by one thread at a time."""

    def add(self, rows: NDArray[Any]) -> None:
        """Take more rows (`TRACK_DTYPE`), whole frames in order."""

    def renumber(self, numbers: Mapping[int, int]) -> None:
        """Go by new numbers of the same beads; beads without a new one are gone."""


class TrackFeed:
    """Keeps published rows until they are passed on, so that who publishes them never waits. Thread-safe.

    Parameters
    ----------
    followers : sequence of TrackFollower
        Get all rows, in order.

    Attributes
    ----------
    missed : int
        Batches that were thrown away because nobody passed them on.
    """

    def __init__(self, *followers: TrackFollower) -> None:
        self._followers = followers
        self._waiting: deque[NDArray[Any]] = deque(maxlen=_MOST_BATCHES)
        self._lock = threading.Lock()
        self._least_version = 0
        self.missed = 0

    def put(self, rows: NDArray[Any]) -> None:
        """Keep rows for the followers, not to be changed any more. One thread at a time; never waits."""
        self.missed += len(self._waiting) == _MOST_BATCHES
        self._waiting.append(rows)

    def pass_on(self) -> None:
        """Give the followers what there is."""
        with self._lock:
            self._pass_on()

    def renumber(self, numbers: Mapping[int, int], version: int) -> None:
        """Tell the followers new numbers of the beads; rows of older versions of the regions are left out."""
        with self._lock:
            self._pass_on()
            self._least_version = version
            for follower in self._followers:
                follower.renumber(numbers)

    def _pass_on(self) -> None:
        parts = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not parts:
            return
        rows = np.concatenate(parts)
        rows = rows[rows["roi_version"] >= self._least_version]
        if len(rows):
            for follower in self._followers:
                follower.add(rows)


def write_or_warn(writer: StreamWriter, log: logging.Logger, rows: NDArray[Any]) -> None:
    """Write rows into a stream without waiting; where a reader leaves no room for them, the log says so."""
    try:
        writer.write_rows(rows, timeout_s=0.0)
    except StreamTimeoutError as error:
        log.warning("%d rows are not in the stream %r: %s", len(rows) - error.written, writer.name, error)
