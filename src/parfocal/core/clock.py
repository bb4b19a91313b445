"""The only reader of time: a monotonic clock for durations, UTC for records."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


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

    def sleep(self, seconds: float) -> None:
        """Block until `seconds` have passed on this clock; 0 or less lets other threads run."""
        ...


class SystemClock:
    """The clock of this machine."""

    def monotonic_ns(self) -> int:
        """Nanoseconds of the machine-wide monotonic clock."""
        return time.monotonic_ns()

    def monotonic_s(self) -> float:
        """Seconds of the same clock: for deadlines."""
        return time.monotonic()

    def utc_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        return time.time_ns()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Block until `event` is set or `timeout_s` has passed."""
        return event.wait(max(0.0, timeout_s))

    def sleep(self, seconds: float) -> None:
        """Block until `seconds` have passed."""
        time.sleep(max(0.0, seconds))


SYSTEM_CLOCK = SystemClock()


def poll_until(
    condition: Callable[[], bool], timeout_s: float, *, every_s: float = 0.02, clock: Clock = SYSTEM_CLOCK
) -> bool:
    """Ask `condition` again and again until it holds; return False if `timeout_s` passed first.

    For what nothing tells: the end of another program's process, a file that goes. It is asked at least once.

    Examples
    --------
    >>> poll_until(lambda: True, 0.0), poll_until(lambda: False, 0.0)
    (True, False)
    """
    end_ns = clock.monotonic_ns() + int(min(timeout_s, 1e9) * 1e9)
    while not condition():
        if clock.monotonic_ns() >= end_ns:
            return False
        clock.sleep(every_s)
    return True
