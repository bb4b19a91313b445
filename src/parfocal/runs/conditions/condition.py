"""What is to be true of a rig: a value compared with limits, and several such together. Frozen data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.fields import MOST_S, check_known, number, plain

Otherwise = Literal["go on", "skip", "end", "fail"]
"""What a plan does where a condition was not met in time."""

Told = float | bool | str
"""What a value may be."""


class _ChecksFields(msgspec.StructMeta):
    """Has a condition refuse a field that it does not have, naming the nearest, and take numbers of numpy."""

    def __call__(cls, *values: Any, **fields: Any) -> Any:
        where = f"a condition of {cls.__struct_config__.tag!r}"
        if not values:
            check_known(fields, cls.__struct_fields__, where)
        fields = {
            name: value if isinstance(value, tuple) else plain(value, f"{where}: {name}")
            for name, value in fields.items()
        }
        try:
            return super().__call__(*values, **fields)
        except TypeError as error:
            raise BadInputError(f"{where}: {error}") from error


class Condition(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    dict=True,
    tag_field="of",
    metaclass=_ChecksFields,
):
    """Something that is true, or not, or cannot be told: made with ``&``, ``|`` and ``~`` of others."""

    def __and__(self, other: Condition) -> Condition:
        return AllOf(conditions=(self, other))

    def __or__(self, other: Condition) -> Condition:
        return AnyOf(conditions=(self, other))

    def __invert__(self) -> Condition:
        return Negation(condition=self)

    def comparisons(self) -> Iterator[Comparison]:
        """Yield the values that are compared in it."""
        raise NotImplementedError

    @property
    def words(self) -> str:
        """What is asked, in words."""
        raise NotImplementedError


class Comparison(Condition, frozen=True, kw_only=True, omit_defaults=True):
    """A value compared with limits; its subclasses say which value.

    Attributes
    ----------
    above, below : float or None
        Between what the value has to lie, these excluded.
    equals : float, bool, str or None
        What it has to be, in place of that.
    for_s : float
        Since how long that has to be so, at each look; what cannot be told begins it anew.
    every_s : float
        How often it is looked at, where somebody has to ask for it.
    stale_s : float
        A value that is older cannot be told any more.
    name, unit : str
        What people are told that it is; "" for what follows from the other fields.
    """

    above: float | None = None
    below: float | None = None
    equals: Told | None = None
    for_s: float = 0.0
    every_s: float = 0.25
    stale_s: float = 5.0
    name: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        for field in ("above", "below"):
            if getattr(self, field) is not None:
                number(getattr(self, field), field)
        number(self.for_s, "for_s", least=0, most=MOST_S)
        number(self.every_s, "every_s", least=0.01, most=MOST_S)
        number(self.stale_s, "stale_s", above=self.every_s, most=MOST_S)
        self._check_limits()

    def _check_limits(self) -> None:
        if not isinstance(self.wanted, float | int | str | None):
            raise BadInputError(
                f"{self.title}: equals: expected a number, a text or true or false, got {self.equals!r}"
            )
        ranged = self.above is not None or self.below is not None
        if ranged == (self.wanted is not None):
            raise BadInputError(f"{self.title}: give above, below or both; or equals")
        if self.above is not None and self.below is not None and self.above >= self.below:
            raise BadInputError(
                f"{self.title}: nothing is above {self.above:g} and below {self.below:g}; exchange them, or "
                "ask for one or the other with `any`"
            )

    @property
    def default_equals(self) -> Told | None:
        """What it is compared with if nothing else is said; None if something has to be."""
        return None

    @property
    def wanted(self) -> Told | None:
        """What the value has to be; None if it has to lie between limits."""
        if self.equals is not None or self.above is not None or self.below is not None:
            return self.equals
        return self.default_equals

    @property
    def default_title(self) -> str:
        """What the value is called if nobody gave it a name."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """What the value is called."""
        return self.name or self.default_title

    @property
    def measured_in(self) -> str:
        """Its unit; "" for none."""
        return self.unit

    @cached_property
    def key(self) -> str:
        """What tells it apart from all others."""
        return msgspec.json.encode(self).decode()

    def comparisons(self) -> Iterator[Comparison]:
        """Yield itself."""
        yield self

    def is_met_by(self, value: Told) -> bool | None:
        """Return whether a value is as wanted; None if it is not a number and has to be one.

        Examples
        --------
        >>> from parfocal.runs.conditions.values import FreeDisk
        >>> disk = FreeDisk(above=5)
        >>> disk.is_met_by(7.5), disk.is_met_by(5.0), disk.is_met_by(float("nan")), disk.is_met_by("much")
        (True, False, None, None)
        """
        if isinstance(value, float) and math.isnan(value):
            return None
        if self.wanted is not None:
            return bool(value == self.wanted)
        if isinstance(value, (bool, str)):
            return None
        low = -math.inf if self.above is None else self.above
        high = math.inf if self.below is None else self.below
        return low < value < high

    @property
    def limits_text(self) -> str:
        """What is wanted of it, in words."""
        if self.wanted is not None:
            parts = [self.value_text(self.wanted)]
        else:
            ends = (("above", self.above), ("below", self.below))
            parts = [f"{word} {self.value_text(end)}" for word, end in ends if end is not None]
        since = f" for {self.for_s:g} s" if self.for_s else ""
        return " and ".join(parts) + since

    @property
    def words(self) -> str:
        """What is asked, in words."""
        return f"{self.title} {self.limits_text}"

    def value_text(self, value: Told) -> str:
        """Return a value with its unit."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        told = value if isinstance(value, str) else f"{value:.6g}"
        return f"{told} {self.measured_in}".rstrip()


class AllOf(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="all"):
    """Each of several conditions."""

    conditions: tuple[Condition, ...]

    def __post_init__(self) -> None:
        _check_parts(self.conditions, "all")

    def comparisons(self) -> Iterator[Comparison]:
        """Yield the values that are compared in it."""
        for condition in self.conditions:
            yield from condition.comparisons()

    @property
    def words(self) -> str:
        """What is asked, in words."""
        return " and ".join(_grouped(condition) for condition in self.conditions)


class AnyOf(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="any"):
    """At least one of several conditions."""

    conditions: tuple[Condition, ...]

    def __post_init__(self) -> None:
        _check_parts(self.conditions, "any")

    def comparisons(self) -> Iterator[Comparison]:
        """Yield the values that are compared in it."""
        for condition in self.conditions:
            yield from condition.comparisons()

    @property
    def words(self) -> str:
        """What is asked, in words."""
        return " or ".join(_grouped(condition) for condition in self.conditions)


class Negation(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="not"):
    """The opposite of a condition; what cannot be told cannot be told of its opposite."""

    condition: Condition

    def __post_init__(self) -> None:
        _check_parts((self.condition,), "not")

    def comparisons(self) -> Iterator[Comparison]:
        """Yield the values that are compared in it."""
        yield from self.condition.comparisons()

    @property
    def words(self) -> str:
        """What is asked, in words."""
        return f"not {_grouped(self.condition)}"


def _check_parts(conditions: tuple[Condition, ...], of: str) -> None:
    if not conditions:
        raise BadInputError(f"a condition of {of!r} needs a condition")
    for place, condition in enumerate(conditions):
        if not isinstance(condition, Condition):
            raise BadInputError(f"a condition of {of!r}: conditions[{place}] is {condition!r}")


def _grouped(condition: Condition) -> str:
    return condition.words if isinstance(condition, Comparison) else f"({condition.words})"
