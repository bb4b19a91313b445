"""The lights of a rig as a channel uses them: with a shutter or without, reached through their services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from parfocal.ipc import PendingCalls

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWER_S = 10.0
"""How long a service may take to do something quick."""


class FoundLight(NamedTuple):
    """How a light stood: its power, and whether its shutter was open; without one, whether it was on."""

    power: float
    lit: bool


class Lamp:
    """One light. Without a shutter it is made dark by its power.

    Parameters
    ----------
    name : str
        Of its service.
    connect : callable
        ``connect(service)`` returns that service as an object.
    """

    def __init__(self, name: str, connect: Callable[[str], Any]) -> None:
        self.name = name
        self._service = connect(name)
        self._has_shutter: bool = self._service.has_shutter(timeout_s=ANSWER_S)
        self._wanted = 0.0
        self._offs = PendingCalls()

    def found(self) -> FoundLight:
        """Return how it stands now, read back."""
        power = self._service.power(timeout_s=ANSWER_S)
        return FoundLight(power, self._is_open() and power > 0)

    def set_power(self, power: float) -> None:
        """Set the power that it has when it is lit; a light without a shutter stays dark until then."""
        self._wanted = power
        if self._has_shutter:
            self._offs.wait(ANSWER_S)
            self._service.set_power(power, timeout_s=ANSWER_S)

    def set_lit(self, lit: bool) -> None:
        """Let its light reach the sample, or not; returns when it does."""
        self._offs.wait(ANSWER_S)
        if not self._has_shutter:
            self._service.set_power(self._wanted if lit else 0.0, timeout_s=ANSWER_S)
        elif lit:
            self._service.open_shutter(timeout_s=ANSWER_S)
        else:
            self._service.close_shutter(timeout_s=ANSWER_S)

    def power(self) -> float:
        """Return the power that it has, or will have when it is lit."""
        lit = self._has_shutter or self.is_lit()
        return float(self._service.power(timeout_s=ANSWER_S)) if lit else self._wanted

    def is_lit(self) -> bool:
        """Whether its light reaches the sample, read back."""
        return self.found().lit

    def put_back(self, found: FoundLight, lit: bool) -> None:
        """Set what was found; it goes on only if `lit`."""
        self.set_lit(False)
        self.set_power(found.power)
        if lit and found.lit:
            self.set_lit(True)

    def off(self) -> None:
        """Switch it off, without waiting for the answer. Any thread.

        What is set afterwards waits until it is done.
        """
        self._offs.add(self._service.submit("off", timeout_s=ANSWER_S))

    def _is_open(self) -> bool:
        return not self._has_shutter or bool(self._service.shutter_is_open(timeout_s=ANSWER_S))
