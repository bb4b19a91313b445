"""A lamp with a shutter before the simulated sample."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.devices.faults import Faults
from parfocal.devices.limits import POWERS
from parfocal.devices.simulated.microscope.sample import SharedSample

if TYPE_CHECKING:
    from parfocal.devices.context import DeviceContext
    from parfocal.devices.simulated.microscope.lights import SampleLight


class ShutteredLightSettings(BaseModel):
    """Which light of the simulated world it is.

    Parameters
    ----------
    light : str
        Its name there.
    world : str
        Name of the service of kind ``simulated_world``.
    shutter_s : float
        How long its shutter takes to open or to close.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    light: str = "excitation"
    world: str = "world"
    shutter_s: Annotated[float, Field(ge=0, le=10)] = 0.005


class ShutteredLight:
    """A light with a shutter (a `parfocal.core.protocols.LightSource` that `HasShutter`).

    Power and shutter stand in the memory of the simulated sample: when this process is killed, they stay as
    they are. What is as it shall be is not set again. Opening the device makes them safe, as closing and
    `make_safe` do.
    """

    Settings = ShutteredLightSettings

    def __init__(self, settings: ShutteredLightSettings, context: DeviceContext) -> None:
        self._settings, self._context = settings, context
        self._sample: SharedSample | None = None
        self._faults = Faults({"error": {"message": "injected fault"}, "stuck shutter": {}, "free": {}})
        self._stuck = False

    def open(self) -> None:
        """Find the world, and make it dark."""
        if self._context.folder is None:
            raise DeviceError("the simulated light needs a rig with a folder and a world")
        self._sample = SharedSample(self._context.folder, self._settings.world)
        self.make_safe()
        self._wait_for(self._move_shutter(False))

    def close(self) -> None:
        """Make it dark, and let go of the world."""
        self.make_safe()
        self._sample = None

    def make_safe(self) -> None:
        """Switch off, and close the shutter."""
        if self._sample is None:
            return
        self._set_power(0.0)
        if not self._stuck:
            self._move_shutter(False)

    def state(self) -> dict[str, Any]:
        """Return which light it is."""
        return {"device": "simulated light with a shutter", **self._settings.model_dump(mode="json")}

    def limits(self) -> dict[str, tuple[float, float]]:
        """Return the least and the greatest power."""
        return {"fraction": POWERS}

    def times_s(self) -> dict[str, float]:
        """Return how long its shutter takes."""
        return {"shutter": self._settings.shutter_s}

    def power(self) -> float:
        """Return the power, whatever the shutter does."""
        return self._lamp().power

    def set_power(self, fraction: float) -> None:
        """Set the power, 0 to 1."""
        if not POWERS[0] <= fraction <= POWERS[1]:
            raise BadInputError(f"the power must lie from 0 to 1, not {fraction}")
        self._disturb()
        if fraction != self.power():
            self._set_power(fraction)

    def shutter_is_open(self) -> bool:
        """Whether light passes."""
        return self._lamp().is_open(self._context.clock.monotonic_ns())

    def set_shutter(self, opened: bool) -> None:
        """Open or close the shutter; returns when it has arrived."""
        self._disturb()
        if self._stuck and self.shutter_is_open() != opened:
            raise DeviceError(
                f"the shutter of {self._settings.light!r} is stuck {'closed' if opened else 'open'}"
            )
        lamp = self._lamp()
        self._wait_for(lamp.arrives_ns if lamp.opened == opened else self._move_shutter(opened))

    def inject_fault(self, kind: str, **details: Any) -> None:
        """Make a fault happen: "error" once, or "stuck shutter" (it moves no more) until "free"."""
        self._faults.inject(kind, details)

    def _set_power(self, power: float) -> None:
        self._opened().set_power(self._settings.light, power, self._context.clock.monotonic_ns())

    def _move_shutter(self, opened: bool) -> int:
        """Begin to move the shutter; return when it will be there."""
        now_ns = self._context.clock.monotonic_ns()
        arrives_ns = now_ns + round(self._settings.shutter_s * 1e9)
        return self._opened().set_shutter(self._settings.light, opened, now_ns, arrives_ns)

    def _wait_for(self, arrives_ns: int) -> None:
        clock = self._context.clock
        while (rest_ns := arrives_ns - clock.monotonic_ns()) > 0:
            clock.wait(_NEVER, rest_ns * 1e-9)

    def _lamp(self) -> SampleLight:
        return self._opened().light(self._settings.light)

    def _disturb(self) -> None:
        """Let the faults that wait happen now."""
        if not self._faults.are_waiting:
            return
        if (fault := self._faults.take("error")) is not None:
            raise DeviceError(str(fault["message"]))
        if self._faults.take("stuck shutter") is not None:
            self._stuck = True
        if self._faults.take("free") is not None:
            self._stuck = False

    def _opened(self) -> SharedSample:
        if self._sample is None:
            raise DeviceError("the simulated light is closed; open it first")
        return self._sample


_NEVER = threading.Event()
