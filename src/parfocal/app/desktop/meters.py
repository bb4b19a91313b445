"""What is measured beside snapshots: what processes take, and how fast streams grow."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from parfocal.app.desktop.status_rows import ProcessLoad
from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.reminder import Reminder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from parfocal.core.status import RigStatus

_MEASURES_EVERY_S = 1.0
_WINDOW_S = 1.5


class LoadMeter:
    """Measures processes once a second, in a thread of its own.

    Parameters
    ----------
    pids : callable
        Returns which processes; called in that thread.

    Attributes
    ----------
    loads : dict of int to ProcessLoad
        The newest, by process; replaced as a whole.
    """

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self.loads: dict[int, ProcessLoad] = {}
        self._pids = pids
        self._known: dict[int, psutil.Process] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._measure, name="loads", daemon=True)
        self._thread.start()
        self._reminder = Reminder(self, "the meter of loads")

    def close(self) -> None:
        """Measure no more. Idempotent; never waits."""
        self._reminder.cancel()
        self._closed.set()

    def _measure(self) -> None:
        while not self._closed.is_set():
            pids = {pid for pid in self._pids() if pid}
            self._known = {pid: known for pid, known in self._known.items() if pid in pids}
            loads = {}
            for pid in pids:
                with suppress(psutil.Error):
                    process = self._known.setdefault(pid, psutil.Process(pid))
                    memory = process.memory_info()
                    own = memory.rss - getattr(memory, "shared", 0)
                    loads[pid] = ProcessLoad(process.cpu_percent(), own)
            self.loads = loads
            SYSTEM_CLOCK.wait(self._closed, _MEASURES_EVERY_S)


class StreamRates:
    """Frames or rows that streams grow by in a second, from one status to the next."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def rates(self, rig: RigStatus) -> Mapping[str, float]:
        """Return the rate of each stream over the last second or so; without those just seen for once."""
        now_s = self._clock.monotonic_ns() / 1e9
        self._seen = {name: self._seen.get(name, deque()) for name in rig.streams}
        rates = {}
        for name, seen in self._seen.items():
            produced = rig.streams[name].produced
            if seen and produced < seen[-1][1]:  # another ring
                seen.clear()
            seen.append((now_s, produced))
            while len(seen) > 2 and now_s - seen[1][0] >= _WINDOW_S:
                seen.popleft()
            if (elapsed_s := now_s - seen[0][0]) > 0:
                rates[name] = (produced - seen[0][1]) / elapsed_s
        return rates
