"""A driver of python-microscope: its class found, constructed, enabled, and shut down again."""

from __future__ import annotations

import importlib
import inspect
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, get_type_hints

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict

from parfocal.core.errors import ConfigError, DeviceError, ParfocalError, nearest
from parfocal.processes.loading import load_object

_ADDRESS = re.compile(r"[\w.]+:\w+")


def _checked_address(address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"write it as 'package.module:Class', not {address!r}")
    return address


class DriverSettings(BaseModel):
    """Which driver of python-microscope, and what it is made with.

    Parameters
    ----------
    driver : str
        Its class as "package.module:Class", such as "microscope.lights.obis:ObisLaser". It is imported in
        the process of the device alone.
    arguments : dict
        What it is constructed with, by name. Lists become the tuples that it asks for.
    part : str
        If the driver is a controller of several devices: the name of the one that is meant.
    driver_settings : dict
        Settings of the driver's own, applied when it is opened: as `set_driver_setting` takes them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    driver: Annotated[str, AfterValidator(_checked_address)]
    arguments: dict[str, Any] = {}
    part: str = ""
    driver_settings: dict[str, bool | int | float | str] = {}


@contextmanager
def asking(driver: str, what: str) -> Iterator[None]:
    """Turn whatever a driver raises into a `DeviceError` that names it, and what it was asked."""
    try:
        yield
    except ParfocalError:
        raise
    except Exception as error:  # border to code of others
        raise DeviceError(f"{driver} could not {what}: {type(error).__name__}: {error}") from error


def construct(settings: DriverSettings, kind: str) -> tuple[Any, Any]:
    """Construct a driver, without enabling it.

    Parameters
    ----------
    settings : DriverSettings
        Which one.
    kind : str
        What it must be: a class of `microscope.abc`, such as "Camera".

    Returns
    -------
    owner, device
        What has to be shut down, and the device in it; the same unless `settings.part` is given.

    Raises
    ------
    ConfigError
        If there is no such class, or it does not take these arguments.
    DeviceError
        If python-microscope is not installed, or the driver cannot be constructed.
    """
    try:
        abc = importlib.import_module("microscope.abc")
    except ModuleNotFoundError as error:
        install = "pip install 'parfocal[microscope]'"
        raise DeviceError(f"{settings.driver} needs python-microscope: {install} ({error})") from error
    made_by = load_object(settings.driver, f"driver {settings.driver!r}")
    arguments = fitted_arguments(made_by, settings.arguments, f"driver {settings.driver!r}")
    with asking(settings.driver, f"be constructed with {settings.arguments}"):
        owner = made_by(**arguments)
    try:
        return owner, _device_in(owner, settings, getattr(abc, kind))
    except BaseException:
        owner.shutdown()
        raise


def enable(device: Any, driver: str) -> None:
    """Enable a device, which some drivers fail to do without raising."""
    with asking(driver, "be enabled"):
        device.enable()
        is_enabled = device.get_is_enabled()
    if not is_enabled:
        raise DeviceError(f"{driver} could not be enabled, and does not say why: see the log of this service")


def fitted_arguments(made_by: Any, arguments: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return arguments as the annotations of a class, and of those that it derives from, want them.

    Raises
    ------
    ConfigError
        If a value does not fit its annotation. What is not annotated is passed as it is.

    Examples
    --------
    >>> class Stage:
    ...     def __init__(self, limits: Mapping[str, tuple[float, float]]) -> None: ...
    >>> fitted_arguments(Stage, {"limits": {"x": [0, 5000]}}, "stage")
    {'limits': {'x': (0.0, 5000.0)}}
    """
    annotations = _annotations(made_by)
    return {
        name: _fitted(value, annotations[name], f"{where}: argument {name!r}")
        if name in annotations
        else value
        for name, value in arguments.items()
    }


def library_version() -> dict[str, str]:
    """Return the version of python-microscope; nothing if it is not installed."""
    try:
        return {"python-microscope": version("microscope")}
    except PackageNotFoundError:
        return {}


def finite(value: Any) -> float | None:
    """Return a number that a driver told, None if it told none."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _device_in(owner: Any, settings: DriverSettings, wanted: type) -> Any:
    device, named = owner, settings.driver
    if settings.part:
        parts = getattr(owner, "devices", None)
        if parts is None:
            raise ConfigError(f"driver {named!r} is no controller: leave `part` out, not {settings.part!r}")
        if settings.part not in parts:
            raise ConfigError(
                f"driver {named!r} has no part {settings.part!r}; {nearest(settings.part, parts)}"
            )
        device = parts[settings.part]
    if not isinstance(device, wanted):
        raise ConfigError(
            f"{settings.part or named!r} is a {type(device).__name__}, which is no {wanted.__name__}"
        )
    return device


def _annotations(made_by: Any) -> dict[str, Any]:
    """Return the annotated arguments; `**kwargs` of a class go to the one that it derives from."""
    classes = made_by.__mro__ if inspect.isclass(made_by) else ()
    makers = [vars(each).get("__init__") for each in classes] or [made_by]
    found: dict[str, Any] = {}
    for maker in reversed([each for each in makers if inspect.isfunction(each)]):
        found |= get_type_hints(maker)
    return found


def _fitted(value: Any, annotation: Any, where: str) -> Any:
    try:
        return msgspec.convert(value, annotation)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from error
    except TypeError:  # an annotation that says nothing of plain values
        return value
