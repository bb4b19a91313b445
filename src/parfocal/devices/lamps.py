"""The lights of a rig as a channel uses them: with a shutter or without, reached through their services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from parfocal.ipc import PendingCalls

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.channels import LightState
    from parfocal.ipc import Call

ANSWER_S = 10.0
"""How long a service may take to do something quick."""
POWER_WITHIN = 0.01
"""By how much a power that is read back may differ from what was asked for."""


class FoundLight(NamedTuple):
    """How a light stood: its power, and whether its shutter was open; without one, whether it was on."""

    power: float
    lit: bool


class Lamp:
    """One light. Without a shutter it is made dark by its power.

    What it is asked for is one call, which is returned: so several lights are set, or read, at once.

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
        self._offs_asked = self._offs_before = 0  # the latter: when it was set last
        self._state: LightState | None = None

    def begin_dark(self, power: float | None = None) -> Call:
        """Keep its light from the sample, and set the power that it has when it is lit; None leaves that.

        The call's result, a `LightState`, is there when it is dark.
        """
        self._will_have(power)
        if self._has_shutter:
            return self._set(power=power, shutter_open=False)
        return self._set(power=0.0)

    def stays_dark(self, power: float | None = None) -> bool:
        """Return whether `begin_dark` would change nothing, by what was read back when this set it last.

        If so, it will have that power when it is lit. What others do with the light is not known here.
        """
        state = self._state
        if state is None or state.reaches_sample or self._offs_asked != self._offs_before:
            return False
        if self._has_shutter and power is not None and abs(state.power - power) > POWER_WITHIN:
            return False
        self._will_have(power)
        return True

    def note(self, state: LightState) -> LightState:
        """Keep what was read back when what was begun last had ended; return that."""
        self._state = state
        return state

    @property
    def state(self) -> LightState | None:
        """What was read back when this set it last; None if that is not known."""
        return self._state

    def begin_lit(self) -> Call:
        """Let its light reach the sample; the call's result, a `LightState`, is there when it does."""
        return self._set(shutter_open=True) if self._has_shutter else self._set(power=self._wanted)

    def begin_reading(self) -> Call:
        """Read it back; the call's result is a `LightState`."""
        return self._submit("light")

    def found(self, state: LightState) -> FoundLight:
        """Return how it stands, of what was read back; its power is that which it has when it is lit."""
        power = state.power if state.reaches_sample or self._has_shutter else self._wanted
        return FoundLight(power, state.reaches_sample)

    def off(self) -> None:
        """Switch it off, without waiting for the answer. Any thread.

        What is set afterwards waits until it is done.
        """
        self._offs_asked += 1
        self._offs.add(self._submit("off"))

    def _will_have(self, power: float | None) -> None:
        if power is not None:
            self._wanted = power

    def _set(self, **what: Any) -> Call:
        self._state, self._offs_before = None, self._offs_asked
        self._offs.wait(ANSWER_S)
        return self._submit("set_light", **what)

    def _submit(self, command: str, **what: Any) -> Call:
        call: Call = self._service.submit(command, timeout_s=ANSWER_S, **what)
        return call
