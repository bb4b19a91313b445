"""The simulated lamp: what the simulated camera sees by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.devices.faults import Faults
from parfocal.devices.limits import POWERS
from parfocal.devices.simulated.world import World

if TYPE_CHECKING:
    from parfocal.devices.context import DeviceContext


FULL = 1.0
"""The light of a world in which nobody has opened a lamp."""


class LightSettings(BaseModel):
    """What the simulated lamp is called in its world.

    Parameters
    ----------
    thing : str
        Where its power stands; the simulated tweezers camera sees by "light".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    thing: str = "light"


class SimulatedLight:
    """A lamp without delay (a `parfocal.core.protocols.LightSource`). A world without one is fully lit.

    Opening it switches it off, as closing and `make_safe` do.
    """

    Settings = LightSettings

    def __init__(self, settings: LightSettings, context: DeviceContext) -> None:
        self._settings = settings
        self._context = context
        self._world: World | None = None
        self._faults = Faults({"error": {"message": "injected fault"}})

    def open(self) -> None:
        """Join the world, dark."""
        self._world = World.of(self._context)
        self._set(0.0)

    def close(self) -> None:
        """Switch off, and leave the world."""
        self.make_safe()
        self._world = None

    def make_safe(self) -> None:
        """Switch off."""
        if self._world is not None:
            self._set(0.0)

    def state(self) -> dict[str, Any]:
        """Return its power."""
        return {"device": "simulated light", "power": None if self._world is None else self.power()}

    def limits(self) -> dict[str, tuple[float, float]]:
        """Return the least and the greatest power."""
        return {"fraction": POWERS}

    def power(self) -> float:
        """Return the power, 0 to 1."""
        return self._opened().position(self._settings.thing, self._context.clock.monotonic_ns(), FULL)

    def set_power(self, fraction: float) -> None:
        """Set the power, 0 to 1."""
        if not POWERS[0] <= fraction <= POWERS[1]:
            raise BadInputError(f"the power must lie from 0 to 1, not {fraction}")
        if (fault := self._faults.take("error")) is not None:
            raise DeviceError(str(fault["message"]))
        self._set(fraction)

    def inject_fault(self, kind: str, **details: Any) -> None:
        """Make a fault happen: "error" once, at the next `set_power`."""
        self._opened()
        self._faults.inject(kind, details)

    def _set(self, fraction: float) -> None:
        self._opened().move(self._settings.thing, fraction, self._context.clock.monotonic_ns(), home=FULL)

    def _opened(self) -> World:
        if self._world is None:
            raise DeviceError("the simulated light is closed; open it first")
        return self._world
