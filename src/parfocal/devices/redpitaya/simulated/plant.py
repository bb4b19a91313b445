"""What lies between an output of the board and an input: the experiment."""

from __future__ import annotations

import math
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from parfocal.core.errors import BadInputError
from parfocal.devices.redpitaya.memory_map import CLOCK_HZ
from parfocal.devices.redpitaya.simulated.words import FULL_SCALE

MOST_DELAY_S = 0.1


class Plant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gain, a delay and a one-pole low-pass, with a disturbance and noise added at its end.

    Attributes
    ----------
    source : str
        The output that drives it.
    gain : float
        Volts in for a volt out.
    delay_s : float
        From output to input.
    corner_hz : float
        Corner of the low-pass; 0 for none.
    offset_v, disturbance_v, disturbance_hz : float
        ``offset_v + disturbance_v * sin(2 pi disturbance_hz t)`` is added, t the board's own time.
    noise_v : float
        Standard deviation of white noise in each sample of the converter.

    Examples
    --------
    >>> plant = Plant(gain=0.5, corner_hz=1e3)
    >>> round(abs(plant.transfer(1e3)), 6)
    0.353553
    """

    source: Literal["out1", "out2"] = "out1"
    gain: float = 1.0
    delay_s: float = 0.0
    corner_hz: float = 0.0
    offset_v: float = 0.0
    disturbance_v: float = 0.0
    disturbance_hz: float = 0.0
    noise_v: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.delay_s <= MOST_DELAY_S:
            raise BadInputError(f"delay_s = {self.delay_s} s of a plant is outside of 0 to {MOST_DELAY_S} s")
        if self.corner_hz < 0 or self.noise_v < 0:
            raise BadInputError(
                f"corner_hz = {self.corner_hz} Hz and noise_v = {self.noise_v} V are not negative"
            )

    @property
    def output(self) -> int:
        """Index of the output that drives it."""
        return 0 if self.source == "out1" else 1

    @property
    def delay_ticks(self) -> int:
        """The delay in ticks."""
        return round(self.delay_s * CLOCK_HZ)

    @property
    def tau_ticks(self) -> float:
        """Time constant of the low-pass in ticks; 0 for none."""
        return CLOCK_HZ / (2 * math.pi * self.corner_hz) if self.corner_hz else 0.0

    def transfer(self, frequency_hz: float) -> complex:
        """Return volts in for volts out at `frequency_hz`: what an analyser should find."""
        angular = 2j * math.pi * frequency_hz
        low_pass = 1 / (1 + 1j * frequency_hz / self.corner_hz) if self.corner_hz else 1.0
        return complex(self.gain * low_pass * np.exp(-angular * self.delay_s))

    def added(self, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the disturbance at `ticks`, in counts."""
        cycles = ticks * (self.disturbance_hz / CLOCK_HZ)
        added: NDArray[np.float64] = self.offset_v + self.disturbance_v * np.sin(2 * np.pi * cycles)
        return FULL_SCALE * added
