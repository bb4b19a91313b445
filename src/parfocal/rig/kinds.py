"""What a rig file may name: kinds of services and devices, with the settings that each takes."""

from __future__ import annotations

import inspect
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel

from parfocal.core.errors import BadInputError, nearest
from parfocal.devices.registry import DEVICES, load_device
from parfocal.processes import loading
from parfocal.processes.loading import load_object, plugins
from parfocal.rig.config import KINDS
from parfocal.rig.probing import Entry, probe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REQUIRED = ""
"""The default of a setting that has none."""
_ENTRY = re.compile(r"^(\w[\w, ]*?)(?: : .*)?\n((?:[ ].*\n?|\n)+)", re.MULTILINE)


class SettingInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One setting: type, default (`REQUIRED` if it has none), and what it means, "" if nobody says."""

    name: str
    type: str
    default: str
    meaning: str = ""


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


def describe_settings(model: type[Any] | None) -> tuple[SettingInfo, ...]:
    """Return the settings of a pydantic model or a msgspec Struct, with what its docstring says of them."""
    if model is None:
        return ()
    meanings = _meanings(model)
    return tuple(
        SettingInfo(name=name, type=kind, default=default, meaning=meanings.get(name, ""))
        for name, kind, default in _fields(model)
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


def _fields(model: type[Any]) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and default of each setting."""
    if issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            default = REQUIRED if field.is_required() else _text(field.get_default(call_default_factory=True))
            yield field.alias or name, type_text(field.annotation), default
    else:
        for each in msgspec.structs.fields(model):
            made = each.default_factory() if callable(each.default_factory) else each.default
            default = REQUIRED if each.required else _text(made)
            yield each.name, type_text(each.type), default


def type_text(annotation: Any) -> str:
    """Return a type as people say it: without modules and limits, choices by their values.

    Examples
    --------
    >>> type_text(Annotated[float | None, "a limit"]), type_text(dict[str, Literal["block", "drop"]])
    ('float | None', "dict[str, 'block' | 'drop']")
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(parts[0])
    if origin is Literal:
        return " | ".join(map(repr, parts))
    if origin in (Union, UnionType):
        return " | ".join(map(type_text, parts))
    if origin is not None:
        return f"{type_text(origin)}[{', '.join(map(type_text, parts))}]"
    if annotation in (None, NoneType, ...):
        return "..." if annotation is ... else "None"
    return str(getattr(annotation, "__name__", annotation))


def _text(default: Any) -> str:
    return repr(str(default) if isinstance(default, Path) else default)


def _meanings(model: type[Any]) -> dict[str, str]:
    """Return what the docstrings of a model and its bases say of each setting."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        _, _, entries = inspect.cleandoc(each.__doc__ or "").partition("Parameters\n----------\n")
        entries = re.split(r"\n\n?\w[^\n]*\n-+\n", entries)[0]
        for names, text in _ENTRY.findall(entries + "\n"):
            found |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return found
