"""A clock for tests: time passes when somebody waits, or when it is told to."""

from __future__ import annotations

import threading


class JumpClock:
    """A clock on which waiting takes no time: `wait` moves it on by what was asked for. Thread-safe.

    Examples
    --------
    >>> clock = JumpClock()
    >>> clock.wait(threading.Event(), 2.5)
    False
    >>> clock.monotonic_ns()
    2500000000
    """

    def __init__(self, start_ns: int = 0, utc_ns: int = 1_700_000_000_000_000_000) -> None:
        self._now = start_ns
        self._utc = utc_ns - start_ns
        self._lock = threading.Lock()

    def monotonic_ns(self) -> int:
        """Return the time, which stands still."""
        return self._now

    def utc_ns(self) -> int:
        """Return the same instant in UTC."""
        return self._now + self._utc

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Return at once: True if `event` is set, else False after moving on by `timeout_s`."""
        if event.is_set():
            return True
        self.advance(max(0.0, timeout_s))
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """Move on."""
        with self._lock:
            self._now += round(seconds * 1e9)
