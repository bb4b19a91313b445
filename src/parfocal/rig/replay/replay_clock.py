"""A clock that is set by what was recorded: who waits on it has waited already."""

from __future__ import annotations

import threading

FOREVER_S = 1e9
"""Who waits for longer than that waits for somebody, and not for the time."""


class ReplayClock:
    """Satisfies `parfocal.core.clock.Clock`. Any thread.

    Parameters
    ----------
    now_ns : int
        Where it begins, on the monotonic clock of the record.
    """

    def __init__(self, now_ns: int) -> None:
        self._lock = threading.Lock()
        self._now_ns = now_ns

    def monotonic_ns(self) -> int:
        """Return where it stands."""
        with self._lock:
            return self._now_ns

    def utc_ns(self) -> int:
        """Return the same: a replay has no date."""
        return self.monotonic_ns()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Let the time pass at once, and return whether the event is set; wait for it if that has no end."""
        if timeout_s >= FOREVER_S:
            return event.wait()
        self.sleep(timeout_s)
        return event.is_set()

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        with self._lock:
            self._now_ns += max(0, int(seconds * 1e9))

    def reach(self, time_ns: int) -> None:
        """Go on to a time that was recorded; never back."""
        with self._lock:
            self._now_ns = max(self._now_ns, time_ns)
