"""A trace, and how it lies in the board's ring buffers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parfocal.core.errors import BadInputError
from parfocal.devices.redpitaya.memory_map import COUNTS_PER_V, SAMPLES, TICK_S


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a converter's counts mean: ``volts = counts / 8192 * gain + offset_v``.

    A gain of 20 is that of the inputs with the jumpers on HV; a negative one that of an input with an
    inverting amplifier before it.

    Raises
    ------
    BadInputError
        If the gain is 0, or one of them is no finite number.
    """

    gain: float = 1.0
    offset_v: float = 0.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.gain) or self.gain == 0:
            raise BadInputError(f"gain = {self.gain!r} of an input must be a finite number other than 0")
        if not math.isfinite(self.offset_v):
            raise BadInputError(f"offset_v = {self.offset_v!r} V of an input must be a finite number")

    def volts(self, words: NDArray[np.uint32]) -> NDArray[np.float32]:
        """Return the voltages of 14-bit words, as a new array.

        Examples
        --------
        >>> Calibration().volts(np.array([0, 4096, 0x3FFF], np.uint32)).tolist()
        [0.0, 0.5, -0.0001220703125]
        """
        counts = (words & 0x3FFF).astype(np.float32)
        counts[counts >= COUNTS_PER_V] -= 2 * COUNTS_PER_V
        return counts * np.float32(self.gain / COUNTS_PER_V) + np.float32(self.offset_v)


UNCALIBRATED = Calibration()
"""What the counts of every signal mean but in1 and in2."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Trace:
    """What both channels of the scope saw around one trigger.

    Attributes
    ----------
    sequence : int
        Counts this scope's traces, from 1; it goes on when a host is restarted.
    inputs : tuple of str
        The signals.
    volts, volts2 : ndarray of float32
        16384 samples of each channel, oldest first, in volts; `volts2` is None if the second was not asked
        for.
    decimation : int
        A sample every so many ticks of 8 ns.
    averaging : bool
        Whether a sample is the mean of its ticks, or one of them.
    trigger_source : str
        What it was triggered by.
    first : int
        Index of the first sample relative to the trigger's, negative before it.
    trigger_tick : int
        Tick of the trigger on the board's counter.
    triggered_ns : int
        The same instant on the machine's monotonic clock, as well as the line's delay lets it be known.
    """

    sequence: int
    inputs: tuple[str, ...]
    volts: NDArray[np.float32]
    volts2: NDArray[np.float32] | None
    decimation: int
    averaging: bool
    trigger_source: str
    first: int
    trigger_tick: int
    triggered_ns: int

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Time of each sample since the trigger, in seconds: k x decimation x 8 ns, exactly."""
        ticks = np.arange(self.first, self.first + len(self.volts), dtype=np.int64) * self.decimation
        return ticks.astype(np.float64) * TICK_S

    @property
    def triggered_at_s(self) -> float:
        """Time of the trigger since the board's counter began, in seconds."""
        return self.trigger_tick * TICK_S


def in_order(ring: NDArray[np.uint32], trigger_pointer: int, after: int) -> NDArray[np.uint32]:
    """Return a ring buffer oldest first: the newest sample is `after` samples behind the trigger's.

    Examples
    --------
    >>> ring = np.arange(SAMPLES, dtype=np.uint32)
    >>> ordered = in_order(ring, 100, 8192)
    >>> int(ordered[-1]), int(ordered[SAMPLES - 1 - 8192])
    (8292, 100)
    """
    return np.roll(ring, -((trigger_pointer + after + 1) % SAMPLES))
