"""Fields of registers as declared data: the address, bits, unit and limits of each. Pure."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from parfocal.core.errors import BadInputError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.devices.redpitaya.trace import Calibration

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Field(Generic[T]):
    """Some bits of one word of a module, and what they mean.

    Attributes
    ----------
    name : str
        What errors, and a module's settings, call it.
    offset : int
        Bytes from the base of its module.
    low_bit, bits : int
        Where the field lies in the word.
    access : str
        "rw", or "ro": written by the board alone.
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
    access: Literal["rw", "ro"] = "rw"
    shared: bool = False
    volatile: bool = False

    @property
    def mask(self) -> int:
        """The bits of the word that belong to the field."""
        return ((1 << self.bits) - 1) << self.low_bit

    def encode(self, value: T) -> int:
        """Return the field's bits, in their place in the word, that come nearest to `value`.

        Raises
        ------
        BadInputError
            Naming the value, and what may be written instead.
        """
        if self.access == "ro":
            raise BadInputError(f"{self.name} is written by the board alone; {value!r} was not written")
        return (self._counts(value) << self.low_bit) & self.mask

    def decode(self, word: int) -> T:
        """Return the value that the field has in `word`."""
        return self._value((word & self.mask) >> self.low_bit)

    @abstractmethod
    def _counts(self, value: T) -> int: ...

    @abstractmethod
    def _value(self, counts: int) -> T: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Register(Field[float]):
    """A number: ``value = counts / scale + zero``.

    Attributes
    ----------
    signed : bool
        Whether the bits are two's complement.
    scale, zero : float
        Counts for one unit; the value at 0 counts.
    unit : str
        Unit of the value, "" for a number.
    low, high : float or None
        Limits in that unit; None: what the bits hold.

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

    signed: bool = False
    scale: float = 1.0
    zero: float = 0.0
    unit: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest value that may be written."""
        least, most = self._range
        low = least / self.scale + self.zero if self.low is None else self.low
        high = most / self.scale + self.zero if self.high is None else self.high
        return low, high

    def calibrated(self, calibration: Calibration, *, width: bool = False) -> Register:
        """Return the register in volts at the connector of an input; `width`: it is a difference of volts."""
        gain, zero = (abs(calibration.gain), 0.0) if width else (calibration.gain, calibration.offset_v)
        if (gain, zero) == (1.0, 0.0):
            return self
        low, high = sorted(limit * gain + zero for limit in self.limits)
        return replace(self, scale=self.scale / gain, zero=self.zero * gain + zero, low=low, high=high)

    @property
    def _range(self) -> tuple[int, int]:
        return (-(1 << (self.bits - 1)) if self.signed else 0), (1 << (self.bits - self.signed)) - 1

    def _counts(self, value: float) -> int:
        low, high = self.limits
        if not low <= value <= high:
            unit = f" {self.unit}" if self.unit else ""
            raise BadInputError(f"{self.name} = {value!r}{unit} is outside of {low:g} to {high:g}{unit}")
        least, most = self._range
        return min(max(round((value - self.zero) * self.scale), least), most)

    def _value(self, counts: int) -> float:
        if self.signed and counts >> (self.bits - 1):
            counts -= 1 << self.bits
        return counts / self.scale + self.zero


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Count(Field[int]):
    """A whole number from `low` on; `base` is what 0 counts stand for.

    Examples
    --------
    >>> bursts = Count(name="bursts", offset=0x1C, bits=16, low=1, base=1)
    >>> bursts.encode(4), bursts.decode(3)
    (3, 4)
    >>> bursts.encode(70_000)
    Traceback (most recent call last):
        ...
    parfocal.core.errors.BadInputError: bursts = 70000 is outside of 1 to 65536
    """

    low: int = 0
    high: int | None = None
    base: int = 0

    def _counts(self, value: int) -> int:
        high = (1 << self.bits) - 1 + self.base if self.high is None else self.high
        if not self.low <= value <= high or value != int(value):
            raise BadInputError(f"{self.name} = {value!r} is outside of {self.low} to {high}")
        return int(value) - self.base

    def _value(self, counts: int) -> int:
        return counts + self.base


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flag(Field[bool]):
    """A bit."""

    bits: int = 1

    def _counts(self, value: bool) -> int:
        return int(bool(value))

    def _value(self, counts: int) -> bool:
        return bool(counts)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Angle(Field[float]):
    """A phase in degrees, of which the bits hold one turn; `sign` is -1 where they count backwards.

    Examples
    --------
    >>> phase = Angle(name="phase_deg", offset=4, sign=-1)
    >>> hex(phase.encode(90.0)), phase.decode(phase.encode(-90.0))
    ('0xc0000000', 270.0)
    """

    sign: int = 1

    def _counts(self, value: float) -> int:
        turn = 1 << self.bits
        if not abs(value) < float("inf"):
            raise BadInputError(f"{self.name} = {value!r} is no angle in degrees")
        return self.sign * round(value / 360 * turn) % turn

    def _value(self, counts: int) -> float:
        turn = 1 << self.bits
        return self.sign * counts % turn * 360 / turn


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice(Field[str]):
    """A field whose values have names; `options` are the names and their codes.

    Examples
    --------
    >>> output = Choice(name="output", offset=4, bits=2, options={"off": 0, "out1": 1, "out2": 2, "both": 3})
    >>> output.encode("out2"), output.decode(3)
    (2, 'both')
    >>> output.encode("out")
    Traceback (most recent call last):
        ...
    parfocal.core.errors.BadInputError: output = 'out': did you mean 'out2'?
    """

    options: Mapping[str, int]

    def _counts(self, value: str) -> int:
        if value not in self.options:
            raise BadInputError(f"{self.name} = {value!r}: {nearest(str(value), self.options)}")
        return self.options[value]

    def _value(self, counts: int) -> str:
        """Return the value's name, or its code as text if it has none."""
        return next((name for name, code in self.options.items() if code == counts), str(counts))


_VOLTS = Register(name="", offset=0, bits=14, signed=True, scale=8192, unit="V", low=-1, high=1)


def volts(name: str, offset: int, **others: Any) -> Register:
    """Return a register for a signal: 14 bits, signed, 8192 counts for a volt; `others` are what differs.

    The last count below +1 V stands for it: 1 V may be asked for, and gives 0.99988 V.
    """
    return replace(_VOLTS, name=name, offset=offset, **others)
