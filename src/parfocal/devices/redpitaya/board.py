"""Typed access to a board's registers: values are checked, rounded to what the bits hold, and read back."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import BadInputError, DeviceError, UnconfirmedWriteError
from parfocal.devices.redpitaya.memory_map import DSP, INPUT, SIGNALS, slot_base
from parfocal.devices.redpitaya.registers import Flag
from parfocal.devices.redpitaya.trace import UNCALIBRATED, Calibration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parfocal.devices.redpitaya.link import Link
    from parfocal.devices.redpitaya.registers import Field

_WHOLE_WORD = 0xFFFFFFFF

T = TypeVar("T")


class Board:
    """The registers behind a `Link`. Thread-safe. Blocks, such as tables and traces, go over the link itself.

    A field that shares its word with others is read, changed and written back under a lock of that word, so
    two modules never undo one another's bits; the bus is free in between.

    Parameters
    ----------
    link : Link
        The way to the board's memory. The board closes it.
    calibration : tuple of Calibration
        Of in1 and in2.
    """

    def __init__(
        self, link: Link, *, calibration: tuple[Calibration, Calibration] = (UNCALIBRATED, UNCALIBRATED)
    ) -> None:
        self.link = link
        self._calibration = dict(zip(("in1", "in2"), calibration, strict=True))
        self._word_locks: dict[int, threading.RLock] = {}
        self._momentary: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)

    def close(self) -> None:
        """Close the link. Idempotent."""
        self.link.close()

    @property
    def calibrated(self) -> bool:
        """Whether any input's counts mean something else than 1/8192 V."""
        return any(each != UNCALIBRATED for each in self._calibration.values())

    def calibration(self, signal: str) -> Calibration:
        """Return what the counts of a signal mean; only those of in1 and in2 may be calibrated."""
        return self._calibration.get(signal, UNCALIBRATED)

    def read_word(self, address: int) -> int:
        """Return the word at `address`."""
        return int(self.link.read(address, 1)[0])

    def read_words(self, address: int, count: int) -> list[int]:
        """Return `count` words from `address` on, read in ascending order."""
        return [int(word) for word in self.link.read(address, count)]

    def write_word(self, address: int, word: int) -> None:
        """Write the word at `address`, as it is."""
        self.link.write(address, np.array([word & _WHOLE_WORD], np.uint32))

    def get(self, field: Field[T], base: int) -> T:
        """Return the value of a field of the module at `base`."""
        return field.decode(self.read_word(base + field.offset))

    def set(self, field: Field[T], base: int, value: T) -> T:
        """Write a field of the module at `base`; return the value that the board has now.

        Raises
        ------
        BadInputError
            If the value cannot be written; the bus was not touched.
        DeviceError
            If the board kept another value.
        UnconfirmedWriteError
            If it is unknown whether the board took it, and writing twice could do harm.
        """
        bits = field.encode(value)
        address = base + field.offset
        mask = field.mask if field.shared else _WHOLE_WORD
        if field.volatile:
            self.modify(address, mask, bits)
            return field.decode(bits)
        with self._word_lock(address):
            self._write_surely(address, mask, bits)
            now = self.read_word(address)
        if now & field.mask != bits:
            raise DeviceError(
                f"{field.name} at {address:#x} reads back {field.decode(now)!r} after {value!r} was "
                "written; is another program changing it, or another gateware loaded?"
            )
        return field.decode(now)

    def modify(self, address: int, mask: int, bits: int) -> None:
        """Set the bits under `mask` of a word to `bits`; nobody else's change of the word gets lost."""
        with self._word_lock(address):
            self.write_word(address, self._merged(address, mask, bits))

    def strobe(self, address: int, mask: int, bits: int, *, then: int = 0) -> None:
        """Write `bits` under `mask`, and `then` there at once: a trigger, which no later change repeats.

        Raises
        ------
        UnconfirmedWriteError
            If it is unknown whether the board took it. It was not sent again, and taken back if the board
            could be reached.
        """
        with self._word_lock(address):
            before = self._merged(address, mask, then)
            try:
                self.write_word(address, (before & ~mask) | (bits & mask))
            except UnconfirmedWriteError:
                with contextlib.suppress(DeviceError):  # else it stands until `_merged` drops it
                    self._write_surely(address, _WHOLE_WORD, before)
                raise
            self._write_surely(address, _WHOLE_WORD, before)

    def never_repeat(self, address: int, mask: int, bits: int) -> None:
        """Have `bits` under `mask`, such as a trigger, dropped where they are found standing in the word."""
        self._momentary[address].append((mask, bits))

    def _merged(self, address: int, mask: int, bits: int) -> int:
        if mask == _WHOLE_WORD:
            return bits
        others = self.read_word(address)
        for momentary_mask, momentary in self._momentary[address]:
            if others & momentary_mask == momentary:
                others &= ~momentary_mask
        return (others & ~mask) | (bits & mask)

    def _write_surely(self, address: int, mask: int, bits: int) -> None:
        try:
            self.modify(address, mask, bits)
        except UnconfirmedWriteError:
            if self.read_word(address) & mask != bits & mask:
                self.modify(address, mask, bits)

    def _word_lock(self, address: int) -> threading.RLock:
        return self._word_locks.setdefault(address, threading.RLock())


