"""Interlocks: conditions that have to hold as long as a run goes on, and what is done where one does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from parfocal.core.errors import BadInputError, nearest
from parfocal.runs.conditions.condition import Condition
from parfocal.runs.conditions.condition_data import condition_from_data, condition_to_data
from parfocal.runs.conditions.judging import Facts, holds, judged
from parfocal.runs.conditions.values import OperatorAnswer
from parfocal.runs.plans.fields import check_known, listed

OnBreach = Literal["pause", "end"]
"""What a breach does to a run, beside that its light goes off at once."""


class Interlock(msgspec.Struct, frozen=True, kw_only=True):
    """A condition that has to hold before anything is exposed, stimulated or moved.

    Attributes
    ----------
    name : str
        As people are told it.
    condition : Condition
        What has to hold. What cannot be told does not.
    breach : "pause" or "end"
        Whether the run is paused where it does not, or ends as failed.
    """

    name: str
    condition: Condition
    breach: OnBreach = "pause"


AnyInterlocks: TypeAlias = Iterable[Interlock | Mapping[str, Any]]
"""Interlocks, or the plain data of them."""


class Breach(msgspec.Struct, frozen=True):
    """An interlock that does not hold, or of which that cannot be told, with what is known of its values."""

    interlock: str
    breach: OnBreach
    text: str

    @property
    def told(self) -> str:
        """The whole, in words."""
        return f"interlock {self.interlock!r}: {self.text}"


def breaches(interlocks: Iterable[Interlock], facts: Facts, now_ns: int) -> tuple[Breach, ...]:
    """Return the interlocks that do not hold, or of which that cannot be told; those that end a run first.

    Examples
    --------
    >>> from parfocal.runs.conditions.values import FreeDisk
    >>> [breach.told for breach in breaches([Interlock(name="room", condition=FreeDisk(above=5))], {}, 0)]
    ["interlock 'room': free disk is not known yet"]
    """
    found = []
    for interlock in interlocks:
        if holds(interlock.condition, facts, now_ns) is not True:
            text = judged(interlock.condition, facts, now_ns).text
            found.append(Breach(interlock.name, interlock.breach, text))
    return tuple(sorted(found, key=lambda breach: breach.breach != "end"))


def interlocks_from_data(data: Any, where: str = "interlocks") -> tuple[Interlock, ...]:
    """Return the interlocks that a list in a file describes.

    Raises
    ------
    BadInputError
        Naming the interlock, the field, its value, and the nearest known one.

    Examples
    --------
    >>> rows = [{"name": "room", "condition": {"of": "free_disk", "above": 5}, "breach": "end"}]
    >>> interlocks_from_data(rows)[0].condition.words
    'free disk above 5 GB'
    >>> interlocks_from_data([{"name": "room", "condition": {"of": "free_disk", "abov": 5}}])
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: interlocks[0].condition has no field 'abov'; did you mean 'above'?
    """
    found = tuple(_interlock(one, f"{where}[{n}]") for n, one in enumerate(listed(data, where)))
    names = [interlock.name for interlock in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInputError(f"{where}: two interlocks are called {twice[0]!r}; give each a name of its own")
    return found


def interlocks_to_data(interlocks: Iterable[Interlock]) -> list[dict[str, Any]]:
    """Return interlocks as plain data, as `interlocks_from_data` takes it."""
    return [
        {
            "name": interlock.name,
            "condition": condition_to_data(interlock.condition),
            "breach": interlock.breach,
        }
        for interlock in interlocks
    ]


def together(first: AnyInterlocks, more: AnyInterlocks) -> tuple[Interlock, ...]:
    """Return those of a rig and those of a plan; `BadInputError` if two of them have one name."""
    return interlocks_from_data((*first, *more))


def check_services(interlocks: Iterable[Interlock], known: Iterable[str]) -> None:
    """Refuse interlocks that ask services which a rig does not have; `BadInputError` names the nearest."""
    names = list(known)
    for interlock in interlocks:
        for asked in interlock.condition.comparisons():
            service = getattr(asked, "service", "")
            if service and service not in names:
                known_ones = nearest(service, names)
                raise BadInputError(
                    f"interlock {interlock.name!r}: there is no service {service!r}; {known_ones}"
                )


def _interlock(data: Any, where: str) -> Interlock:
    if isinstance(data, Interlock):
        data = msgspec.structs.asdict(data)
    if not isinstance(data, Mapping):
        raise BadInputError(f"{where}: expected a mapping with name, condition and breach, got {data!r}")
    check_known(data, Interlock.__struct_fields__, where)
    name, breach = data.get("name", ""), data.get("breach", "pause")
    if not isinstance(name, str) or not name.strip():
        raise BadInputError(f"{where} needs a name, as people are to be told it, not {name!r}")
    if breach not in ("pause", "end"):
        raise BadInputError(f"{where}: breach must be 'pause' or 'end', not {breach!r}")
    condition = condition_from_data(data.get("condition"), f"{where}.condition")
    if any(isinstance(one, OperatorAnswer) for one in condition.comparisons()):
        raise BadInputError(f"{where}: an interlock can't ask a person; use `confirm`, or `start_when`")
    return Interlock(name=name, condition=condition, breach=breach)
