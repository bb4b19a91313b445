"""Values for the settings that a driver declares, checked before it sees them. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from parfocal.core.errors import BadInputError, nearest

Value = bool | int | float | str
"""Of a setting of a driver."""


class DriverSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that a driver declares, and what it stands at.

    Attributes
    ----------
    type : str
        "int", "float", "bool", "str", "enum" or "tuple".
    value : bool, int, float, str or None
        Of an "enum" its name; None where the driver does not tell, and of a "tuple".
    low, high : float or None
        The limits of a number, if it declares them.
    choices : tuple of str
        The names of an "enum".
    readonly : bool
        Whether it cannot be set, now or ever.
    """

    type: str
    value: Value | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    readonly: bool = False


def described(description: Mapping[str, Any], value: Any) -> DriverSetting:
    """Return a setting, of what a driver says of it and what it stands at.

    Examples
    --------
    >>> described({"type": "enum", "values": [(0, "slow"), (1, "fast")], "readonly": False}, 1)
    DriverSetting(type='enum', value='fast', low=None, high=None, choices=('slow', 'fast'), readonly=False)
    """
    kind, values = description["type"], description["values"]
    low, high, names = None, None, {}
    if kind == "enum":
        names = {place: str(name) for place, name in values or ()}
        value = names.get(value)
    elif kind in ("int", "float") and values is not None:
        low, high = (float(each) for each in values)
    return DriverSetting(
        type=kind,
        value=value if isinstance(value, bool | int | float | str) else None,
        low=low,
        high=high,
        choices=tuple(names.values()),
        readonly=bool(description["readonly"]),
    )


def checked_value(name: str, value: Value, declared: Mapping[str, Any]) -> Value:
    """Return what a driver is to be given for a value: of a name of an "enum", its place.

    Parameters
    ----------
    name : str
        Of the setting.
    value : bool, int, float or str
        What was asked for.
    declared : mapping
        What the driver says of each of its settings, by name.

    Raises
    ------
    BadInputError
        If there is no such setting, if it cannot be set, or does not take the value.

    Examples
    --------
    >>> gain = {"type": "int", "values": (0, 100), "readonly": False}
    >>> checked_value("gain", 12, {"gain": gain})
    12
    >>> checked_value("gain", 120, {"gain": gain})
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: gain must lie from 0 to 100, not 120
    """
    if name not in declared:
        raise BadInputError(f"the driver has no setting {name!r}; {nearest(name, declared)}")
    description = declared[name]
    if description["readonly"]:
        raise BadInputError(f"setting {name!r} of the driver cannot be set")
    check = _CHECKS.get(description["type"])
    if check is None:
        raise BadInputError(f"setting {name!r} holds several values: there is a command for it, or none")
    return check(name, value, description["values"])


def _whole(name: str, value: Value, limits: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInputError(f"{name} must be a whole number, not {value!r}")
    _check_within(name, value, limits)
    return value


def _number(name: str, value: Value, limits: Any) -> float:
    if isinstance(value, bool | str) or not math.isfinite(value):
        raise BadInputError(f"{name} must be a finite number, not {value!r}")
    _check_within(name, value, limits)
    return float(value)


def _check_within(name: str, value: float, limits: Any) -> None:
    low, high = limits or (-math.inf, math.inf)
    if not low <= value <= high:
        raise BadInputError(f"{name} must lie from {low:.10g} to {high:.10g}, not {value}")


def _truth(name: str, value: Value, _: Any) -> bool:
    if not isinstance(value, bool):
        raise BadInputError(f"{name} must be true or false, not {value!r}")
    return value


def _text(name: str, value: Value, length: Any) -> str:
    if not isinstance(value, str) or len(value) > (length or math.inf):
        raise BadInputError(f"{name} must be a text of at most {length} characters, not {value!r}")
    return value


def _place(name: str, value: Value, choices: Any) -> int:
    places = {str(word): place for place, word in choices}
    if value not in places:
        raise BadInputError(f"{name} cannot be {value!r}; {nearest(str(value), places)}")
    place: int = places[str(value)]
    return place


_CHECKS: dict[str, Callable[[str, Value, Any], Value]] = {
    "int": _whole,
    "float": _number,
    "bool": _truth,
    "str": _text,
    "enum": _place,
}
