"""Settings as PyMoDAQ's parameter trees describe them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pymodaq_gui.parameter import Parameter

    Tree = dict[str, Any]

OWN_SETUP = "own_setup"
OFF_AT_END = "off_at_end"
SETUP = "setup"


def board(rig: str, service: str) -> list[Tree]:
    """Return the settings that say where the board is."""
    tip = "Takes effect when the plugin is initialised"
    return [
        {"title": "Rig:", "name": "rig", "type": "str", "value": rig, "tip": tip},
        {"title": "Service:", "name": "service", "type": "str", "value": service, "tip": tip},
    ]


def choice(name: str, title: str, options: Iterable[Any], value: Any, tip: str = "") -> Tree:
    """Return a setting that is one of some values."""
    return {
        "title": title,
        "name": name,
        "type": "list",
        "limits": list(options),
        "value": value,
        "tip": tip,
    }


def quantity(
    name: str,
    title: str,
    value: float,
    unit: str,
    *,
    limits: tuple[float, float] | None = None,
    tip: str = "",
) -> Tree:
    """Return a setting with a unit, shown with a prefix such as k or m."""
    tree = {"title": title, "name": name, "type": "float", "value": value, "suffix": unit, "tip": tip}
    return tree | {"siPrefix": bool(unit)} | ({"limits": limits} if limits else {})


def number(name: str, title: str, value: int, limits: tuple[int, int], tip: str = "") -> Tree:
    """Return a setting that counts."""
    return {"title": title, "name": name, "type": "int", "value": value, "limits": limits, "tip": tip}


def switch(name: str, title: str, value: bool, tip: str = "") -> Tree:
    """Return a setting that is on or off."""
    return {"title": title, "name": name, "type": "bool", "value": value, "tip": tip}


def setup(module: str, settings: Sequence[Tree]) -> list[Tree]:
    """Return the settings of a module that are written from here only if that is asked for.

    The names are those of the arguments of its command.
    """
    own = f"Write these to {module}, now and when one changes; otherwise other programs set it up"
    off = f"If set up from here, {module} goes off when the plugin is closed or PyMoDAQ dies"
    return [
        switch(OWN_SETUP, "Set up from here:", False, own),
        switch(OFF_AT_END, "Off when this ends:", True, off),
        {"title": "Set-up:", "name": SETUP, "type": "group", "children": list(settings)},
    ]


def values(group: Parameter) -> dict[str, Any]:
    """Return the values of a group's settings by name."""
    return {child.name(): child.value() for child in group.children()}
