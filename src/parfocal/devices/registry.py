"""Devices by name: a short one of ours, or "package.module:Class" of anybody's."""

from __future__ import annotations

from inspect import getattr_static
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import ConfigError, nearest
from parfocal.processes import loading
from parfocal.processes.loading import load_object, plugins
from parfocal.processes.validation import validate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.devices.context import DeviceContext

DEVICES: dict[str, str] = {
    "channel-presets": "parfocal.devices.channel_presets:ChannelPresets",
    "micromanager-camera": "parfocal.devices.micromanager.camera:CoreCamera",
    "micromanager-channels": "parfocal.devices.micromanager.channels:CoreChannels",
    "micromanager-modulator": "parfocal.devices.micromanager.modulator:CoreModulator",
    "micromanager-shutter": "parfocal.devices.micromanager.shutter:CoreShutter",
    "micromanager-stage": "parfocal.devices.micromanager.stage:CoreStage",
    "python-microscope-camera": "parfocal.devices.microscope.camera:DriverCamera",
    "python-microscope-filters": "parfocal.devices.microscope.filters:DriverFilters",
    "python-microscope-light": "parfocal.devices.microscope.light:DriverLight",
    "python-microscope-stage": "parfocal.devices.microscope.stage:DriverStage",
    "replay": "parfocal.devices.replay:ReplayCamera",
    "simulated-camera": "parfocal.devices.simulated.camera:SimulatedCamera",
    "simulated-dmd": "parfocal.devices.simulated.microscope.modulator:SimulatedModulator",
    "simulated-focus": "parfocal.devices.simulated.motors:SimulatedFocus",
    "simulated-light": "parfocal.devices.simulated.light:SimulatedLight",
    "simulated-magnet": "parfocal.devices.simulated.motors:SimulatedMagnet",
    "simulated-filters": "parfocal.devices.simulated.microscope.filters:SimulatedFilters",
    "simulated-microscope-camera": "parfocal.devices.simulated.microscope.camera:MicroscopeCamera",
    "simulated-optogenetics-camera": "parfocal.devices.simulated.optogenetics.camera:OptogeneticsCamera",
    "simulated-shuttered-light": "parfocal.devices.simulated.microscope.light:ShutteredLight",
    "simulated-stage": "parfocal.devices.simulated.motors:SimulatedStage",
}
"""Short names and the classes that they stand for."""


def make_device(name: str, settings: Mapping[str, Any], context: DeviceContext, protocol: type) -> Any:
    """Make a device, without opening it.

    Parameters
    ----------
    name : str
        A key of `DEVICES`, or "package.module:Class". The class is called with its settings and the context.
    settings : mapping
        Plain values, as in a rig file; checked as by `check_settings`.
    context : DeviceContext
        Clock and folder.
    protocol : type
        What the device must be, such as `parfocal.core.protocols.Camera`.

    Raises
    ------
    ConfigError
        If there is no such class, if a setting is unknown or wrong, or if the device is of another kind.

    Examples
    --------
    >>> from parfocal.core.protocols import Stage
    >>> from parfocal.devices.context import DeviceContext
    >>> make_device("simulated-focus", {"speed_nm_per_s": 1e5}, DeviceContext(), Stage).axes[0].name
    'z'
    """
    device = load_device(name)(check_settings(name, settings), context)
    missing = [
        word for word in dir(protocol) if word[0] != "_" and getattr_static(device, word, None) is None
    ]
    if missing:
        raise ConfigError(f"device {name!r} is no {protocol.__name__}: it lacks {', '.join(missing)}")
    return device


def check_settings(name: str, settings: Mapping[str, Any]) -> Any:
    """Check that there is such a device and that it takes these settings. Makes nothing.

    Returns
    -------
    BaseModel or dict
        What the class is called with: an instance of its ``Settings`` (a pydantic model, as the ``Config`` of
        a service is, or a msgspec Struct), or a dict of `settings` if it has none.

    Raises
    ------
    ConfigError
        As `make_device` does.

    Examples
    --------
    >>> check_settings("simulated-focus", {"sped_nm_per_s": 1e5})
    Traceback (most recent call last):
    parfocal.core.errors.ConfigError: device 'simulated-focus': unknown key 'sped_nm_per_s'; did you mean \
'speed_nm_per_s'?
    """
    model = settings_class(name)
    if model is None:
        return dict(settings)
    where = f"device {name!r}: "
    return (_converted if issubclass(model, msgspec.Struct) else validate)(model, settings, where)


def missing_methods(name: str, protocol: type) -> list[str]:
    """Return the methods of a protocol that the class of a device lacks. Makes nothing.

    Examples
    --------
    >>> from parfocal.core.protocols import Camera, Stage
    >>> missing_methods("simulated-focus", Stage), "read_into" in missing_methods("simulated-focus", Camera)
    ([], True)
    """
    device_class = load_device(name)
    if not isinstance(device_class, type):
        return []  # a function that makes one: what it makes is seen when it is called
    methods = [word for word in dir(protocol) if word[0] != "_" and callable(getattr_static(protocol, word))]
    return [word for word in methods if getattr_static(device_class, word, None) is None]


def settings_class(name: str) -> Any:
    """Return the class of a device's settings, None if it has none; raises `ConfigError` as `make_device`."""
    return getattr(load_device(name), "Settings", None)


def _converted(model: type[msgspec.Struct], settings: Mapping[str, Any], where: str) -> msgspec.Struct:
    """Return the struct that `settings` describe, with errors like those of a pydantic model."""
    known = [field.name for field in msgspec.structs.fields(model)]
    for key in settings:
        if key not in known:
            raise ConfigError(f"{where}unknown key {key!r}; {nearest(key, known)}")
    try:
        return msgspec.convert(dict(settings), model)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}{error}") from error


def device_names() -> tuple[str, ...]:
    """Return the short names of devices: ours, and those of installed packages."""
    return (*DEVICES, *(name for name in plugins(loading.DEVICES) if name not in DEVICES))


def load_device(name: str) -> Any:
    """Return the class of a device, or raise `ConfigError`."""
    if ":" in name or name in DEVICES:
        return load_object(DEVICES.get(name, name), f"device {name!r}")
    added = plugins(loading.DEVICES)
    if name not in added:
        known = nearest(name, device_names())
        raise ConfigError(f"no device is called {name!r}; {known}; or write 'package.module:Class'")
    return load_object(added[name].address, f"device {name!r} of {added[name].package}")
