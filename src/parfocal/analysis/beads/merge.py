"""Parts of several workers into one order: each frame once, those that never come counted. Pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.analysis.beads.rows import BEGINS, FRAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

REASONS = ("overrun", "late", "worker died", "stream restarted", "tracker restarted")
"""Why a frame was not tracked: its worker was too slow for the ring; it was not waited for any longer; its
worker ended; a new stream of frames began before its worker had found it; the coordinator itself ended with
rows that it had not yet passed on."""


class FramePart(NamedTuple):
    """One tracked frame: its place in the ring, and its rows, that for the frame first.

    Without any rows it says that its worker will give nothing before that place.
    """

    ring_ns: int
    sequence: int
    worker_pid: int
    rows: NDArray[Any]


class PartReader:
    """Cuts the rows of one worker into frames. A frame that its worker did not finish is left out."""

    def __init__(self) -> None:
        self._rest: NDArray[Any] | None = None

    def frames(self, rows: NDArray[Any]) -> Iterator[FramePart]:
        """Take more rows; give the frames that are complete."""
        if self._rest is not None:
            rows = np.concatenate([self._rest, rows])
        starts = np.flatnonzero(rows["bead"] == FRAME)
        ends = [*starts[1:].tolist(), len(rows)]
        self._rest = None
        for start, end in zip(starts.tolist(), ends, strict=True):
            part = rows[start:end]
            head = part[0]
            place = int(head["ring_ns"]), int(head["sequence"]), int(head["worker_pid"])
            if head["count"] == BEGINS:
                yield FramePart(*place, part[:0])
            elif len(part) == head["count"] + 1:
                yield FramePart(*place, part)
            elif end == len(rows):
                self._rest = part


class Merge:
    """Puts frames of `workers` workers in order; worker j has the numbers s with ``s % workers == j``.

    Parameters
    ----------
    workers : int
        How many.
    ring_ns, start : int
        Ring and sequence number of the first frame that counts.
    resumed : bool
        Whether an earlier merge got as far as that; what it had taken and not given is gone.

    Attributes
    ----------
    ring_ns, next : int
        What the next frame to be given is.
    dropped : dict of str to int
        Frames that were given up, for each of `REASONS`.

    Examples
    --------
    >>> merge, rows = Merge(workers=2), np.zeros(1)
    >>> merge.feed(1, [FramePart(0, 1, 5, rows)])
    >>> [part.sequence for part in merge.ready()], merge.is_waiting()
    ([], True)
    >>> merge.feed(0, [FramePart(0, 0, 4, rows)])
    >>> [part.sequence for part in merge.ready()], merge.is_waiting()
    ([0, 1], False)
    """

    def __init__(self, workers: int, ring_ns: int = 0, start: int = 0, resumed: bool = False) -> None:
        self._unknown = "tracker restarted" if resumed else "overrun"
        self.ring_ns = ring_ns
        self.next = start
        self.dropped = dict.fromkeys(REASONS, 0)
        self._queues: list[deque[FramePart]] = [deque() for _ in range(workers)]
        self._pids = [0] * workers
        self._missing: dict[int, str] = {}
        self._fresh: set[int] = set()

    @property
    def owner(self) -> int:
        """Which worker has the next frame."""
        return self.next % len(self._queues)

    def feed(self, worker: int, parts: list[FramePart]) -> None:
        """Take frames of one worker, in its order; what was given up or came before is passed over."""
        queue = self._queues[worker]
        for part in parts:
            if (part.ring_ns, part.sequence) >= (_after(queue[-1]) if queue else (self.ring_ns, self.next)):
                queue.append(part)
                self._missing.pop(worker, None)

    def ready(self) -> Iterator[FramePart]:
        """Give the frames that are next, as far as nothing is missing before them."""
        while True:
            queue = self._queues[self.owner]
            if queue and queue[0].ring_ns == self.ring_ns:
                part = queue[0]
                if part.sequence > self.next:
                    self._drop_one(self._why_missing(part))
                    continue
                queue.popleft()
                self._pids[self.owner] = part.worker_pid
                self._fresh.discard(self.owner)
                if len(part.rows):
                    self.next += 1
                    yield part
            elif (queue or self.owner in self._missing) and self._is_overtaken():
                self._drop_one(self._missing.get(self.owner, "overrun"))
            else:
                return

    def is_waiting(self) -> bool:
        """Whether frames lie here that could go on if the next one were there, or given up."""
        return any(self._queues)

    def give_up(self, reason: str) -> None:
        """Wait no longer for the owner of the next frame, until something new comes from it."""
        if self.is_waiting() and not self._queues[self.owner]:
            self._missing[self.owner] = reason

    def drop_until(self, sequence: int, reason: str) -> None:
        """Count everything before `sequence` as dropped that was not given; parts of it are passed over."""
        self.dropped[reason] += max(0, sequence - self.next)
        self.next = max(self.next, sequence)
        for queue in self._queues:
            while queue and queue[0].ring_ns == self.ring_ns and queue[0].sequence < self.next:
                queue.popleft()

    def next_ring(self) -> int | None:
        """Return the ring to go on with: a newer one, if every worker is there or given up; else None."""
        heads = [queue[0].ring_ns for queue in self._queues if queue]
        absent = [
            worker for worker, queue in enumerate(self._queues) if not queue and worker not in self._missing
        ]
        newest = min(heads, default=self.ring_ns)
        return newest if newest > self.ring_ns and not absent else None

    def begin_ring(self, ring_ns: int) -> None:
        """Go on with the first frame of a newer ring."""
        self.ring_ns, self.next = ring_ns, 0
        self._missing.clear()
        self._fresh = set(range(len(self._queues)))

    def _is_overtaken(self) -> bool:
        return any(queue and queue[0].ring_ns == self.ring_ns for queue in self._queues)

    def _why_missing(self, part: FramePart) -> str:
        """Why frames before this one will not come: another process sent them, or this one skipped them."""
        known = self._pids[self.owner]
        if self.owner in self._fresh:
            return "stream restarted"
        if known == 0:
            return self._unknown
        return "overrun" if known == part.worker_pid else "worker died"

    def _drop_one(self, reason: str) -> None:
        self.dropped[reason] += 1
        self.next += 1


def _after(part: FramePart) -> tuple[int, int]:
    """Return the first place that the same worker can give after this part."""
    return part.ring_ns, part.sequence + min(1, len(part.rows))
