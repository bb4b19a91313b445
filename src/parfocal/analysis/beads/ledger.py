"""What became of each frame that the tracker was offered. It outlives a restart of the coordinator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.analysis.beads.merge import REASONS, Merge
from parfocal.streams.counters import Counters

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PLACE = ("ring_ns", "before", "next")
"""Ring of the next frame, how many frames were offered before that ring, and the next frame in it."""

_NAMES = (
    "tracked",
    "rows",
    "usable",
    *REASONS,
    "started",
    *(f"{name} {buffer}" for buffer in (0, 1) for name in _PLACE),
    "version",
)


class TrackLedger:
    """Counts of the merge, so that produced = tracked + dropped + in flight at any time.

    A coordinator may be killed between any two stores. How far it was stands in one of two buffers, and a
    single store goes over to the other one; of which frames it had not yet told what became, its successor
    tells that they were lost.

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
        """Return the merge to go on with: from where a dead coordinator was, or from the next frame."""
        counters = self._counters
        if not counters["started"]:
            self._store(0, ring_ns, -produced, produced)
            counters["started"] = 1
            return Merge(workers, ring_ns, produced)
        numbers = counters.snapshot()
        ring_ns, before, place = _place(numbers)
        stated = numbers["tracked"] + sum(numbers[reason] for reason in REASONS)
        counters["tracker restarted"] += before + place - stated
        merge = Merge(workers, ring_ns, place, resumed=True)
        merge.dropped.update({reason: counters[reason] for reason in REASONS})
        return merge

    def note(self, merge: Merge, tracked: int) -> None:
        """Take over how far the merge is; `tracked` more frames were passed on."""
        counters = self._counters
        # first: who reads it last never sees more outcomes than frames
        counters[f"next {counters['version']}"] = merge.next
        for reason, count in merge.dropped.items():
            counters[reason] = count
        counters["tracked"] += tracked

    def count_rows(self, rows: int, usable: int) -> None:
        """Count rows that were published, and how many of them are usable."""
        self._counters["rows"] += rows
        self._counters["usable"] += usable

    def change_ring(self, merge: Merge) -> None:
        """Go over to the ring where the merge is now; all frames of the one before were given or dropped."""
        _, before, place = _place(self._counters.snapshot())
        self._store(1 - self._counters["version"], merge.ring_ns, before + place, 0)

    def counts(self, produced: Callable[[], int]) -> dict[str, Any]:
        """Return frames offered, tracked, dropped by reason, and in flight. Any thread.

        `produced` counts the frames of the present ring; it is looked at last.
        """
        numbers = self._counters.snapshot()
        dropped = {reason: numbers[reason] for reason in REASONS if numbers[reason]}
        _, before, place = _place(numbers)
        offered = before + max(produced(), place)
        return {
            "produced": offered,
            "tracked": numbers["tracked"],
            "dropped": dropped,
            "in_flight": offered - numbers["tracked"] - sum(dropped.values()),
        }

    def row_counts(self) -> dict[str, int]:
        """Return how many rows of beads were published, and how many of them are usable. Any thread."""
        return {name: self._counters[name] for name in ("rows", "usable")}

    def _store(self, buffer: int, *place: int) -> None:
        for name, value in zip(_PLACE, place, strict=True):
            self._counters[f"{name} {buffer}"] = value
        self._counters["version"] = buffer


def _place(numbers: dict[str, int]) -> tuple[int, int, int]:
    ring_ns, before, place = (numbers[f"{name} {numbers['version']}"] for name in _PLACE)
    return ring_ns, before, place
