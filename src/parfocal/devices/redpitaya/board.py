"""The board as registers: typed values in, quantised values out, shared words changed under a mask."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, overload

import numpy as np

from parfocal.core.errors import DeviceError, UnconfirmedWriteError
from parfocal.devices.redpitaya.registers import Choice, Register

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from parfocal.devices.redpitaya.link import Link

_WHOLE_WORD = 0xFFFFFFFF


class Board:
    """The registers behind a `Link`. Thread-safe.

    A field that shares its word with others is read, changed and written back under a lock of that word, so
    two modules never undo one another's bits; the bus is free in between.

    Parameters
    ----------
    link : Link
        The way to the board's memory. The board closes it.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self._word_locks: defaultdict[int, threading.RLock] = defaultdict(threading.RLock)
        self._locks_guard = threading.Lock()
        self._shadow: dict[int, int] = {}
        self._events: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)

    def close(self) -> None:
        """Close the link. Idempotent."""
        self.link.close()

    def read_word(self, address: int) -> int:
        """Return the word at `address`."""
        return int(self.link.read(address, 1)[0])

    def read_words(self, address: int, count: int) -> list[int]:
        """Return `count` words from `address` on, read in ascending order."""
        return [int(word) for word in self.link.read(address, count)]

    def write_word(self, address: int, word: int) -> None:
        """Write the word at `address`, as it is."""
        self.link.write(address, np.array([word & _WHOLE_WORD], np.uint32))

    def read_block(self, address: int, words: int) -> NDArray[np.uint32]:
        """Return a block, a new array; others use the bus between its pieces."""
        return self.link.read(address, words)

    def write_block(self, address: int, values: NDArray[np.integer]) -> None:
        """Write a block; others use the bus between its pieces."""
        self.link.write(address, values)

    @overload
    def get(self, register: Register, base: int) -> float: ...
    @overload
    def get(self, register: Choice, base: int) -> str: ...
    def get(self, register: Register | Choice, base: int) -> float | str:
        """Return the value of a field of the module at `base`; what was written last if it is unreadable."""
        address = base + register.offset
        if register.access == "wo":
            return register.decode(self._shadow.get(address, 0))
        return register.decode(self.read_word(address))

    @overload
    def set(self, register: Register, base: int, value: float) -> float: ...
    @overload
    def set(self, register: Choice, base: int, value: str) -> str: ...
    @overload
    def set(self, register: Register | Choice, base: int, value: float | str) -> float | str: ...
    def set(self, register: Register | Choice, base: int, value: float | str) -> float | str:
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
        bits = register.encode(value)  # type: ignore[arg-type]  # the overloads pair them
        address = base + register.offset
        mask = register.mask if register.shared else _WHOLE_WORD
        if register.access == "wo" or register.volatile:
            self.modify(address, mask, bits, shadowed=register.access == "wo")
            return register.decode(bits)
        with self._word_lock(address):
            self._write_surely(address, mask, bits)
            now = self.read_word(address)
        if now & register.mask != bits:
            raise DeviceError(
                f"{register.name} at {address:#x} reads back {register.decode(now)!r} after {value!r} was "
                "written; is another program changing it, or another gateware loaded?"
            )
        return register.decode(now)

    def modify(self, address: int, mask: int, bits: int, *, shadowed: bool = False) -> None:
        """Set the bits under `mask` of a word to `bits`; nobody else's change of the word gets lost.

        Parameters
        ----------
        address, mask, bits : int
            Which word, which of its bits, and their values in place.
        shadowed : bool
            Take the other bits from what was written last, not from the board: for words that read
            differently from how they are written.
        """
        with self._word_lock(address):
            word = self._merged(address, mask, bits, shadowed=shadowed)
            self.write_word(address, word)
            self._shadow[address] = word

    def pulse(self, address: int, mask: int, bits: int, *, then: int = 0) -> None:
        """Write `bits` under `mask`, and at once `then` there: an event, that no later change repeats.

        Raises
        ------
        UnconfirmedWriteError
            If it is unknown whether the board took it. It was not sent again, and taken back if the board
            could be reached.
        """
        with self._word_lock(address):
            before = self._merged(address, mask, then, shadowed=False)
            self._shadow[address] = before
            try:
                self.write_word(address, (before & ~mask) | (bits & mask))
            except UnconfirmedWriteError:
                with contextlib.suppress(DeviceError):  # else it stands until `_merged` drops it
                    self._write_surely(address, _WHOLE_WORD, before)
                raise
            self._write_surely(address, _WHOLE_WORD, before)

    def event(self, address: int, mask: int, bits: int) -> None:
        """Say that `bits` under `mask` are an event: found standing, they are dropped, not written again."""
        self._events[address].append((mask, bits))

    def _merged(self, address: int, mask: int, bits: int, *, shadowed: bool) -> int:
        if mask == _WHOLE_WORD:
            return bits
        others = self._shadow.get(address, 0) if shadowed else self.read_word(address)
        for event_mask, event in self._events[address]:
            if others & event_mask == event:
                others &= ~event_mask
        return (others & ~mask) | (bits & mask)

    def _write_surely(self, address: int, mask: int, bits: int) -> None:
        try:
            self.modify(address, mask, bits)
        except UnconfirmedWriteError:
            if self.read_word(address) & mask != bits & mask:
                self.modify(address, mask, bits)

    def _word_lock(self, address: int) -> threading.RLock:
        with self._locks_guard:
            return self._word_locks[address]


class Bank:
    """The registers of one module: a board and the base address that its offsets count from."""

    def __init__(self, board: Board, base: int) -> None:
        self.board = board
        self.base = base

    @overload
    def get(self, register: Register) -> float: ...
    @overload
    def get(self, register: Choice) -> str: ...
    def get(self, register: Register | Choice) -> float | str:
        """Return the value of a field."""
        return self.board.get(register, self.base)

    @overload
    def set(self, register: Register, value: float) -> float: ...
    @overload
    def set(self, register: Choice, value: str) -> str: ...
    @overload
    def set(self, register: Register | Choice, value: float | str) -> float | str: ...
    def set(self, register: Register | Choice, value: float | str) -> float | str:
        """Write a field; return what the board has now."""
        return self.board.set(register, self.base, value)


def check_all(wanted: Mapping[Register | Choice, float | str]) -> None:
    """Raise `BadInputError` if any of the values cannot be written: before the first of them is."""
    for register, value in wanted.items():
        register.encode(value)  # type: ignore[arg-type]  # a wrong kind of value raises
