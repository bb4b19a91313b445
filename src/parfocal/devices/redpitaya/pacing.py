"""How a measurement waits: with a function that it is given, so that its caller can cancel it."""

from __future__ import annotations

from collections.abc import Callable

from parfocal.core.clock import SYSTEM_CLOCK

Wait = Callable[[float], object]
"""Waits for some seconds; raises, at once, when the measurement is no longer wanted."""

uncancelled: Wait = SYSTEM_CLOCK.sleep
