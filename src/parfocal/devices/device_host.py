"""What all device hosts share: the device's settings, its state, its faults, its way out."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator

from parfocal.core.errors import BadInputError, ConfigError
from parfocal.core.protocols import CanFail
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import check_device, make_device
from parfocal.ipc import command
from parfocal.processes import Service, ServiceContext


class DeviceConfig(BaseModel):
    """Settings of a host.

    Parameters
    ----------
    device : str
        A short name of `parfocal.devices.registry.DEVICES`, or "package.module:Class".
    options : dict
        Of the device.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: str
    options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _device_takes_them(self) -> Self:
        check_device(self.device, self.options)
        return self


class DeviceHost(Service):
    """A service that owns one device. Subclasses say which protocol, and what goes around it."""

    protocol: type

    def open(self, context: ServiceContext) -> None:
        """Make and open the device, then what goes around it; if that fails, nothing stays open."""
        self.context = context
        self._closing = ExitStack()
        surroundings = DeviceContext(clock=context.clock, folder=context.streams)
        device = make_device(self.settings.device, self.settings.options, surroundings, self.protocol)
        with ExitStack() as stack:
            stack.callback(device.close)
            stack.callback(device.make_safe)
            device.open()
            self.device = device
            self.surround(stack)
            self._closing = stack.pop_all()

    def surround(self, stack: ExitStack) -> None:
        """Set up what the host needs beside the open device; `stack` closes it, last one first."""

    def settings_changed(self, old: Any, new: Any) -> None:
        """Refuse another device: an open one keeps its settings."""
        if (old.device, old.options) != (new.device, new.options):
            raise ConfigError("an open device keeps its settings: use its commands, or restart the service")

    def make_safe(self) -> None:
        """Make the device safe."""
        device = getattr(self, "device", None)
        if device is not None:
            device.make_safe()

    def close(self) -> None:
        """Close the device and all around it."""
        self._closing.close()

    def state(self) -> dict[str, Any]:
        """Return the device's own state."""
        state: dict[str, Any] = self.device.state()
        return state

    @command(lane="faults", script=False)
    def inject_fault(self, kind: str, details: dict[str, Any] | None = None) -> None:
        """Make a simulated device fail; an unknown kind is answered by those it knows."""
        if not isinstance(self.device, CanFail):
            raise BadInputError(f"device {self.settings.device!r} is real: faults cannot be asked for")
        self.device.inject_fault(kind, **(details or {}))
