"""What drives the syringe: a driver has these four methods; this one simulates, by a clock."""

from parfocal.core.clock import Clock


class SimulatedSyringe:
    """A syringe that a motor empties at a rate."""

    def __init__(self, volume_ul: float, clock: Clock) -> None:
        self._volume_ul, self._clock = volume_ul, clock
        self._rate_ul_per_min = 0.0
        self._pumped_ul, self._since_ns = 0.0, clock.monotonic_ns()

    def set_rate(self, rate_ul_per_min: float) -> None:
        """Pump at a rate from now on; 0 stops."""
        self._pumped_ul, self._since_ns = self.pumped_ul(), self._clock.monotonic_ns()
        self._rate_ul_per_min = rate_ul_per_min

    def rate(self) -> float:
        """Return the rate, microlitres in a minute."""
        return self._rate_ul_per_min if self.pumped_ul() < self._volume_ul else 0.0

    def pumped_ul(self) -> float:
        """Return how much has left the syringe, microlitres."""
        minutes = (self._clock.monotonic_ns() - self._since_ns) / 60e9
        return min(self._pumped_ul + minutes * self._rate_ul_per_min, self._volume_ul)

    def refill(self) -> None:
        """Count from a full syringe again."""
        self._pumped_ul, self._since_ns = 0.0, self._clock.monotonic_ns()
