"""Clocks that stand still until somebody moves them: a test, or whoever waits."""

from __future__ import annotations

import threading

from parfocal.core.errors import BadInputError


class ManualClock:
    """A `parfocal.core.clock.Clock` that stands still until `advance` is called. Thread-safe.

    Examples
    --------
    >>> clock = ManualClock()
    >>> clock.advance(1.5)
    >>> clock.monotonic_ns()
    1500000000
    """

    def __init__(self, monotonic_ns: int = 0, utc_ns: int = 1_700_000_000_000_000_000) -> None:
        self._now_ns = monotonic_ns
        self._utc_offset_ns = utc_ns - monotonic_ns
        self._moved = threading.Condition()
        self._ends_ns: list[int] = []

    def monotonic_ns(self) -> int:
        """Nanoseconds, as far as it was advanced."""
        return self._now_ns

    def utc_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC; goes along with the monotonic time."""
        return self._now_ns + self._utc_offset_ns

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Block until `event` is set or the clock has been advanced by `timeout_s`."""
        with self._moved:
            end_ns = self._now_ns + int(timeout_s * 1e9)
            self._ends_ns.append(end_ns)
            self._moved.notify_all()
            try:
                while not event.is_set() and self._now_ns < end_ns:
                    self._moved.wait(0.01)  # the event itself does not tell this clock
            finally:
                self._ends_ns.remove(end_ns)
        return event.is_set()

    def sleep(self, seconds: float) -> None:
        """Block until the clock has been advanced by `seconds`."""
        self.wait(threading.Event(), seconds)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass, and wake whoever waited for that."""
        if seconds < 0:
            raise BadInputError(f"time does not go back, not even by {-seconds} s")
        with self._moved:
            self._now_ns += int(seconds * 1e9)
            self._moved.notify_all()

    def wait_for_waiters(self, count: int = 1, timeout_s: float = 30.0) -> bool:
        """Block, in real time, until `count` threads wait for a later time; return whether they do."""
        with self._moved:
            return self._moved.wait_for(lambda: self._pending() >= count, timeout_s)

    def _pending(self) -> int:
        return sum(end_ns > self._now_ns for end_ns in self._ends_ns)


class JumpClock(ManualClock):
    """A `ManualClock` that is moved on by whoever waits, by as long as was asked for. Thread-safe.

    Examples
    --------
    >>> clock = JumpClock()
    >>> clock.wait(threading.Event(), 2.5)
    False
    >>> clock.monotonic_ns()
    2500000000
    """

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Return at once: True if `event` is set, else False after moving on by `timeout_s`."""
        if event.is_set():
            return True
        self.advance(max(0.0, timeout_s))
        return event.is_set()
