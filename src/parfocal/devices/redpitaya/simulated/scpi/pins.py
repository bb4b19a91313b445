"""The DIG and ANALOG commands: LEDs, digital pins, slow outputs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from parfocal.devices.redpitaya.hk import Housekeeping, PinBank

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parfocal.devices.redpitaya.board import Board

_DIO = re.compile(r"DIO(\d)_([PN])", re.IGNORECASE)
_LED = re.compile(r"LED(\d)", re.IGNORECASE)


def commands(board: Board) -> Mapping[str, Callable[..., object]]:
    """Return the commands by pattern. Slow inputs read what the slow output of their number is set to."""
    hk = Housekeeping(board)
    slow: dict[str, float] = {}

    def level(pin: str) -> int:
        if found := _LED.fullmatch(pin):
            return hk.leds() >> int(found[1]) & 1
        return int(hk.pin(*_dio(pin)))

    def set_level(pin: str, value: str) -> None:
        on = bool(int(value))
        if found := _LED.fullmatch(pin):
            hk.set_led(int(found[1]), on)
        else:
            hk.set_pin(*_dio(pin), on)

    def direct(direction: str, pin: str) -> None:
        hk.set_direction(*_dio(pin), "out" if direction.upper() == "OUT" else "in")

    def direction(pin: str) -> str:
        bank, number = _dio(pin)
        return "OUT" if hk.state()[f"direction_{bank.lower()}"] >> number & 1 else "IN"

    def set_slow(pin: str, volts: str) -> None:
        slow[pin.upper().removeprefix("AOUT")] = float(volts)

    return {
        "DIG:RST": hk.off,
        "DIG:PIN": set_level,
        "DIG:PIN?": level,
        "DIG:PIN:DIR": direct,
        "DIG:PIN:DIR?": direction,
        "ANALOG:RST": slow.clear,
        "ANALOG:PIN": set_slow,
        "ANALOG:PIN?": lambda pin: slow.get(pin.upper().removeprefix("AIN").removeprefix("AOUT"), 0.0),
    }


def _dio(pin: str) -> tuple[PinBank, int]:
    found = _DIO.fullmatch(pin)
    if found is None:
        raise ValueError(f"{pin} is no pin")
    return ("P" if found[2].upper() == "P" else "N"), int(found[1])
