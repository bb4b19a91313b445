"""Snapshots of all rigs of this user, whoever started them, for windows that show whatever goes on."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.reminder import Reminder
from parfocal.processes import directory
from parfocal.rig.snapshots import GONE, RigSnapshot, Snapshots

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOOK_S = 0.5
"""Between two looks at which rigs there are."""


class AllSnapshots:
    """Keeps a snapshot of each rig of this user, of those that have ended the last one with their runs.

    Nothing here waits but `join`: rigs are looked for, and looked at, in threads of their own. `latest` is
    for the timer of a window.

    Examples
    --------
    >>> with AllSnapshots() as snapshots:
    ...     isinstance(snapshots.latest(), dict)
    True
    """

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._latest: dict[str, RigSnapshot] = {}
        self._rigs: dict[str, Snapshots] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._look_for_rigs, name="snapshots of all rigs", daemon=True)
        self._thread.start()
        self._reminder = Reminder(self, "the snapshots of all rigs")

    def latest(self) -> Mapping[str, RigSnapshot]:
        """Return the newest snapshot of each rig, by its name. Never waits."""
        return self._latest

    def look(self) -> None:
        """Have all rigs looked at now. Never waits."""
        with self._lock:
            rigs = tuple(self._rigs.values())
        for rig in rigs:
            rig.look()

    def close(self) -> None:
        """Look no more. Idempotent; never waits."""
        self._reminder.cancel()
        self._closed.set()
        with self._lock:
            rigs = tuple(self._rigs.values())
        for rig in rigs:
            rig.close()

    def join(self) -> bool:
        """Wait until the threads have let go of their rigs; return whether they have."""
        self._thread.join()
        ended = [rig.join() for rig in self._rigs.values()]
        return all(ended)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self.join()

    def _look_for_rigs(self) -> None:
        while not self._closed.is_set():
            for record in directory.rigs():
                self._follow(record.rig)
            self._clock.wait(self._closed, _LOOK_S)

    def _follow(self, rig: str) -> None:
        with self._lock:
            if rig not in self._rigs and not self._closed.is_set():
                self._rigs[rig] = Snapshots(rig, self._take)

    def _take(self, snapshot: RigSnapshot) -> None:
        """Replace the mapping as a whole: whoever reads it has all rigs as they were at one instant."""
        with self._lock:
            others = {name: known for name, known in self._latest.items() if name != snapshot.rig.name}
            if snapshot.rig.state != GONE or snapshot.runs:
                others[snapshot.rig.name] = snapshot
            self._latest = dict(sorted(others.items()))
