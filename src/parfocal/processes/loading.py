"""Classes by their address, ``package.module:Class``, or by a short name of an installed package."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import entry_points
from typing import Any, NamedTuple

from parfocal.core.errors import ConfigError

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
RIGS = "parfocal.rigs"
"""The group of entry points that name rigs: packages, each of which holds a file ``<name>.toml``."""
GROUPS = {
    SERVICES: "kind of service",
    DEVICES: "device",
    STEPS: "step",
    VIEWERS: "kind of viewer",
    PANELS: "panel",
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
    >>> load_object("math:pie", "constant 'math:pie'")
    Traceback (most recent call last):
    parfocal.core.errors.ConfigError: constant 'math:pie' cannot be imported: math has no 'pie'
    """
    module_name, _, name = address.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # border to code of others, whatever it raises
        raise ConfigError(f"{what} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        raise ConfigError(f"{what} cannot be imported: {module_name} has no {name!r}")
    return getattr(module, name)
