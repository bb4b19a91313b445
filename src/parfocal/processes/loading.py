"""Classes by their address, ``package.module:Class``, or by a short name of an installed package."""

from __future__ import annotations

import importlib
import importlib.util
import re
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from parfocal.core.errors import BadInputError, ConfigError, nearest
from parfocal.processes.service import Service

SERVICES = "parfocal.services"
"""The group of entry points that name kinds of services: classes."""
DEVICES = "parfocal.devices"
"""The group of entry points that name devices: classes."""
STEPS = "parfocal.steps"
"""The group of entry points that name steps of pipelines: functions, or classes."""
VIEWERS = "parfocal.viewers"
"""The group of entry points that name kinds of viewers: classes of services."""
PANELS = "parfocal.panels"
"""The group of entry points that name panels of the desktop: classes."""
PLOTS = "parfocal.plots"
"""The group of entry points that name time plots of the desktop: classes."""
RIGS = "parfocal.rigs"
"""The group of entry points that name rigs: packages, each of which holds a file ``<name>.toml``."""
GROUPS = {
    SERVICES: "kind of service",
    DEVICES: "device",
    STEPS: "step",
    VIEWERS: "kind of viewer",
    PANELS: "panel",
    PLOTS: "plot",
    RIGS: "rig",
}
"""All groups, and what people call that which one of them names."""


class Plugin(NamedTuple):
    """What an installed package adds: the address of a class, and the package with its version."""

    address: str
    package: str


@cache
def plugins(group: str) -> dict[str, Plugin]:
    """Return what installed packages add under short names, by name. Imports nothing of theirs.

    Of two packages that add the same name, the one whose name comes first in the alphabet is taken.

    Parameters
    ----------
    group : str
        A key of `GROUPS`.

    Examples
    --------
    >>> plugins("a.group.that.nobody.knows")
    {}
    """
    found: dict[str, Plugin] = {}
    for name, plugin in all_plugins(group):
        found.setdefault(name, plugin)
    return found


@cache
def all_plugins(group: str) -> tuple[tuple[str, Plugin], ...]:
    """Return what installed packages add, by name and package, also what another one adds, too."""
    found = {
        (point.name, Plugin(point.value, f"{point.dist.name} {point.dist.version}" if point.dist else "?"))
        for point in entry_points(group=group)
    }
    return tuple(sorted(found, key=lambda each: (each[0], each[1].package)))


_ADDRESS = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def address_of(group: str, named: str) -> str:
    """Return the address ``package.module:Class`` that is written, or that a short name stands for.

    Imports nothing.

    Raises
    ------
    BadInputError
        If it is neither; names it, and the nearest short name.

    Examples
    --------
    >>> address_of(PANELS, "lab.panels:PumpPanel")
    'lab.panels:PumpPanel'
    >>> address_of(PLOTS, "lab/plots.py")
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: 'lab/plots.py' names no plot; write package.module:Class, or ...
    """
    if (plugin := plugins(group).get(named)) is not None:
        return plugin.address
    if named.startswith("__main__:"):
        raise BadInputError(
            f"{named!r} is in the program that was started, where no other program finds it; "
            "move it to a module of its own"
        )
    if not _ADDRESS.fullmatch(named):
        raise BadInputError(
            f"{named!r} names no {GROUPS[group]}; write package.module:Class, or a name that an installed "
            f"package gives to one ({nearest(named, plugins(group))})"
        )
    return named


def folder_of(address: str) -> str:
    """Return the folder from which the package of a class is imported here; "" if it is not found.

    Imports nothing.

    Examples
    --------
    >>> folder_of("no_such_module_1:Class")
    ''
    >>> Path(folder_of("parfocal.core.clock:Clock"), "parfocal", "core", "clock.py").is_file()
    True
    """
    top = address.partition(":")[0].partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # what a module of that name says of itself is not sound
        return ""
    if spec is None or not spec.has_location or spec.origin is None:
        return ""
    place = Path(spec.origin).absolute().parent
    return str(place if spec.submodule_search_locations is None else place.parent)


def load_object(address: str, what: str) -> Any:
    """Import what ``package.module:Name`` names.

    Parameters
    ----------
    address : str
        Of a class or function.
    what : str
        How an error calls it.

    Raises
    ------
    ConfigError
        If there is no such module, it has no such name, or it raises when it is imported, as a vendor's
        library may that does not find its driver; also if it wants to end the program.

    Examples
    --------
    >>> load_object("math:pi", "constant 'math:pi'")
    3.141592653589793
    >>> load_object("math:pie", "pie")
    Traceback (most recent call last):
    parfocal.core.errors.ConfigError: pie cannot be imported: math has no 'pie'; did you mean 'pi'?
    """
    module_name, _, name = address.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # border to code of others, whatever it raises
        raise ConfigError(f"{what} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        raise ConfigError(f"{what} cannot be imported: {module_name} has no {name!r}{_hint(name, module)}")
    return getattr(module, name)


def _hint(name: str, module: ModuleType) -> str:
    """Return the nearest of a module's names, as the end of a sentence; "" if none is near."""
    told = nearest(name, (known for known in vars(module) if not known.startswith("_")))
    return f"; {told}" if told.startswith("did you mean") else ""


def load_service(factory: str) -> type[Service]:
    """Return the class that ``package.module:Class`` names.

    Raises
    ------
    ConfigError
        If there is no such module or class, or it is no `Service`.
    """
    kind = load_object(factory, f"service class {factory!r}")
    if not (isinstance(kind, type) and issubclass(kind, Service)):
        raise ConfigError(f"{factory!r} is no subclass of parfocal.processes.Service")
    return kind
