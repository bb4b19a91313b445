"""A clock on which waiting takes no time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.testing.clock import ManualClock

if TYPE_CHECKING:
    import threading


class JumpClock(ManualClock):
    """A `ManualClock` that is moved on by whoever waits, by as long as was asked for. Thread-safe.

    Examples
    --------
    >>> import threading
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
