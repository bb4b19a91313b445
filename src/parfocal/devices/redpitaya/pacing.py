"""How a measurement waits: with a function that it is given, so that its caller can cancel it."""

from __future__ import annotations

from typing import Protocol

from parfocal.core.clock import SYSTEM_CLOCK


class Wait(Protocol):
    """Waits for some seconds; raises, at once, when the measurement is no longer wanted."""

    def __call__(self, seconds: float, /) -> object:
        """Wait."""
        ...


def uncancelled(seconds: float, /) -> None:
    """Wait; nobody can cancel it."""
    SYSTEM_CLOCK.sleep(seconds)
