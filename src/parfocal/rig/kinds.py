"""What a rig file may name: kinds of services and devices, with the settings that each takes."""

from __future__ import annotations

import inspect
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import msgspec

from parfocal.core.errors import BadInputError, nearest
from parfocal.devices.registry import DEVICES, load_device
from parfocal.processes import loading
from parfocal.processes.loading import load_object, plugins
from parfocal.processes.setting_infos import SettingInfo, describe_settings
from parfocal.rig.config import KINDS
from parfocal.rig.probing import Entry, probe

if TYPE_CHECKING:
    from collections.abc import Iterable


class KindInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of service, or a device: what a rig file calls it, its class, and the settings it takes.

    Attributes
    ----------
    summary : str
        What it is, in a line; or why its class cannot be had, which an installed package may be to blame for.
    """

    name: str
    address: str
    summary: str
    settings: tuple[SettingInfo, ...] = ()


class Kinds(msgspec.Struct, frozen=True, kw_only=True):
    """All that a rig file may name: `services` as ``kind``, `devices` as ``settings.device``."""

    services: tuple[KindInfo, ...]
    devices: tuple[KindInfo, ...]


def list_kinds(name: str | None = None) -> Kinds:
    """Return the kinds and devices there are, ours and those of installed packages; starts nothing.

    Parameters
    ----------
    name : str, optional
        Only this kind of service or device.

    Raises
    ------
    BadInputError
        If there is none of that name; names the nearest.

    Examples
    --------
    >>> (focus,) = list_kinds("simulated-focus").devices
    >>> [f"{setting.name}: {setting.type} = {setting.default}" for setting in focus.settings][-1]
    'speed_nm_per_s: float = 50000.0'
    """
    services = KINDS | {key: plugin.address for key, plugin in plugins(loading.SERVICES).items()}
    devices = DEVICES | {key: plugin.address for key, plugin in plugins(loading.DEVICES).items()}
    if name is not None:
        if name not in services and name not in devices:
            hint = nearest(name, [*services, *devices])
            raise BadInputError(f"there is no kind of service and no device {name!r}; {hint}")
        services, devices = (
            {key: each for key, each in group.items() if key == name} for group in (services, devices)
        )
    errors = _import_errors(services.keys() - KINDS, devices.keys() - DEVICES.keys())
    return Kinds(
        services=tuple(
            _describe(key, address, "Config", errors.get((loading.SERVICES, key), ""))
            for key, address in services.items()
        ),
        devices=tuple(
            _describe(key, address, "Settings", errors.get((loading.DEVICES, key), ""))
            for key, address in devices.items()
        ),
    )


def _import_errors(services: Iterable[str], devices: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return why kinds and devices of installed packages can't be had, by group and name; "" if they can."""
    named = {*((loading.SERVICES, name) for name in services), *((loading.DEVICES, name) for name in devices)}
    entries = [Entry(group, name, plugins(group)[name]) for group, name in sorted(named)]
    return {(entry.group, entry.name): error for entry, error in probe(entries).items()}


def _describe(name: str, address: str, attribute: str, error: str) -> KindInfo:
    if error:
        return KindInfo(name=name, address=address, summary=error)
    with redirect_stdout(sys.stderr):  # what a package of others prints is none of what was asked for
        found = load_object(address, name) if attribute == "Config" else load_device(name)
    summary = (inspect.getdoc(found) or "").partition("\n\n")[0].replace("\n", " ").replace("``", "`")
    return KindInfo(
        name=name,
        address=address,
        summary=summary,
        settings=describe_settings(getattr(found, attribute, None)),
    )
