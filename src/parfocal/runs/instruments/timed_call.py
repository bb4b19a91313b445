"""A call that is under way while something else is done, and how long it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parfocal.core.clock import Clock
    from parfocal.ipc import Call


class TimedCall:
    """Tells how long a call took that is under way while something else is done."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._began_ns, self._ended_ns = clock, clock.monotonic_ns(), 0

    @property
    def took_s(self) -> float:
        """How long it took, seconds; 0 if there was none."""
        return max(0, self._ended_ns - self._began_ns) * 1e-9

    def follow(self, call: Call) -> None:
        """Note when a call ends."""
        self._began_ns = self._clock.monotonic_ns()
        call.add_done_callback(lambda _: self.ended())

    def ended(self) -> None:
        """Note that it has ended, unless that is known. Any thread."""
        self._ended_ns = self._ended_ns or self._clock.monotonic_ns()
