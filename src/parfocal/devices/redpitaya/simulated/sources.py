"""Sources of signals, as functions of the tick: any tick can be computed without those before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import diric

TABLE = 16384
PHASE_MASK = np.uint64((1 << 30) - 1)
NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Smoothing:
    """A one-pole low-pass of `tau_ticks`, then the mean of the last `average` ticks. Linear, of gain 1."""

    tau_ticks: float = 0.0
    average: int = 1

    def gains(self, cycles_per_tick: NDArray[np.floating]) -> NDArray[np.complexfloating]:
        """Return what becomes of a unit tone at each frequency."""
        angle = 2 * np.pi * np.asarray(cycles_per_tick, float)
        mean = diric(angle, self.average) * np.exp(-0.5j * angle * (self.average - 1))
        return np.asarray(mean / (1 + 1j * angle * self.tau_ticks))


class SignalSource(Protocol):
    """A signal in counts."""

    def values(self, ticks: NDArray[np.int64], smoothing: Smoothing) -> NDArray[np.float64]:
        """Return the signal at `ticks`, smoothed, as if it had been on for ever."""
        ...


@dataclass(frozen=True, slots=True)
class Level:
    """A constant."""

    counts: float

    def values(self, ticks: NDArray[np.int64], smoothing: Smoothing) -> NDArray[np.float64]:  # noqa: ARG002
        """Return the constant at each tick."""
        return np.full(len(ticks), self.counts)


@dataclass(frozen=True, slots=True)
class Tone:
    """A sine: `step` and `phase` in cycles / 2**32, coherent with every other tone at tick 0."""

    counts: float
    step: int
    phase: int = 0

    def values(self, ticks: NDArray[np.int64], smoothing: Smoothing) -> NDArray[np.float64]:
        """Return the sine at each tick; its phase is exact however large the tick is."""
        gain = complex(smoothing.gains(np.array([self.step / 2**32]))[0])
        return self.counts * abs(gain) * np.sin(angles(ticks, self.step, self.phase) + np.angle(gain))


@dataclass(frozen=True)
class Player:
    """A table played by a phase accumulator of 30 bits, for ever or in bursts.

    Attributes
    ----------
    table : ndarray
        Its 16384 values in counts, amplitude and offset applied.
    start : int
        Tick of the trigger.
    phase, step : int
        Where it starts, and how far it goes in a tick, in cycles / 2**30.
    cycle_ticks : int
        Length of a cycle that begins at the start phase each time; 0: one cycle runs into the next.
    burst_ticks, period_ticks, bursts : int
        Length of a burst, distance between the starts of bursts, and how many; 0 ticks: one that never ends.
    """

    table: NDArray[np.float64]
    start: int
    phase: int
    step: int
    cycle_ticks: int = 0
    burst_ticks: int = 0
    period_ticks: int = 0
    bursts: int = 0
    _smooth: dict[Smoothing, NDArray[np.float64]] = field(default_factory=dict, compare=False)

    def values(self, ticks: NDArray[np.int64], smoothing: Smoothing) -> NDArray[np.float64]:
        """Return the table's values at each tick, low-passed through its spectrum."""
        since = ticks - self.start
        if self.burst_ticks == 0:
            return self._played(since, smoothing)
        burst = np.clip(since // self.period_ticks, 0, self.bursts - 1)
        within = since - burst * self.period_ticks
        playing = (within >= 0) & (within < self.burst_ticks)
        ends = np.array([0, self.burst_ticks])
        before, after_it = self._played(ends, Smoothing())
        rest = np.where((within < 0) & (burst == 0), before, after_it)
        out = np.where(playing, self._played(within, smoothing), rest)
        if smoothing.tau_ticks:
            edge = self._played(ends, smoothing)
            after = np.where(playing, within, within - self.burst_ticks)
            rested = np.where(burst == 0, before, after_it)
            step = np.where(playing, rested - edge[0], edge[1] - after_it)
            out += np.where(within >= 0, step * np.exp(-np.maximum(after, 0) / smoothing.tau_ticks), 0.0)
        return out

    def phase_at(self, tick: int) -> int:
        """Return where in its cycle it is at `tick`."""
        since = tick - self.start
        if self.cycle_ticks:
            since %= self.cycle_ticks
        return (self.phase + since * self.step) & int(PHASE_MASK)

    def has_ended(self, tick: int) -> bool:
        """Return whether its last burst is over at `tick`."""
        last = self.start + (self.bursts - 1) * self.period_ticks + self.burst_ticks
        return self.burst_ticks > 0 and tick >= last

    def next_cycle(self, tick: int) -> int:
        """Return the first tick, from `tick` on, at which a cycle begins; `NEVER` after the last burst."""
        tick = max(tick, self.start)
        if self.burst_ticks == 0:
            return self._cycle_after(tick)
        burst = (tick - self.start) // self.period_ticks
        begin = self.start + burst * self.period_ticks
        if burst < self.bursts:
            cycle = begin + self._cycle_after(self.start + tick - begin) - self.start
            if cycle < begin + self.burst_ticks:
                return cycle
        return begin + self.period_ticks if burst + 1 < self.bursts else NEVER

    def _cycle_after(self, tick: int) -> int:
        if self.cycle_ticks:
            return tick + (self.start - tick) % self.cycle_ticks
        if tick == self.start:
            return tick
        return tick - (-(-self.phase_at(tick) & int(PHASE_MASK)) // self.step)

    def _played(self, since: NDArray[np.int64], smoothing: Smoothing) -> NDArray[np.float64]:
        if self.cycle_ticks:
            since = since % self.cycle_ticks
        turned = since.astype(np.uint64) * np.uint64(self.step) + np.uint64(self.phase)
        index = ((turned & PHASE_MASK) >> np.uint64(16)).astype(np.intp)
        return self._smoothed(smoothing)[index]

    def _smoothed(self, smoothing: Smoothing) -> NDArray[np.float64]:
        if smoothing == Smoothing():
            return self.table
        if smoothing not in self._smooth:
            spectrum = np.fft.rfft(self.table)
            cycles = np.arange(len(spectrum)) * (self.step / 2**30)
            gains = np.where(cycles <= 0.5, smoothing.gains(cycles), 0.0)
            self._smooth[smoothing] = np.fft.irfft(spectrum * gains, TABLE)
        return self._smooth[smoothing]


@dataclass(frozen=True)
class Shuffled:
    """A table played at random phases: white noise of the table's own distribution."""

    table: NDArray[np.float64]
    rng: np.random.Generator

    def values(self, ticks: NDArray[np.int64], smoothing: Smoothing) -> NDArray[np.float64]:
        """Return random values of the table, as quiet as smoothing makes white noise."""
        mean = float(self.table.mean())
        quiet = 1 / np.sqrt((1 + 2 * smoothing.tau_ticks) * smoothing.average)
        drawn: NDArray[np.float64] = self.table[self.rng.integers(0, TABLE, len(ticks))]
        return mean + (drawn - mean) * float(quiet)


def angles(ticks: NDArray[np.int64], step: int, phase: int) -> NDArray[np.float64]:
    """Return the phase, in radians, of an accumulator of 32 bits at each tick."""
    turned = ticks.astype(np.uint64) * np.uint64(step) + np.uint64(phase)
    within = (turned & np.uint64(0xFFFFFFFF)).astype(np.float64)
    radians: NDArray[np.float64] = within * (2 * np.pi / 2**32)
    return radians
