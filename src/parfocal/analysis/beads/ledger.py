"""What became of each frame that the tracker was offered. It outlives a restart of the front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.analysis.beads.merge import REASONS, Merge
from parfocal.streams.counters import Counters

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_NAMES = ("tracked", *REASONS, "started", "ring_ns", "start", "ended", "next")


class TrackLedger:
    """Counts of the merge, so that produced = tracked + dropped + in flight at any time.

    Parameters
    ----------
    path : Path
        Where the counts lie.
    owner : int
        Pid of the rig's main process: another rig begins at 0.
    """

    def __init__(self, path: Path, owner: int) -> None:
        self._counters = Counters(path, _NAMES, owner)

    def begin(self, workers: int, ring_ns: int, produced: int) -> Merge:
        """Return the merge to go on with: from where a dead front was, or from the next frame of the ring."""
        counters = self._counters
        resumed = bool(counters["started"])
        if resumed:
            merge = Merge(workers, counters["ring_ns"], counters["next"], resumed=True)
            merge.dropped.update({reason: counters[reason] for reason in REASONS})
            return merge
        counters["ring_ns"], counters["start"], counters["next"] = ring_ns, produced, produced
        counters["started"] = 1
        return Merge(workers, ring_ns, produced)

    def note(self, merge: Merge, tracked: int) -> None:
        """Take over how far the merge is; `tracked` more frames were passed on."""
        counters = self._counters
        counters["next"] = merge.next  # first: who reads it last never sees more outcomes than frames
        for reason, count in merge.dropped.items():
            counters[reason] = count
        counters["tracked"] += tracked

    def end_ring(self, merge: Merge) -> None:
        """Close the account of a ring whose frames were all given or dropped."""
        counters = self._counters
        counters["ended"] += merge.next - counters["start"]

    def begin_ring(self, merge: Merge) -> None:
        """Open the account of a new ring."""
        counters = self._counters
        counters["start"], counters["next"], counters["ring_ns"] = 0, 0, merge.ring_ns

    def counts(self, produced: Callable[[], int]) -> dict[str, Any]:
        """Return frames offered, tracked, dropped by reason, and in flight. Any thread.

        `produced` counts the frames of the present ring; it is looked at last.
        """
        numbers = self._counters.snapshot()
        dropped = {reason: numbers[reason] for reason in REASONS if numbers[reason]}
        offered = numbers["ended"] + max(produced(), numbers["next"]) - numbers["start"]
        return {
            "produced": offered,
            "tracked": numbers["tracked"],
            "dropped": dropped,
            "in_flight": offered - numbers["tracked"] - sum(dropped.values()),
        }