class ModuleRegisters:
    """The registers of one module: a board, and the base address that offsets count from."""

    def __init__(self, board: Board, base: int) -> None:
        self.board = board
        self.base = base

    def get(self, field: Field[T]) -> T:
        """Return the value of a field."""
        return self.board.get(field, self.base)

    def calibration(self, signal: str | None = None) -> Calibration:
        """Return the calibration of `signal`, by default of the one that is the module's input now."""
        if signal is None and self.board.calibrated:
            signal = self.get(INPUT)
        return self.board.calibration(signal or "")

    def get_all(self, fields: Sequence[Field[Any]]) -> dict[str, Any]:
        """Return the values of some fields by their names."""
        return {field.name: self.get(field) for field in fields}

    def set(self, field: Field[T], value: T) -> T:
        """Write a field; return what the board has now."""
        return self.board.set(field, self.base, value)

    def set_all(self, values: Mapping[Field[Any], Any]) -> None:
        """Write some fields, in their order; what is None stays as it is. See `check_all`."""
        for field, value in values.items():
            if value is not None:
                self.set(field, value)


class SlotModule(ModuleRegisters):
    """One of some equal modules, each of which has a slot on the board's bus.

    Parameters
    ----------
    board : Board
        Whose module.
    index : int
        Which of them, from 0 on.
    clock : Clock
        For what takes time.

    Raises
    ------
    BadInputError
        If there are not so many.
    """

    kind: ClassVar[str]
    count: ClassVar[int]

    def __init__(self, board: Board, index: int, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.name = f"{self.kind}{index}"
        if not 0 <= index < self.count:
            raise BadInputError(f"{self.name}: this gateware has {self.kind}0 to {self.kind}{self.count - 1}")
        super().__init__(board, slot_base(self.name))
        self._clock = clock
        # One word, which every slot shows, has such a bit for each of them.
        self._running = Flag(
            name="running", offset=0xC, low_bit=SIGNALS[self.name], shared=True, volatile=True
        )

    @property
    def is_held(self) -> bool:
        """Whether it stands still, as the board says."""
        return not self.board.get(self._running, DSP)

    def hold(self, held: bool) -> None:
        """Have it stand still, or run."""
        self.board.set(self._running, DSP, not held)


def settings_of(fields: Sequence[Field[Any]], asked: Any) -> dict[Field[Any], Any]:
    """Return what is asked for of some fields: the attributes of their names."""
    return {field: getattr(asked, field.name) for field in fields}


def check_all(values: Mapping[Field[Any], Any]) -> None:
    """Raise `BadInputError` if any value but None cannot be written: before the first of them is."""
    for field, value in values.items():
        if value is not None:
            field.encode(value)
