"""What all device hosts share: the device's settings, commands, limits, state, faults, and its way out."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator

from parfocal.core.errors import BadInputError, ConfigError, DeviceError, MadeSafeError
from parfocal.core.protocols import (
    CanFail,
    HasTimes,
    HasVersions,
    SavesRecord,
    TakesSettings,
)
from parfocal.devices.context import DeviceContext
from parfocal.devices.device_commands import device_commands
from parfocal.devices.limits import check_values, limits_reader
from parfocal.devices.registry import (
    check_settings,
    load_device,
    make_device,
    missing_methods,
    settings_class,
)
from parfocal.ipc import RECEIVER, ServiceProxy, command
from parfocal.processes import LOOP, FixedSettings, Service, ServiceContext


class DeviceConfig(BaseModel):
    """Settings of a host.

    Parameters
    ----------
    device : str
        A short name of `parfocal.devices.registry.DEVICES`, or "package.module:Class".
    options : dict
        Of the device: checked against its class's ``Settings``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: str
    options: dict[str, Any] = {}

    @staticmethod
    def inner_settings(setting: str, settings: Mapping[str, Any]) -> Any:
        """Return the class that checks what is inside a setting: for `options`, that of the named device."""
        device = settings.get("device")
        return settings_class(device) if setting == "options" and isinstance(device, str) else None

    @model_validator(mode="after")
    def _device_takes_them(self) -> Self:
        check_settings(self.device, self.options)
        return self


class DeviceHost(Service):
    """A service that owns one device. Subclasses say which protocol, and what goes around it.

    Methods of the device that are marked with `parfocal.ipc.command` are commands of this service. They run
    in the device's own thread, which is the loop of this service, unless they name a lane, with `lock` held.

    Attributes
    ----------
    lock : RLock
        Held during each call of the device that must not come between two others.
    times_made_safe : int
        How often `make_safe` was called.
    """

    protocol: type
    times_made_safe = 0

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.lock = threading.RLock()

    def problems(self) -> tuple[str, ...]:
        """Return that the device's class lacks methods, if it does."""
        name = self.settings.device
        missing = missing_methods(name, self.protocol)
        return (
            (f"device {name!r} is no {self.protocol.__name__}: it lacks {', '.join(missing)}",)
            if missing
            else ()
        )

    def command_sources(self) -> tuple[object, ...]:
        """Return what offers the device's own commands."""
        return (device_commands(load_device(self.settings.device), self),)

    def open(self, context: ServiceContext) -> None:
        """Make and open the device, then what goes around it; if that fails, nothing stays open."""
        self.context = context
        self._closing = ExitStack()
        around = DeviceContext(
            clock=context.clock,
            folder=context.streams,
            connect=lambda service: ServiceProxy(context.connect(service)),
        )
        device = make_device(self.settings.device, self.settings.options, around, self.protocol)
        with ExitStack() as stack:
            stack.callback(device.close)
            stack.callback(device.make_safe)
            device.open()
            self.device, self._limits = device, limits_reader(device)
            self.surround(stack)
            self._closing = stack.pop_all()

    def surround(self, stack: ExitStack) -> None:
        """Set up what the host needs beside the open device; `stack` closes it, last one first."""

    def call_device(self, method: str, arguments: dict[str, Any], reshapes: bool) -> Any:
        """Call a method of the device that is a command, its arguments within the declared limits."""
        if reshapes:
            raise ConfigError(f"{method} is marked as reshaping frames, which only a camera has")
        return self._call(method, arguments)

    @command(lane=RECEIVER, effect="reads")
    def declared_limits(self) -> dict[str, tuple[float, float]]:
        """Return the lowest and the highest value of each argument for which the device declares them."""
        return dict(self._limits())

    @command(lane=LOOP, effect="reads")
    def declared_times(self) -> dict[str, float]:
        """Return how long the device says that it takes, seconds by what it does; see `HasTimes`."""
        with self.lock:
            return self.times_s()

    def times_s(self) -> dict[str, float]:
        """Return what the device declares."""
        return dict(self.device.times_s()) if isinstance(self.device, HasTimes) else {}

    def check_limits(self, **values: float) -> None:
        """Refuse values that are no numbers or beyond what the device declares, with `BadInputError`."""
        check_values(self._limits(), values)

    def fixed_settings(self) -> FixedSettings:
        """Return the device, and its options unless it takes them while it is open."""
        takes = hasattr(load_device(self.settings.device), "settings_changed")
        return dict.fromkeys(("device",) if takes else ("device", "options"), "restart")

    def settings_changed(self, old: Any, new: Any) -> None:
        """Hand changed options to a device that takes them while open."""
        if old.options == new.options or not isinstance(self.device, TakesSettings):
            return
        with self.lock:
            self.device.settings_changed(
                check_settings(old.device, old.options), check_settings(new.device, new.options)
            )

    def make_safe(self) -> None:
        """Make the device safe."""
        self.times_made_safe += 1
        device = getattr(self, "device", None)
        if device is not None:
            device.make_safe()

    def unless_made_safe(self, since: int, told: str) -> AbstractContextManager[None]:
        """Return what raises `MadeSafeError`, which says `told`, if it was made safe by the end of the block.

        Also in place of a `DeviceError` of the block: it may have failed because of that.

        Parameters
        ----------
        since : int
            How often it had been made safe when the command began.
        told : str
            What the error says.
        """
        return _UnlessMadeSafe(self, since, told)

    def check_not_made_safe(self, since: int, told: str) -> None:
        """Raise `MadeSafeError`, which says `told`, if it was made safe more often than `since`."""
        if self.times_made_safe != since:
            raise MadeSafeError(told)

    def close(self) -> None:
        """Close the device and all around it."""
        self._closing.close()

    def state(self) -> dict[str, Any]:
        """Return the device's own state."""
        state: dict[str, Any] = self.device.state()
        return state

    def versions(self) -> dict[str, str]:
        """Return those that the device tells."""
        return self.device.versions() if isinstance(self.device, HasVersions) else {}

    def save_record(self, folder: Path, *, at_end: bool) -> None:
        """Have the device write the files that it gives."""
        if isinstance(self.device, SavesRecord):
            self.device.save_record(folder, at_end=at_end)

    @command(lane="faults", effect="changes", script=False)
    def inject_fault(self, kind: str, details: dict[str, Any] | None = None) -> None:
        """Make a simulated device fail; an unknown kind is answered by those it knows."""
        if not isinstance(self.device, CanFail):
            raise BadInputError(f"device {self.settings.device!r} is real: faults cannot be asked for")
        self.device.inject_fault(kind, **(details or {}))

    def _call(self, method: str, arguments: dict[str, Any]) -> Any:
        numbers = {
            name: value
            for name, value in arguments.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        self.check_limits(**numbers)
        with self.lock:
            return getattr(self.device, method)(**arguments)


class _UnlessMadeSafe:
    """The block of `DeviceHost.unless_made_safe`."""

    def __init__(self, host: DeviceHost, since: int, told: str) -> None:
        self._host, self._since, self._told = host, since, told

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DeviceError) and self._host.times_made_safe != self._since:
            raise MadeSafeError(self._told) from error
        if error is None:
            self._host.check_not_made_safe(self._since, self._told)
