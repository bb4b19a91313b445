"""The slow outputs: four pulse-width modulators with low-passes behind them, 0 to 1.8 V."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError
from parfocal.devices.redpitaya.memory_map import AMS

if TYPE_CHECKING:
    from parfocal.devices.redpitaya.board import Board

FULL_SCALE_V = 1.8
_OFFSETS = (0x20, 0x24, 0x28, 0x2C)
_WRITABLE = (2, 3)
_DUTIES = 256
_PARTS = 16
_STEPS = _DUTIES * _PARTS


class SlowOutputs:
    """dac2 and dac3 can be set; dac0 and dac1 follow the pwm0 and pwm1 signals of the board's bus."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def set(self, dac: int, volts: float) -> float:
        """Set slow output 2 or 3, 0 to 1.8 V; returns what the board made of it."""
        if dac not in _WRITABLE:
            raise BadInputError(
                f"dac = {dac!r}: 2 and 3 can be set; 0 and 1 follow in1's and in2's slots (pwm0, pwm1)"
            )
        word = encode(volts)
        self._board.write_word(AMS + _OFFSETS[dac], word)
        return self.read(dac)

    def read(self, dac: int) -> float:
        """Return what dac 0 to 3 is set to, in volts."""
        if not 0 <= dac < len(_OFFSETS):
            raise BadInputError(f"dac = {dac!r} is outside of 0 to {len(_OFFSETS) - 1}")
        return decode(self._board.read_word(AMS + _OFFSETS[dac]))

    def restore(self, **settings: float) -> dict[str, float]:
        """Set some of them: ``dac2_v=0.9``; returns what the board made of it."""
        return {name: self.set(int(name[3]), volts) for name, volts in settings.items()}

    def off(self) -> None:
        """Set dac2 and dac3 to 0 V."""
        for dac in _WRITABLE:
            self._board.write_word(AMS + _OFFSETS[dac], 0)

    def state(self) -> dict[str, float]:
        """Return all four, in volts."""
        return {f"dac{dac}_v": self.read(dac) for dac in range(len(_OFFSETS))}


def encode(volts: float) -> int:
    """Return the word for a voltage: a duty of 256, and in how many of 16 periods it is one longer.

    Examples
    --------
    >>> hex(encode(0.9)), round(decode(encode(1.0)), 4)
    ('0x800000', 1.0002)
    """
    if not 0 <= volts <= FULL_SCALE_V:
        raise BadInputError(f"volts = {volts!r} V is outside of 0 to {FULL_SCALE_V} V")
    duty, longer = divmod(min(round(volts / FULL_SCALE_V * _STEPS), _STEPS - 1), _PARTS)
    return duty << _PARTS | ((1 << longer) - 1)


def decode(word: int) -> float:
    """Return the voltage of a word."""
    duty, pattern = word >> _PARTS & (_DUTIES - 1), word & ((1 << _PARTS) - 1)
    return (duty * _PARTS + pattern.bit_count()) * FULL_SCALE_V / _STEPS
