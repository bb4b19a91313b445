"""Whether a laboratory needs any hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.devices.registry import load_device

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def by_name(device: str) -> bool:
    """Return whether a device is simulated, as far as its name tells. Imports nothing."""
    return device.startswith("simulated")


def by_class(device: str) -> bool:
    """Return whether a device is simulated: by its name, or as its class says ``simulated = True``.

    Raises
    ------
    ConfigError
        If there is no such class.
    """
    return by_name(device) or getattr(load_device(device), "simulated", False) is True


def is_simulated(
    services: Mapping[str, Mapping[str, Any]], device_is: Callable[[str], bool] = by_name
) -> bool:
    """Return whether a rig has devices, and all of them are simulated.

    Parameters
    ----------
    services : mapping
        What a rig file says of each service.
    device_is : callable
        Tells it of one device: `by_name`, or `by_class`, which imports it.

    Examples
    --------
    >>> is_simulated({"lamp": {"kind": "light", "settings": {"device": "simulated-light"}}})
    True
    >>> is_simulated({"lamp": {"kind": "light", "settings": {"device": "my_lab:Lamp"}}})
    False
    """
    settings = (service.get("settings", {}) for service in services.values())
    devices = [each["device"] for each in settings if "device" in each]
    return bool(devices) and all(map(device_is, devices))
