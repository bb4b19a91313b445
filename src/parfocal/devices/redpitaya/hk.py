"""Housekeeping: who the board is, its LEDs and its digital pins."""

from __future__ import annotations

from typing import Any, Literal

from parfocal.core.errors import BadInputError
from parfocal.devices.redpitaya.board import Board
from parfocal.devices.redpitaya.memory_map import HK

PINS = 8
_ID, _DNA = 0x0, 0x4
_DIRECTION = {"P": 0x10, "N": 0x14}
_OUT = {"P": 0x18, "N": 0x1C}
_IN = {"P": 0x20, "N": 0x24}
_LED = 0x30

PinRow = Literal["P", "N"]


class Housekeeping:
    """LEDs and two rows of pins, "P" and "N"; each row shares its words, which are changed under a mask."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def gateware_id(self) -> int:
        """Return the number of the loaded gateware; 1 is the one this client is made for."""
        return self._board.read_word(HK + _ID) & 0xF

    def dna(self) -> int:
        """Return the 57 bits that are this board's own."""
        low, high = self._board.read_words(HK + _DNA, 2)
        return (high << 32 | low) & ((1 << 57) - 1)

    def leds(self) -> int:
        """Return the eight LEDs as bits."""
        return self._board.read_word(HK + _LED) & 0xFF

    def set_led(self, led: int, on: bool) -> None:
        """Switch LED 0 to 7."""
        self._set(_LED, _bit("led", led), on)

    def set_direction(self, row: PinRow, pin: int, direction: Literal["in", "out"]) -> None:
        """Make a pin of row "P" or "N" an input or an output."""
        if direction not in ("in", "out"):
            raise BadInputError(f"direction = {direction!r} is 'in' or 'out'")
        self._set(_offset(_DIRECTION, row), _bit("pin", pin), direction == "out")

    def set_pin(self, row: PinRow, pin: int, on: bool) -> None:
        """Set the level of a pin; it is seen if the pin is an output."""
        self._set(_offset(_OUT, row), _bit("pin", pin), on)

    def setup_pin(self, row: PinRow, pin: int, direction: Literal["in", "out"], on: bool = False) -> bool:
        """Set a pin's level, then its direction; return the level at the pin.

        Raises
        ------
        BadInputError
            If there is no such pin, or an input is given a level. Nothing was written.
        """
        if direction == "in" and on:
            raise BadInputError(f"pin {row}{pin} becomes an input: on = True would do nothing; leave it out")
        self.set_pin(row, pin, on)
        self.set_direction(row, pin, direction)
        return self.pin(row, pin)

    def pin(self, row: PinRow, pin: int) -> bool:
        """Return the level at a pin."""
        return bool(self._board.read_word(HK + _offset(_IN, row)) & _bit("pin", pin))

    def off(self) -> None:
        """Make every pin an input with a low level set."""
        for row in ("P", "N"):
            self._set(_DIRECTION[row], (1 << PINS) - 1, False)
            self._set(_OUT[row], (1 << PINS) - 1, False)

    def restore(self, **settings: Any) -> dict[str, Any]:
        """Set LEDs and pins: ``led3=True``, ``P5=("out", True)``; returns them."""
        for name, value in settings.items():
            if name.startswith("led"):
                self.set_led(int(name[3:]), value)
            else:
                self.setup_pin(name[0], int(name[1:]), *value)  # type: ignore[arg-type]  # checked there
        return settings

    def state(self) -> dict[str, int]:
        """Return LEDs, directions and levels as bits."""
        words = {"leds": _LED, "direction_p": _DIRECTION["P"], "direction_n": _DIRECTION["N"]}
        words |= {"out_p": _OUT["P"], "out_n": _OUT["N"]}
        return {name: self._board.read_word(HK + offset) & 0xFF for name, offset in words.items()}

    def _set(self, offset: int, bits: int, on: bool) -> None:
        self._board.modify(HK + offset, bits, bits if on else 0)


def _bit(what: str, number: int) -> int:
    if not 0 <= number < PINS:
        raise BadInputError(f"{what} = {number!r} is outside of 0 to {PINS - 1}")
    return 1 << number


def _offset(offsets: dict[str, int], row: str) -> int:
    if row not in offsets:
        raise BadInputError(f"row = {row!r} is 'P' or 'N'")
    return offsets[row]
