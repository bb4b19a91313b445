"""Filter blocks: up to four stages in one word, a byte for each stage. Pure.

A stage is one pole: y += alpha (x - y), alpha = 2**shift / 2**max_shift. So only certain corners exist, each
about twice the one before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from parfocal.core.errors import BadInputError
from parfocal.devices.redpitaya.memory_map import CLOCK_HZ
from parfocal.devices.redpitaya.registers import Field

_ON, _HIGH_PASS, _SHIFT = 0x80, 0x40, 0x1F


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filter(Field[Sequence[float]]):
    """A filter block as a field.

    Its value is a corner in Hz for each stage: positive for a low-pass, negative for a high-pass, 0 for none.

    Attributes
    ----------
    stages, shifts : int
        What the block was built with.

    Examples
    --------
    >>> block = Filter(name="filter_hz", offset=0x120, bits=16, stages=2, shifts=24)
    >>> word = block.encode([1e4, -100.0])
    >>> hex(word), [round(corner) for corner in block.decode(word)]
    ('0xc68d', [9716, -76])
    """

    stages: int
    shifts: int

    def _counts(self, value: Sequence[float]) -> int:
        if len(value) > self.stages:
            raise BadInputError(
                f"{self.name} = {list(value)} Hz has more than the {self.stages} stages of this block"
            )
        return sum(self._byte(corner) << (8 * stage) for stage, corner in enumerate(value))

    def _value(self, counts: int) -> tuple[float, ...]:
        stages = counts.to_bytes(4, "little")[: self.stages]
        return tuple(self._corner(byte & _SHIFT, byte) for byte in stages)

    def _corner(self, shift: int, byte: int = _ON) -> float:
        if not byte & _ON:
            return 0.0
        corner_hz = -math.log1p(-(2.0 ** (shift - self.shifts))) * CLOCK_HZ / (2 * math.pi)
        return -corner_hz if byte & _HIGH_PASS else corner_hz

    def _byte(self, corner_hz: float) -> int:
        if corner_hz == 0:
            return 0
        lowest, highest = self._corner(0), self._corner(self.shifts - 1)
        if not lowest / 2 <= abs(corner_hz) <= 2 * highest:
            raise BadInputError(
                f"{self.name} = {corner_hz!r} Hz is outside of {lowest:.3g} to {highest:.3g} Hz, or 0 for off"
            )
        shift = min(range(self.shifts), key=lambda each: abs(math.log(self._corner(each) / abs(corner_hz))))
        return _ON | (_HIGH_PASS if corner_hz < 0 else 0) | shift


def max_shift(lowest_hz: float) -> int:
    """Return the power of two in alpha's denominator, for a block made for corners down to `lowest_hz`.

    Examples
    --------
    >>> max_shift(10), max_shift(50)
    (24, 22)
    """
    return int(CLOCK_HZ / lowest_hz).bit_length()
