"""The devices of a core by their labels, and their properties: what is set is read back."""

from __future__ import annotations

from typing import Any

from parfocal.core.errors import BadInputError, DeviceError, nearest
from parfocal.devices.micromanager.mmcore import asking

Value = bool | int | float | str


class CoreDevices:
    """Part of `Core`.

    Attributes
    ----------
    mmc : UniMMCore
        The core itself.
    """

    mmc: Any

    def labels(self, kind: int) -> tuple[str, ...]:
        """Return the devices of a kind, such as all shutters."""
        with asking("tell its devices"):
            return tuple(self.mmc.getLoadedDevicesOfType(kind))

    def label(self, kind: int, name: str, current: str, what: str) -> str:
        """Return the label of a device of a kind: the one of that name, or for "" the core's own."""
        known = self.labels(kind)
        chosen = name or current
        if not chosen:
            raise DeviceError(f"the configuration names no {what}; it has {', '.join(known) or 'none'}")
        if chosen not in known:
            raise BadInputError(f"there is no {what} {chosen!r}; {nearest(chosen, known)}")
        return chosen

    def libraries(self) -> dict[str, str]:
        """Return all devices by label, and the library of adapters that each is of."""
        with asking("tell its devices"):
            return {
                name: str(self.mmc.getDeviceLibrary(name))
                for name in self.mmc.getLoadedDevices()
                if name != "Core"
            }

    def busy(self, device: str) -> bool:
        """Whether a device is still on its way."""
        with asking(f"tell whether {device!r} is busy"):
            return bool(self.mmc.deviceBusy(device))

    def properties(self, device: str) -> dict[str, str]:
        """Return what the properties of a device stand at."""
        self._check_device(device)
        with asking(f"tell the properties of {device!r}"):
            names = self.mmc.getDevicePropertyNames(device)
            return {name: self.mmc.getProperty(device, name) for name in names}

    def set_property(self, device: str, name: str, value: Value) -> str:
        """Set a property; return what is read back, which must be what was asked for."""
        known = self._property_names(device)
        if name not in known:
            raise BadInputError(f"device {device!r} has no property {name!r}; {nearest(name, known)}")
        given = str(int(value)) if isinstance(value, bool) else str(value)
        with asking(f"set {name} of {device!r} to {given!r}"):
            self.mmc.setProperty(device, name, given)
            self.mmc.waitForDevice(device)
            made = str(self.mmc.getProperty(device, name))
        if not is_same(given, made):
            raise DeviceError(f"{name} of {device!r} was set to {given!r}, and reads {made!r}")
        return made

    def property_limits(self, device: str, name: str) -> tuple[float, float] | None:
        """Return the least and the greatest value of a property, None if it has no limits."""
        with asking(f"tell the limits of {name} of {device!r}"):
            if not self.mmc.hasProperty(device, name) or not self.mmc.hasPropertyLimits(device, name):
                return None
            limits = (
                self.mmc.getPropertyLowerLimit(device, name),
                self.mmc.getPropertyUpperLimit(device, name),
            )
        return float(limits[0]), float(limits[1])

    def _check_device(self, device: str) -> None:
        known = self.mmc.getLoadedDevices()
        if device not in known:
            raise BadInputError(f"there is no device {device!r}; {nearest(device, known)}")

    def _property_names(self, device: str) -> tuple[str, ...]:
        self._check_device(device)
        with asking(f"tell the properties of {device!r}"):
            return tuple(self.mmc.getDevicePropertyNames(device))


def is_same(asked: str, made: str) -> bool:
    """Whether a property reads what it was set to: the same text, or the same number.

    Examples
    --------
    >>> is_same("10", "10.0000"), is_same("Chroma-HQ535", "Chroma-HQ620"), is_same("0.1", "0.2")
    (True, False, False)
    """
    if asked == made:
        return True
    try:
        wanted, found = float(asked), float(made)
    except ValueError:
        return False
    return abs(wanted - found) <= 1e-3 * abs(wanted) + 1e-6
