"""Conditions as plain data, for files and commands, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from parfocal.core.errors import BadInputError, nearest
from parfocal.runs.conditions.condition import AllOf, AnyOf, Condition, Negation
from parfocal.runs.conditions.values import FreeDisk, Lag, Lock, OperatorAnswer, Reading, Rows, ServiceState
from parfocal.runs.plans.fields import listed, made

KINDS: dict[str, type[Condition]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (Reading, ServiceState, Lock, FreeDisk, Lag, Rows, OperatorAnswer, AllOf, AnyOf, Negation)
}


def condition_to_data(condition: Condition) -> dict[str, Any]:
    """Return a condition as mappings, lists, texts and numbers; what is as by default is left out.

    Examples
    --------
    >>> condition_to_data(FreeDisk(above=20) & ~Lag(above=500))["conditions"][1]
    {'of': 'not', 'condition': {'of': 'lag', 'above': 500}}
    """
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(condition))
    return data


def condition_from_data(data: Any, where: str = "condition") -> Condition:
    """Return the condition that plain data describes.

    Parameters
    ----------
    data : mapping or Condition
        As `condition_to_data` returns it, or as a person writes it: `of` says what it asks for.
    where : str
        What an error calls it.

    Raises
    ------
    BadInputError
        Naming the field, its value, and the nearest known one.

    Examples
    --------
    >>> condition_from_data({"of": "any", "conditions": [{"of": "lag", "below": 9}]}).words
    'lag below 9 ms'
    >>> condition_from_data({"of": "free_disc", "above": 5})
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: condition: there is nothing 'free_disc' to ask for; did you mean \
'free_disk'?
    """
    if isinstance(data, Condition):
        return data
    if not isinstance(data, Mapping) or "of" not in data:
        raise BadInputError(f"{where}: expected a mapping with `of` ({', '.join(KINDS)}), got {data!r}")
    fields = {str(name): value for name, value in data.items()}
    of = fields.pop("of")
    if of not in KINDS:
        raise BadInputError(f"{where}: there is nothing {of!r} to ask for; {nearest(str(of), KINDS)}")
    kind = KINDS[of]
    if kind is Negation and "condition" in fields:
        inner = condition_from_data(fields.pop("condition"), f"{where}.condition")
        return Negation(condition=inner, **fields)
    if kind in (AllOf, AnyOf) and "conditions" in fields:
        parts = listed(fields.pop("conditions"), f"{where}.conditions")
        found = (condition_from_data(part, f"{where}.conditions[{n}]") for n, part in enumerate(parts))
        return kind(conditions=tuple(found), **fields)
    return made(kind, fields, where)
