"""What is seen of a laboratory meanwhile: deaths that it tells, and how the machine keeps up."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from parfocal.core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from parfocal.ipc import Notice
    from parfocal.rig.rig import Rig

_LOST = frozenset({"crashed", "hung", "degraded"})
_TICK_S = 0.02


class ChaosWatch:
    """Hears when processes are told to be lost, and notes how long this machine stood still.

    Parameters
    ----------
    rig : Rig
        Whose notices it hears.
    """

    def __init__(self, rig: Rig) -> None:
        self._lock = threading.Lock()
        self._told: list[tuple[str, float]] = []
        self._held_up_s = 0.0
        self._ended = threading.Event()
        self._subscription = rig.subscribe(self._hear, topics=("state",))
        self._thread = threading.Thread(target=self._tick, name="held up", daemon=True)
        self._thread.start()

    def seen_s(self, service: str, since_s: float) -> float | None:
        """Return when a service was first told to be lost after that time; None if it was not."""
        with self._lock:
            return next((at for name, at in self._told if name == service and at >= since_s), None)

    def take_held_up_s(self) -> float:
        """Return the longest time that this process did not get to run since the last call."""
        with self._lock:
            held_up_s, self._held_up_s = self._held_up_s, 0.0
        return held_up_s

    def close(self) -> None:
        """End both threads. Idempotent."""
        self._ended.set()
        self._thread.join()
        self._subscription.close()

    def _hear(self, notice: Notice) -> None:
        if notice.service == "rig" and notice.payload.get("state") in _LOST:
            with self._lock:
                self._told.append((notice.payload["name"], notice.time_ns * 1e-9))

    def _tick(self) -> None:
        last_s = SYSTEM_CLOCK.monotonic_s()
        while not self._ended.is_set():
            SYSTEM_CLOCK.wait(self._ended, _TICK_S)
            now_s = SYSTEM_CLOCK.monotonic_s()
            with self._lock:
                self._held_up_s = max(self._held_up_s, now_s - last_s - _TICK_S)
            last_s = now_s
