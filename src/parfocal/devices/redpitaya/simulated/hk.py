"""Simulated housekeeping: identity, LEDs, digital pins."""

from __future__ import annotations

from parfocal.devices.redpitaya.simulated.words import RegisterFile

_ID, _DNA_LOW, _DNA_HIGH, _LOOP = 0x0, 0x4, 0x8, 0xC
_DIRECTION_P, _DIRECTION_N, _OUT_P, _OUT_N, _IN_P, _IN_N, _LED = 0x10, 0x14, 0x18, 0x1C, 0x20, 0x24, 0x30
_PINS = 0xFF
_DNA = 0x0123456789ABCDE & ((1 << 57) - 1)


class SimulatedHk(RegisterFile):
    """Identity is read only; a pin that is an output reads what it puts out."""

    def __init__(self) -> None:
        writable = dict.fromkeys((_DIRECTION_P, _DIRECTION_N, _OUT_P, _OUT_N, _LED), _PINS)
        super().__init__(
            writable={**writable, _LOOP: 1},
            reset={_ID: 1, _DNA_LOW: _DNA & 0xFFFFFFFF, _DNA_HIGH: _DNA >> 32},
        )

    def read_word(self, offset: int, tick: int) -> int:
        """Return a word; of the inputs, the pins that are outputs."""
        if offset == _IN_P:
            return self.words.get(_OUT_P, 0) & self.words.get(_DIRECTION_P, 0)
        if offset == _IN_N:
            return self.words.get(_OUT_N, 0) & self.words.get(_DIRECTION_N, 0)
        return super().read_word(offset, tick)
