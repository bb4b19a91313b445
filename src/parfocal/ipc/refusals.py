"""Error messages for arguments that do not fit a command. Pure."""

from __future__ import annotations

import reprlib
import types
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import msgspec

from parfocal.core.errors import nearest
from parfocal.ipc.convert import from_plain

if TYPE_CHECKING:
    from collections.abc import Mapping


def refusal(command: str, given: Mapping[str, Any], takes: type[msgspec.Struct]) -> str:
    """Return what is wrong with the arguments of a command: each that is unknown, missing or of another type.

    Parameters
    ----------
    command : str
        What is called.
    given : mapping
        The arguments by name.
    takes : type of Struct
        The parameters as fields.

    Examples
    --------
    >>> Takes = msgspec.defstruct("Takes", [("wave", Literal["sin", "ramp"]), ("volts", float, 0.0)])
    >>> refusal("emit", {"wave": "ram"}, Takes)
    "emit(wave='ram'): wave must be 'ramp' or 'sin', not 'ram'"
    >>> refusal("emit", {"volt": 1}, Takes)
    "emit(volt=1): there is no argument 'volt'; did you mean 'volts'?; wave is missing"
    """
    fields = {field.name: field for field in msgspec.structs.fields(takes)}
    wrong = [
        f"there is no argument {name!r}; {nearest(name, fields)}" for name in given if name not in fields
    ]
    wrong += [f"{name} is missing" for name, field in fields.items() if field.required and name not in given]
    for name in given:
        if name in fields and (why := _misfit(name, given[name], fields[name].type)):
            wrong.append(why)
    shown = ", ".join(f"{name}={reprlib.repr(value)}" for name, value in given.items())
    return f"{command}({shown}): {'; '.join(wrong)}"


def _misfit(name: str, value: Any, wanted: Any) -> str:
    """Return why a value does not fit a type; "" if it does."""
    try:
        msgspec.convert(value, wanted, dec_hook=from_plain)
    except msgspec.ValidationError as error:
        allowed = _choices(wanted)
        if allowed:
            return f"{name} must be {_either(_nearest_first(value, allowed))}, not {value!r}"
        what, _, where = str(error).partition(" - at `$")
        return f"{name}{where.rstrip('`')}: {what[:1].lower()}{what[1:]}"
    return ""


def _choices(wanted: Any) -> list[Any]:
    """Return the values of a `Literal`, also of one among other `Literal`s and None; [] for anything else."""
    if wanted is type(None):
        return [None]
    if get_origin(wanted) is Literal:
        return list(get_args(wanted))
    if get_origin(wanted) not in (Union, types.UnionType):
        return []
    parts = [_choices(part) for part in get_args(wanted)]
    return [value for part in parts for value in part] if all(parts) else []


def _nearest_first(value: Any, allowed: list[Any]) -> list[Any]:
    return sorted(allowed, key=lambda known: -SequenceMatcher(None, str(value), str(known)).ratio())


def _either(values: list[Any]) -> str:
    *some, last = [repr(value) for value in values]
    return f"{', '.join(some)} or {last}" if some else last
