"""Registers as the FPGA keeps them: their values at reset, and which bits can be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

DAC_BITS = 14
DAC_MASK = (1 << DAC_BITS) - 1
FULL_SCALE = 8192
"""Counts for a volt: the signals inside the FPGA run from -8192 to 8191."""

Words = Mapping[int, tuple[int, int]]
"""Of each offset the value at power-on, and which bits can be written: none of a constant."""
WORD = (0, 0xFFFFFFFF)

Counts = TypeVar("Counts", int, NDArray[np.int64])


class RegisterFile:
    """Words that keep what is written to their writable bits, and read as 0 where there are none.

    They are addressed from the base of their module; `tick` is when an access happens.

    Parameters
    ----------
    words : Words
        Where there are any.

    Examples
    --------
    >>> words = RegisterFile({0: (1, 0), 4: (0, 0xFF)})
    >>> words.write(0, np.array([7, 0x1FF], np.uint32), tick=0)
    >>> words.read(0, 3, tick=0).tolist()
    [1, 255, 0]
    """

    def __init__(self, words: Words) -> None:
        self.words = {offset: value for offset, (value, _) in words.items()}
        self.writable = {offset: bits for offset, (_, bits) in words.items() if bits}

    def read(self, offset: int, words: int, tick: int) -> NDArray[np.uint32]:
        """Return the words one after another, as the server fetches them."""
        got = [self.read_word(offset + 4 * i, tick) & 0xFFFFFFFF for i in range(words)]
        return np.array(got, np.uint32)

    def write(self, offset: int, values: NDArray[np.uint32], tick: int) -> None:
        """Write the words one after another, as the server does."""
        for i, value in enumerate(values):
            self.write_word(offset + 4 * i, int(value), tick)

    def read_word(self, offset: int, tick: int) -> int:  # noqa: ARG002  # living registers need the tick
        """Return one word; a module with living registers overrides it."""
        return self.words.get(offset, 0)

    def write_word(self, offset: int, value: int, tick: int) -> None:  # noqa: ARG002
        """Keep the writable bits of one word; a module that acts on writes overrides it."""
        if offset in self.writable:
            self.words[offset] = value & self.writable[offset]


def constants(offset: int, *values: int) -> Words:
    """Return words that cannot be written, from `offset` on."""
    return {offset + 4 * place: (value, 0) for place, value in enumerate(values)}


def signed(counts: Counts, bits: int = DAC_BITS) -> Counts:
    """Return the low `bits` of a number, or of each one of an array, as two's complement.

    Examples
    --------
    >>> signed(0x2000), signed(0x1FFF)
    (-8192, 8191)
    """
    low = counts & ((1 << bits) - 1)
    return low - (low >> (bits - 1) << bits)
