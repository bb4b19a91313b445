"""A simulated PID: its registers, as the loop's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from parfocal.devices.redpitaya.simulated import dsp
from parfocal.devices.redpitaya.simulated.loop import STAGES, STEP_TICKS
from parfocal.devices.redpitaya.simulated.words import DAC_MASK, FULL_SCALE, WORD, constants, signed

if TYPE_CHECKING:
    from parfocal.devices.redpitaya.simulated.signals import Signals

_MEMORY, _SETPOINT, _P, _I, _D = 0x100, 0x104, 0x108, 0x10C, 0x110
_FILTER, _LOW, _HIGH, _MODE = 0x120, 0x124, 0x128, 0x12C
_GAIN_BITS, _P_SHIFT, _I_SHIFT = 24, 12, 32
_FILTER_SHIFTS = 24
_WORDS = {
    _SETPOINT: (0, DAC_MASK),
    **dict.fromkeys((_P, _I, _D), (0, (1 << _GAIN_BITS) - 1)),
    _FILTER: WORD,
    _LOW: (-FULL_SCALE & DAC_MASK, DAC_MASK),
    _HIGH: (FULL_SCALE - 1, DAC_MASK),
    _MODE: (7, 0xF),
    **constants(0x200, _P_SHIFT, _I_SHIFT, 10, _GAIN_BITS),
    **constants(0x220, STAGES, 5, 10),
}


class SimulatedPid(dsp.DspSlot):
    """Slots 0 to 2. The derivative gain can be written and does nothing, as in the gateware."""

    def __init__(self, slot: int, signals: Signals) -> None:
        super().__init__(slot, signals, chosen=10, words=_WORDS)
        self.renew(0)

    def read_word(self, offset: int, tick: int) -> int:
        """Return a word; the integrator as it is at `tick`."""
        if offset == _MEMORY:
            self.signals.advance(tick)
            return int(np.rint(self.signals.loop.pids["memory"][self.slot])) & 0xFFFFFFFF
        return super().read_word(offset, tick)

    def write_word(self, offset: int, value: int, tick: int) -> None:
        """Let the loop act until `tick` as it was, then change it."""
        self.signals.advance(tick)
        if offset == _MEMORY:
            self.signals.loop.pids["memory"][self.slot] = signed(value, 16)
            self.signals.loop.disturb()
            return
        super().write_word(offset, value, tick)
        self.renew(tick)

    def renew(self, tick: int) -> None:  # noqa: ARG002  # the loop has been brought there already
        """Give the loop what the registers say."""
        pid = self.signals.loop.pids[self.slot]
        self.signals.loop.disturb()
        frozen = 0 if self.runs else self.words[_MODE] & 7
        pid["slot"] = self.chosen
        pid["setpoint"] = signed(self.words[_SETPOINT])
        pid["proportional"] = 0 if frozen & 2 else self._gain(_P) / (1 << _P_SHIFT)
        pid["integral"] = 0 if frozen & 1 else self._gain(_I) * STEP_TICKS / (1 << _I_SHIFT)
        pid["low"], pid["high"] = signed(self.words[_LOW]), signed(self.words[_HIGH])
        pid["differential"] = self.words[_MODE] & 8
        for stage in range(STAGES):
            byte = self.words[_FILTER] >> (8 * stage) & 0xFF
            per_tick = min(2.0 ** ((byte & 0x1F) - _FILTER_SHIFTS), 1.0)
            pid["alpha"][stage] = 1 - (1 - per_tick) ** STEP_TICKS if byte & 0x80 else 0.0
            pid["high_pass"][stage] = byte & 0x40

    def _gain(self, offset: int) -> int:
        return signed(self.words[offset], _GAIN_BITS)
