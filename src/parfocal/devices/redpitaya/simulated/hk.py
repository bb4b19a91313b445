"""Simulated housekeeping: identity, LEDs, digital pins."""

from __future__ import annotations

from parfocal.devices.redpitaya.simulated.words import RegisterFile, constants

_ID, _LOOP = 0x0, 0xC
_DIRECTION_P, _DIRECTION_N, _OUT_P, _OUT_N, _IN_P, _IN_N, _LED = 0x10, 0x14, 0x18, 0x1C, 0x20, 0x24, 0x30
_DNA = 0x0123456789ABCDE & ((1 << 57) - 1)


class SimulatedHk(RegisterFile):
    """Identity is read only; a pin that is an output reads what it puts out."""

    def __init__(self) -> None:
        pins = dict.fromkeys((_DIRECTION_P, _DIRECTION_N, _OUT_P, _OUT_N, _LED), (0, 0xFF))
        super().__init__({**constants(_ID, 1, _DNA & 0xFFFFFFFF, _DNA >> 32), _LOOP: (0, 1), **pins})

    def read_word(self, offset: int, tick: int) -> int:
        """Return a word; of the inputs, the pins that are outputs."""
        if offset == _IN_P:
            return self.words[_OUT_P] & self.words[_DIRECTION_P]
        if offset == _IN_N:
            return self.words[_OUT_N] & self.words[_DIRECTION_N]
        return super().read_word(offset, tick)
