"""How a measurement waits: with a function that it is given, so that its caller can cancel it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import CancelledError

if TYPE_CHECKING:
    from parfocal.core.clock import Clock


class Wait(Protocol):
    """Waits for some seconds; raises, at once, when the measurement is no longer wanted."""

    def __call__(self, seconds: float, /) -> object:
        """Wait."""
        ...


def until(cancel: threading.Event, clock: Clock = SYSTEM_CLOCK) -> Wait:
    """Return a wait that raises `CancelledError` as soon as `cancel` is set.

    Examples
    --------
    >>> stop = threading.Event()
    >>> wait = until(stop)
    >>> wait(0.0)
    >>> stop.set()
    >>> wait(10.0)
    Traceback (most recent call last):
        ...
    parfocal.core.errors.CancelledError: cancelled
    """

    def wait(seconds: float, /) -> None:
        if clock.wait(cancel, seconds):
            raise CancelledError("cancelled", phase="running")

    return wait


def uncancelled(seconds: float, /) -> None:
    """Wait; nobody can cancel it."""
    SYSTEM_CLOCK.sleep(seconds)
