"""A simulated IQ module: modulates, demodulates, and averages into 62-bit sums."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parfocal.devices.redpitaya.simulated import dsp
from parfocal.devices.redpitaya.simulated.sources import Level, Tone, angles
from parfocal.devices.redpitaya.simulated.words import FULL_SCALE, WORD, constants, signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.devices.redpitaya.simulated.signals import Signals

_FLAGS, _PHASE, _FREQUENCY, _SELECT = 0x100, 0x104, 0x108, 0x10C
_G1, _G2, _G3, _G4 = 0x110, 0x114, 0x118, 0x11C
_IN_FILTER, _FILTER, _AVERAGES, _SLEEP = 0x120, 0x124, 0x130, 0x134
_SUMS = (0x140, 0x144, 0x148, 0x14C)
_GAIN_BITS = 18
_QUADRATURE, _DIRECT = 0, 1
_BUSY = 1 << 31
_IN_SHIFTS, _SHIFTS = 22, 24
_COUNTS_OF_SUM = 2**22 / FULL_SCALE * 2
"""What a tick adds to a sum for one count of the mean of signal x sine."""
_SHORT_WINDOW, _LONG_WINDOW = 1 << 10, 1 << 20
_POINTS = 32
_MOST_SAMPLES = 65536
_MOST_CYCLES = 4096
_WORDS = {
    _FLAGS: (0, 0x3F),
    _SELECT: (0, 0xF),
    **dict.fromkeys((_G1, _G2, _G3, _G4), (0, (1 << _GAIN_BITS) - 1)),
    _IN_FILTER: (0, 0xFF),
    _FILTER: (0, 0xFFFF),
    **dict.fromkeys((_PHASE, _FREQUENCY, _AVERAGES, _SLEEP), WORD),
    **constants(0x200, 11, 17, 32, 18, 14, 24, 8),
    **constants(0x220, 1, 5, 50),
    **constants(0x230, 2, 5, 10),
}


@dataclass(slots=True)
class _Run:
    """One averaging: its ticks, the frequency it was started with, and its sums once they were asked for."""

    begin: int
    end: int
    step: int
    total: complex | None = None


class SimulatedIq(dsp.DspSlot):
    """Slots 5 to 7.

    Its gain path (demodulated signal modulated again, g1 and g4), the phase-frequency detector and 2f are
    not simulated: their registers are kept and do nothing. A quadrature goes to the DSP bus as the mean
    over a window, and drives no output directly.
    """

    def __init__(self, slot: int, signals: Signals) -> None:
        super().__init__(slot, signals, chosen=10, words=_WORDS)
        self._run: _Run | None = None

    def read_word(self, offset: int, tick: int) -> int:
        """Return a word; of the sums, 31 bits each, with bit 31 set while they grow."""
        if offset not in _SUMS:
            return super().read_word(offset, tick)
        if self._run is None:
            return 0
        if tick < self._run.end:
            return _BUSY
        total = self._averaged(self._run)
        part = round(total.real if offset in _SUMS[:2] else total.imag) & ((1 << 62) - 1)
        return part & 0x7FFFFFFF if offset in _SUMS[::2] else part >> 31

    def write_word(self, offset: int, value: int, tick: int) -> None:
        """Keep a word; the frequency's starts an averaging."""
        super().write_word(offset, value, tick)
        if offset == _FREQUENCY:
            begin = tick + self.words[_SLEEP]
            self._run = _Run(begin, begin + self.words[_AVERAGES], value)
        if offset in _WORDS:
            self.renew(tick)

    def quadrature(self, ticks: NDArray[np.int64], *, second: bool = False) -> NDArray[np.float64]:
        """Return a demodulated quadrature in counts, between a few points if there are many ticks."""
        if not len(ticks) or not self.runs:
            return np.zeros(len(ticks))
        window = int(min(max(2 * self._filter_ticks(), _SHORT_WINDOW), _LONG_WINDOW))
        at = np.unique(np.linspace(ticks[0], ticks[-1], min(_POINTS, len(ticks))).astype(np.int64))
        found = np.array([self._demodulated(int(tick) - window, int(tick), self._step) for tick in at])
        part = found.imag if second else found.real
        between: NDArray[np.float64] = np.interp(ticks, at, part)
        return between * self._gain(_G3)

    @property
    def _step(self) -> int:
        return self.words[_FREQUENCY]

    def renew(self, tick: int) -> None:
        """Drive the outputs by what the registers say now."""
        select = self.words[_SELECT]
        counts = self._gain(_G2) * FULL_SCALE / (1 << (_GAIN_BITS - 1)) if self.runs else 0.0
        if select == _QUADRATURE:
            self.signals.derived[self.slot] = self.quadrature
        else:
            self.signals.derived.pop(self.slot, None)
        source = Tone(counts, self._step) if select == _DIRECT else Level(0.0)
        self.signals.change(tick, self.slot, source=source)

    def _averaged(self, run: _Run) -> complex:
        if run.total is None:
            mean = self._demodulated(run.begin, run.end, run.step) * _COUNTS_OF_SUM
            run.total = mean * (run.end - run.begin)
        return run.total

    def _demodulated(self, begin: int, end: int, step: int) -> complex:
        signal = partial(self.signals.slot, self.chosen)
        mean = demodulate(signal, begin, end, step, self.words[_PHASE])
        return mean * self._input_gain(step / 2**32)

    def _input_gain(self, cycles_per_tick: float) -> complex:
        """Return what the input filter, one stage, makes of the reference's frequency."""
        byte = self.words[_IN_FILTER]
        if not byte & 0x80:
            return 1.0
        behind = 2j * np.pi * cycles_per_tick / 2.0 ** ((byte & 0x1F) - _IN_SHIFTS)
        return complex(behind / (1 + behind) if byte & 0x40 else 1 / (1 + behind))

    def _filter_ticks(self) -> float:
        """Return the time constant of the slower stage of the quadrature filter; 0 if both are off."""
        stages = [self.words[_FILTER] >> shift & 0xFF for shift in (0, 8)]
        return max((2.0 ** (_SHIFTS - (byte & 0x1F)) for byte in stages if byte & 0x80), default=0.0)

    def _gain(self, offset: int) -> int:
        return signed(self.words[offset], _GAIN_BITS)


