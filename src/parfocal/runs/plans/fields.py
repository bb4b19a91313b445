"""Plain data made into the parts of a plan; an error names the field, its value and the nearest known one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from parfocal.core.errors import BadInputError, nearest
from parfocal.core.known_types import known

T = TypeVar("T", bound=msgspec.Struct)

MOST_S = 1e9
"""Longest time of a plan, 30 years: what no clock can count is refused before it is waited for."""

_AT = re.compile(r" - at `\$(.*)`$")
_EXPECTED = {
    "float": "a number",
    "int": "a whole number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
}


def made(kind: type[T], value: Any, where: str) -> T:
    """Return the struct that `value` describes: a mapping of its fields, or such a struct itself.

    Raises
    ------
    BadInputError
        Naming `where` and the field, the value, and what to write instead.

    Examples
    --------
    >>> class Lamp(msgspec.Struct):
    ...     power: float = 0.0
    >>> made(Lamp, {"power": 1}, "lamp").power
    1.0
    >>> made(Lamp, {"powr": 1}, "lamp")
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: lamp has no field 'powr'; did you mean 'power'?
    >>> made(Lamp, {"power": "full"}, "lamp")
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: lamp.power: expected a number, got 'full'
    """
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise BadInputError(f"{where}: expected a mapping with {_listed(kind)}, got {value!r}")
    known(kind)
    check_known(value, kind.__struct_fields__, where)
    data = {name: plain(item, f"{where}.{name}") for name, item in value.items()}
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise BadInputError(_explained(str(error), data, where)) from error


def check_known(names: Iterable[Any], known: Iterable[str], where: str) -> None:
    """Refuse a name that is none of the known ones; names the nearest."""
    fields = list(known)
    for name in names:
        if name not in fields:
            raise BadInputError(f"{where} has no field {name!r}; {nearest(str(name), fields)}")


def plain(value: Any, where: str) -> Any:
    """Return a number of numpy as Python's own; refuse one that is not finite."""
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInputError(f"{where} must be a finite number, not {value}")
    if isinstance(value, Mapping):
        return {name: plain(item, f"{where}.{name}") for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{where}[{place}]") for place, item in enumerate(value)]
    return value


def number(
    value: Any, where: str, *, least: float = -math.inf, above: float = -math.inf, most: float = math.inf
) -> float:
    """Return a finite number of at least `least`, larger than `above`, and of `most` at most.

    Raises
    ------
    BadInputError
        Naming `where` and the value.
    """
    value = plain(value, where)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadInputError(f"{where}: expected a number, got {value!r}")
    if value < least:
        raise BadInputError(f"{where} must be {least:g} or more, not {value:g}")
    if value <= above:
        raise BadInputError(f"{where} must be above {above:g}, not {value:g}")
    if value > most:
        raise BadInputError(f"{where} must be {most:g} or less, not {value:g}")
    return float(value)


def listed(value: Any, where: str) -> list[Any]:
    """Return the members of a list or of another iterable that is neither text nor a mapping."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise BadInputError(f"{where}: expected a list, got {value!r}")
    return list(value)


def _listed(kind: type[msgspec.Struct]) -> str:
    return ", ".join(kind.__struct_fields__)


def _explained(message: str, data: Mapping[str, Any], where: str) -> str:
    """Return msgspec's message in plain words, with the value that it is about."""
    found = _AT.search(message)
    path = found[1] if found else ""
    problem = _AT.sub("", message)
    expected = re.match(r"Expected `([^`]+)`, got `", problem)
    if expected:
        words = [_EXPECTED.get(word, word) for word in expected[1].split(" | ") if word != "null"]
        problem = f"expected {' or '.join(words)}, got {_value_at(data, path)!r}"
    missing = re.match(r"Object missing required field `(\w+)`", problem)
    if missing:
        return f"{where} lacks the field {missing[1]!r}"
    return f"{where}{path}: {problem}" if expected else f"{where}: {problem}"


def _value_at(data: Any, path: str) -> Any:
    for name, place in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        data = data[name] if name else data[int(place)]
    return data
