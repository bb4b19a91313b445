"""The simulated board: reads and writes of its memory go to the simulated module at that address."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
from numpy.typing import NDArray

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import DeviceError
from parfocal.devices.redpitaya.simulated.asg import SimulatedAsg
from parfocal.devices.redpitaya.simulated.dsp import DspSlot
from parfocal.devices.redpitaya.simulated.iq import SimulatedIq
from parfocal.devices.redpitaya.simulated.pid import SimulatedPid
from parfocal.devices.redpitaya.simulated.plant import Plant
from parfocal.devices.redpitaya.simulated.scope import SimulatedScope
from parfocal.devices.redpitaya.simulated.signals import Signals
from parfocal.devices.redpitaya.simulated.words import WORD, RegisterFile, constants

_TICK_NS = 8
_REGION = 0x100000
_SLOT = 0x10000
_FIRST = 0x40000000
_DSP = 0x40300000
_HK_ID, _HK_LOOP, _DNA = 0x0, 0xC, 0x0123456789ABCDE & ((1 << 57) - 1)
_DIRECTION_P, _DIRECTION_N, _OUT_P, _OUT_N, _IN_P, _IN_N, _LED = 0x10, 0x14, 0x18, 0x1C, 0x20, 0x24, 0x30
_TRIG, _IIR, _IQ2_2 = 3, 4, 14
_SLOW_OUTPUTS = dict.fromkeys((0x28, 0x2C), (0, 0xFFFFFF))
"""The last two of four: the first two follow pwm0 and pwm1, and cannot be written."""
_TRIG_WORDS = dict.fromkeys((0x104, 0x108, 0x10C, 0x110, 0x118, 0x11C), WORD)
_IIR_WORDS = {
    **dict.fromkeys((0x100, 0x104, 0x120), WORD),
    **constants(0x200, 64, 32, 16),
    **constants(0x220, 1, 5, 10),
}


class SimulatedBoard:
    """A board whose outputs come back to its inputs through two plants.

    It has the face of a `Link`, so that a `Board` can stand on it directly, and front ends serve it over
    TCP. Thread-safe: each access is done alone, at one tick of the board's time.

    Parameters
    ----------
    in1, in2 : Plant
        What leads to the inputs; by default a wire from out1 to in1, and from out2 to in2.
    clock : Clock
        What the board's time follows.
    seed : int
        Of the noise.

    Notes
    -----
    The trigger module (slot 3) and the IIR (slot 4) keep what is written to them and do nothing.
    """

    def __init__(
        self,
        *,
        in1: Plant | None = None,
        in2: Plant | None = None,
        clock: Clock = SYSTEM_CLOCK,
        seed: int = 0,
    ) -> None:
        self._clock, self._start_ns = clock, clock.monotonic_ns()
        self.signals = Signals((in1 or Plant(), in2 or Plant(source="out2")), seed)
        self._lock = threading.Lock()
        self._closed = False
        self.signals.slots = {slot.slot: slot for slot in _slots(self.signals)}
        asg = SimulatedAsg(self.signals)
        self._scope = SimulatedScope(self.signals, asg)
        self._regions: dict[int, RegisterFile] = {
            _FIRST: SimulatedHk(),
            _FIRST + _REGION: self._scope,
            _FIRST + 2 * _REGION: asg,
            _FIRST + 4 * _REGION: RegisterFile(_SLOW_OUTPUTS),
            **{_DSP + _SLOT * number: slot for number, slot in self.signals.slots.items()},
        }

    def now(self) -> int:
        """Return the tick of 8 ns now, counted since the board was made; never goes back.

        Nothing runs at that rate: the state of the board at a tick is worked out when it is asked for.
        """
        return (self._clock.monotonic_ns() - self._start_ns) // _TICK_NS

    def read(self, address: int, words: int) -> NDArray[np.uint32]:
        """Return words; where nothing lives, zeros."""
        with self._lock:
            region, offset = self._find(address)
            return region.read(offset, words, self.now()) if region else np.zeros(words, np.uint32)

    def write(self, address: int, values: NDArray[np.integer]) -> None:
        """Write words; where nothing lives, and to what is read only, without effect."""
        with self._lock:
            region, offset = self._find(address)
            if region:
                region.write(offset, np.asarray(values).astype(np.uint32), self.now())

    def catch_up(self) -> None:
        """Work out what happened until now, so that the next access has less to do."""
        with self._lock:
            tick = self.now()
            self.signals.advance(tick)
            self._scope.catch_up(tick)

    def warm_up(self) -> None:
        """Compile what the PIDs need, so that the first of them does not have to wait for it."""
        self.signals.loop.warm_up()

    def close(self) -> None:
        """Refuse further accesses. Idempotent."""
        self._closed = True

    def _find(self, address: int) -> tuple[RegisterFile | None, int]:
        if self._closed:
            raise DeviceError("the simulated board is closed")
        size = _SLOT if _DSP <= address < _DSP + _REGION else _REGION
        base = address - address % size
        return self._regions.get(base), address - base


class SimulatedHk(RegisterFile):
    """Identity is read only; a pin that is an output reads what it puts out."""

    def __init__(self) -> None:
        pins = dict.fromkeys((_DIRECTION_P, _DIRECTION_N, _OUT_P, _OUT_N, _LED), (0, 0xFF))
        super().__init__({**constants(_HK_ID, 1, _DNA & 0xFFFFFFFF, _DNA >> 32), _HK_LOOP: (0, 1), **pins})

    def read_word(self, offset: int, tick: int) -> int:
        """Return a word; of the inputs, the pins that are outputs."""
        if offset == _IN_P:
            return self.words[_OUT_P] & self.words[_DIRECTION_P]
        if offset == _IN_N:
            return self.words[_OUT_N] & self.words[_DIRECTION_N]
        return super().read_word(offset, tick)


def _slots(signals: Signals) -> list[DspSlot]:
    """Return the 16 slots: pid0-2, trig, iir, iq0-2, two channels, in1, in2, out1, out2, iq2_2, off."""
    pids: list[DspSlot] = [SimulatedPid(slot, signals) for slot in range(3)]
    iqs = [SimulatedIq(slot, signals) for slot in range(5, 8)]
    signals.derived[_IQ2_2] = partial(iqs[2].quadrature, second=True)
    return [
        *pids,
        DspSlot(_TRIG, signals, words=_TRIG_WORDS),
        DspSlot(_IIR, signals, words=_IIR_WORDS),
        *iqs,
        DspSlot(8, signals, chosen=10),
        DspSlot(9, signals, chosen=11),
        *(DspSlot(slot, signals) for slot in range(10, 14)),
        *(DspSlot(slot, signals) for slot in (_IQ2_2, 15)),
    ]