def demodulate(
    signal: Callable[[NDArray[np.int64]], NDArray[np.float64]], begin: int, end: int, step: int, phase: int
) -> complex:
    """Return the mean of signal x (sin + i cos) over the ticks `begin` to `end`.

    Whole cycles are taken where there is one, at most 4096 of them and those last, in at most 65536
    samples: of a sine A sin(wt + p) comes A/2 e^(ip), with an error below 1e-4 A.

    Parameters
    ----------
    signal : callable
        The signal at given ticks.
    step, phase : int
        Of the reference's accumulator, in cycles / 2**32.

    Examples
    --------
    >>> step = 2**32 // 1000
    >>> sine = lambda ticks: 100 * np.sin(2 * np.pi * ticks * step / 2**32 + 0.5)
    >>> mean = demodulate(sine, 0, 10_000, step, 0)
    >>> round(2 * abs(mean), 2), round(float(np.angle(mean)), 3)
    (100.0, 0.5)
    """
    length = max(1, end - begin)
    cycles_per_tick = step / 2**32
    cycles = min(int(length * cycles_per_tick), _MOST_CYCLES)
    if cycles:
        length = round(cycles / cycles_per_tick)
    stride = -(-length // _MOST_SAMPLES)
    ticks = np.arange(end - length, end, stride, dtype=np.int64)
    reference = angles(ticks, step, phase)
    values = signal(ticks)
    return complex(np.mean(values * np.sin(reference)), np.mean(values * np.cos(reference)))
