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

PinBank = Literal["P", "N"]


class Housekeeping:
    """LEDs and two banks of pins, "P" and "N"; each bank shares its words, which are changed under a mask."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def gateware_id(self) -> int:
        """Return the number of the loaded gateware; 1 is the one this client is made for."""
        return self._board.read_word(HK + _ID) & 0xF

    def dna(self) -> int:
        """Return the 57 bits that are this board's own."""
        low, high = self._board.read_words(HK + _DNA, 2)
        return (high << 32 | low) & ((1 << 57) - 1)

    def identity(self) -> dict[str, Any]:
        """Return the board's gateware and its own 57-bit number, read from the board."""
        return {"gateware": self.gateware_id(), "dna": f"{self.dna():015x}"}

    def leds(self) -> int:
        """Return the eight LEDs as bits."""
        return self._board.read_word(HK + _LED) & 0xFF

    def set_led(self, led: int, on: bool) -> None:
        """Switch LED 0 to 7."""
        self._set(_LED, _bit("led", led), on)

    def set_direction(self, bank: PinBank, pin: int, direction: Literal["in", "out"]) -> None:
        """Make a pin of bank "P" or "N" an input or an output."""
        if direction not in ("in", "out"):
            raise BadInputError(f"direction = {direction!r} is 'in' or 'out'")
        self._set(_offset(_DIRECTION, bank), _bit("pin", pin), direction == "out")

    def set_pin(self, bank: PinBank, pin: int, on: bool) -> None:
        """Set the level of a pin; it is seen if the pin is an output."""
        self._set(_offset(_OUT, bank), _bit("pin", pin), on)

    def setup_pin(self, bank: PinBank, pin: int, direction: Literal["in", "out"], on: bool = False) -> bool:
        """Set a pin's level, then its direction; return the level at the pin.

        Raises
        ------
        BadInputError
            If there is no such pin, or an input is given a level. Nothing was written.
        """
        if direction == "in" and on:
            raise BadInputError(f"pin {bank}{pin} becomes an input: on = True would do nothing; leave it out")
        self.set_pin(bank, pin, on)
        self.set_direction(bank, pin, direction)
        return self.pin(bank, pin)

    def pin(self, bank: PinBank, pin: int) -> bool:
        """Return the level at a digital pin."""
        return bool(self._board.read_word(HK + _offset(_IN, bank)) & _bit("pin", pin))

    def off(self) -> None:
        """Make every pin an input with a low level set."""
        for bank in ("P", "N"):
            self._set(_DIRECTION[bank], (1 << PINS) - 1, False)
            self._set(_OUT[bank], (1 << PINS) - 1, False)

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


def _offset(offsets: dict[str, int], bank: str) -> int:
    if bank not in offsets:
        raise BadInputError(f"bank = {bank!r} is 'P' or 'N'")
    return offsets[bank]
