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
    """A filter block as a field: the corner of each stage in Hz, as `encode` takes them."""

    stages: int
    shifts: int

    def _counts(self, value: Sequence[float]) -> int:
        return encode(value, stages=self.stages, shifts=self.shifts, name=self.name)

    def _value(self, counts: int) -> tuple[float, ...]:
        return decode(counts, stages=self.stages, shifts=self.shifts)


def max_shift(lowest_hz: float) -> int:
    """Return the power of two in alpha's denominator, for a block made for corners down to `lowest_hz`.

    Examples
    --------
    >>> max_shift(10), max_shift(50)
    (24, 22)
    """
    return int(CLOCK_HZ / lowest_hz).bit_length()


def corners(shifts: int) -> list[float]:
    """Return the corners that exist, in Hz, lowest first."""
    return [_corner(shift, shifts) for shift in range(shifts)]


def encode(corners_hz: Sequence[float], *, stages: int, shifts: int, name: str = "filter") -> int:
    """Return the word whose stages come nearest to `corners_hz`.

    Parameters
    ----------
    corners_hz : sequence of float
        A corner for each stage: positive for a low-pass, negative for a high-pass, 0 for none.
    stages, shifts : int
        What the block was built with.
    name : str
        What errors call it.

    Raises
    ------
    BadInputError
        If there are more corners than stages, or a corner is out of reach.

    Examples
    --------
    >>> word = encode([1e4, -100.0], stages=2, shifts=24)
    >>> hex(word), [round(corner) for corner in decode(word, stages=2, shifts=24)]
    ('0xc68d', [9716, -76])
    """
    if len(corners_hz) > stages:
        raise BadInputError(f"{name} = {list(corners_hz)} Hz has more than the {stages} stages of this block")
    return sum(_byte(corner, shifts, name) << (8 * stage) for stage, corner in enumerate(corners_hz))


def decode(word: int, *, stages: int, shifts: int) -> tuple[float, ...]:
    """Return the corner of each stage, as `encode` takes them."""
    found = []
    for stage in range(stages):
        byte = word >> (8 * stage) & 0xFF
        corner = _corner(byte & _SHIFT, shifts) if byte & _ON else 0.0
        found.append(-corner if byte & _HIGH_PASS else corner)
    return tuple(found)


def _corner(shift: int, shifts: int) -> float:
    return -math.log1p(-(2.0 ** (shift - shifts))) * CLOCK_HZ / (2 * math.pi)


def _byte(corner_hz: float, shifts: int, name: str) -> int:
    if corner_hz == 0:
        return 0
    lowest, highest = _corner(0, shifts), _corner(shifts - 1, shifts)
    if not lowest / 2 <= abs(corner_hz) <= 2 * highest:
        raise BadInputError(
            f"{name} = {corner_hz!r} Hz is outside of {lowest:.3g} to {highest:.3g} Hz, or 0 for off"
        )
    shift = min(range(shifts), key=lambda each: abs(math.log(_corner(each, shifts) / abs(corner_hz))))
    return _ON | (_HIGH_PASS if corner_hz < 0 else 0) | shift
