"""The only reader of time: a monotonic clock for durations, UTC for records."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Time as everybody reads it.

    On one machine `monotonic_ns` is the same for all processes, so times may be compared across them
    (Linux ``CLOCK_MONOTONIC``, Windows QPC, macOS ``mach_absolute_time``).
    """

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary origin; never goes back."""
        ...

    def utc_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC; may be stepped by the operating system."""
        ...

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Block until `event` is set or `timeout_s` has passed on this clock; return whether it is set."""
        ...


class SystemClock:
    """The clock of this machine."""

    def monotonic_ns(self) -> int:
        """Nanoseconds of the machine-wide monotonic clock."""
        return time.monotonic_ns()

    def utc_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        return time.time_ns()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Block until `event` is set or `timeout_s` has passed."""
        return event.wait(max(0.0, timeout_s))


SYSTEM_CLOCK = SystemClock()
