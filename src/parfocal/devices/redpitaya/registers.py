"""Registers as declared data: where they lie, what their bits mean, and what may be written. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from parfocal.core.errors import BadInputError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

Access = Literal["rw", "ro", "wo"]
"""Readable and writable; written by the board alone; not readable, so what was written is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Register:
    """A field of a register: some bits of one word, and what they mean.

    Attributes
    ----------
    name : str
        What errors call it.
    offset : int
        Bytes from the base of its module.
    low_bit, bits : int
        Where the field lies in the word.
    signed : bool
        Whether the bits are two's complement.
    scale : float
        Counts for one unit.
    unit : str
        Unit of the value, "" for a number.
    low, high : float or None
        Limits in that unit; None: what the bits hold.
    access : str
        "rw", "ro" or "wo".
    shared : bool
        Other fields lie in the same word: it is changed under a mask.
    volatile : bool
        The board changes it by itself, or writing it does something: it is not read back, and a write of
        it that got lost is never repeated.
    """

    name: str
    offset: int
    low_bit: int = 0
    bits: int = 32
    signed: bool = False
    scale: float = 1.0
    unit: str = ""
    low: float | None = None
    high: float | None = None
    access: Access = "rw"
    shared: bool = False
    volatile: bool = False

    @property
    def mask(self) -> int:
        """The bits of the word that belong to the field."""
        return ((1 << self.bits) - 1) << self.low_bit

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest value that may be written."""
        least = -(1 << (self.bits - 1)) if self.signed else 0
        most = (1 << (self.bits - self.signed)) - 1
        low = least / self.scale if self.low is None else self.low
        high = most / self.scale if self.high is None else self.high
        return low, high

    def encode(self, value: float) -> int:
        """Return the field's bits, shifted into their place, that come nearest to `value`.

        Raises
        ------
        BadInputError
            Naming the value, the limits and the unit.

        Examples
        --------
        >>> threshold = Register(name="threshold", offset=8, bits=14, signed=True, scale=8192, unit="V")
        >>> threshold.encode(-0.5), threshold.decode(threshold.encode(0.1))
        (12288, 0.0999755859375)
        >>> threshold.encode(1.5)
        Traceback (most recent call last):
            ...
        parfocal.core.errors.BadInputError: threshold = 1.5 V is outside of -1 to 0.999878 V
        """
        if self.access == "ro":
            raise BadInputError(f"{self.name} is written by the board alone; {value!r} was not written")
        low, high = self.limits
        if not low <= value <= high:
            unit = f" {self.unit}" if self.unit else ""
            raise BadInputError(f"{self.name} = {value!r}{unit} is outside of {low:g} to {high:g}{unit}")
        least = -(1 << (self.bits - 1)) if self.signed else 0
        most = (1 << (self.bits - self.signed)) - 1
        counts = min(max(round(value * self.scale), least), most)
        return (counts << self.low_bit) & self.mask

    def decode(self, word: int) -> float:
        """Return the value that the field has in `word`."""
        counts = (word & self.mask) >> self.low_bit
        if self.signed and counts >> (self.bits - 1):
            counts -= 1 << self.bits
        return counts / self.scale

    def quantised(self, value: float) -> float:
        """Return what the board would make of `value`."""
        return self.decode(self.encode(value))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """A field whose values have names.

    Attributes
    ----------
    options : mapping of str to int
        The names and their codes.
    name, offset, low_bit, bits, access, shared, volatile
        As of a `Register`.
    """

    name: str
    offset: int
    options: Mapping[str, int]
    low_bit: int = 0
    bits: int = 32
    access: Access = "rw"
    shared: bool = False
    volatile: bool = False

    @property
    def mask(self) -> int:
        """The bits of the word that belong to the field."""
        return ((1 << self.bits) - 1) << self.low_bit

    def encode(self, value: str) -> int:
        """Return the bits for the option `value`.

        Examples
        --------
        >>> output = Choice(
        ...     name="output", offset=4, bits=2, options={"off": 0, "out1": 1, "out2": 2, "both": 3}
        ... )
        >>> output.encode("out2"), output.decode(3)
        (2, 'both')
        >>> output.encode("out")
        Traceback (most recent call last):
            ...
        parfocal.core.errors.BadInputError: output = 'out': did you mean 'out2'?
        """
        if self.access == "ro":
            raise BadInputError(f"{self.name} is written by the board alone; {value!r} was not written")
        if value not in self.options:
            raise BadInputError(f"{self.name} = {value!r}: {nearest(str(value), self.options)}")
        return self.options[value] << self.low_bit

    def decode(self, word: int) -> str:
        """Return the name of the field's value in `word`, or its code as text if it has none."""
        code = (word & self.mask) >> self.low_bit
        for name, known in self.options.items():
            if known == code:
                return name
        return str(code)


def volts(name: str, offset: int) -> Register:
    """Return a register for a signal: 14 bits, signed, 8192 counts for a volt.

    The last count below +1 V stands for it: 1 V may be asked for, and gives 0.99988 V.
    """
    return Register(name=name, offset=offset, bits=14, signed=True, scale=8192, unit="V", low=-1, high=1)
