"""The board's own time: a counter at 125 MHz, computed from an injected clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from parfocal.core.clock import Clock

TICK_NS = 8
TICKS_PER_S = 125_000_000


class Timeline:
    """Counts ticks of 8 ns since it was made.

    Nothing runs at that rate: whoever wants to know the state of the board at a tick works it out then.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._start_ns = clock.monotonic_ns()

    def now(self) -> int:
        """Return the tick now; never goes back."""
        return (self._clock.monotonic_ns() - self._start_ns) // TICK_NS
