"""Devices by name: a short one of ours, or "package.module:Class" of anybody's."""

from __future__ import annotations

from inspect import getattr_static
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import ConfigError, nearest
from parfocal.processes.loading import load_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.devices.context import DeviceContext

DEVICES: dict[str, str] = {
    "replay": "parfocal.devices.replay:ReplayCamera",
    "simulated-camera": "parfocal.devices.simulated.camera:SimulatedCamera",
    "simulated-focus": "parfocal.devices.simulated.motors:SimulatedFocus",
    "simulated-light": "parfocal.devices.simulated.light:SimulatedLight",
    "simulated-magnet": "parfocal.devices.simulated.motors:SimulatedMagnet",
}
"""Short names and the classes that they stand for."""


def make_device(name: str, settings: Mapping[str, Any], context: DeviceContext, protocol: type) -> Any:
    """Make a device, without opening it.

    Parameters
    ----------
    name : str
        A key of `DEVICES`, or "package.module:Class". The class is called with its settings and the
        context; if it has an attribute ``Settings`` (a msgspec Struct), the settings are converted first.
    settings : mapping
        Plain values, as in a rig file.
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
    >>> make_device("simulated-focus", {"speed_nm_per_s": 1e5}, DeviceContext(), Stage).axes
    ('z',)
    """
    factory = _load(name)
    schema = getattr(factory, "Settings", None)
    device = factory(dict(settings) if schema is None else _convert(name, settings, schema), context)
    missing = [
        word for word in dir(protocol) if word[0] != "_" and getattr_static(device, word, None) is None
    ]
    if missing:
        raise ConfigError(f"device {name!r} is no {protocol.__name__}: it lacks {', '.join(missing)}")
    return device


def check_device(name: str, settings: Mapping[str, Any]) -> None:
    """Check that there is such a device and that it takes these settings. Makes nothing.

    Raises
    ------
    ConfigError
        As `make_device` does.

    Examples
    --------
    >>> check_device("simulated-focus", {"sped_nm_per_s": 1e5})
    Traceback (most recent call last):
    parfocal.core.errors.ConfigError: device 'simulated-focus' has no setting 'sped_nm_per_s'; did you mean \
'speed_nm_per_s'?
    """
    schema = getattr(_load(name), "Settings", None)
    if schema is not None:
        _convert(name, settings, schema)


def _load(name: str) -> Any:
    target = DEVICES.get(name, name)
    if ":" not in target:
        raise ConfigError(
            f"no device is called {name!r}; {nearest(name, DEVICES)}; or write 'package.module:Class'"
        )
    return load_object(target, f"device {name!r}")


def _convert(name: str, settings: Mapping[str, Any], schema: Any) -> Any:
    known = [field.name for field in msgspec.structs.fields(schema)]
    for key in settings:
        if key not in known:
            raise ConfigError(f"device {name!r} has no setting {key!r}; {nearest(key, known)}")
    try:
        return msgspec.convert(dict(settings), schema)
    except msgspec.ValidationError as error:
        raise ConfigError(f"device {name!r}: {error}") from error
