"""What all plans have in common: how many events, which, when, and along which axes. Frozen data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.fields import MOST_S, check_known

if TYPE_CHECKING:
    from parfocal.runs.plans.event import Event
    from parfocal.runs.plans.positions import StagePosition
    from parfocal.runs.plans.program import Program


class _RefusesUnknown(msgspec.StructMeta):
    """Has a plan refuse a field that it does not have, naming the nearest."""

    def __call__(cls, *values: Any, **fields: Any) -> Any:
        if not values:
            check_known(fields, cls.__struct_fields__, f"a {cls.__struct_config__.tag}")
        try:
            return super().__call__(*values, **fields)
        except TypeError as error:
            raise BadInputError(f"a {cls.__struct_config__.tag}: {error}") from error


class Plan(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    dict=True,
    tag_field="type",
    metaclass=_RefusesUnknown,
):
    """What a run shall do, as frozen data, checked when it is made; equal plans do the same.

    Its events are made when they are asked for, from any number on: a plan of 100 000 events takes no more
    memory than one of ten.

    Examples
    --------
    >>> from parfocal.runs import Sequence
    >>> plan = Sequence(time_plan={"interval": 5, "loops": 50_000}, channels=["nucleus", "erk"])
    >>> len(plan), plan.shape
    (100000, {'t': 50000, 'p': 1, 'c': 2, 'z': 1})
    >>> event = next(plan.events(99_999))
    >>> event.index, event.channel, event.min_start_time
    ({'t': 49999, 'p': 0, 'c': 1, 'z': 0}, 'erk', 249995.0)
    """

    @abstractmethod
    def _compiled(self) -> Program: ...

    @cached_property
    def program(self) -> Program:
        """The plan, ready to be counted and carried out.

        Raises
        ------
        BadInputError
            If it takes longer than any clock can count.
        """
        program = self._compiled()
        if program.duration_s > MOST_S:
            raise BadInputError(f"the plan must take {MOST_S:g} s or less, not {program.duration_s:g}")
        return program

    def __len__(self) -> int:
        """How many events it has, waits and questions included."""
        return len(self.program)

    def events(self, first: int = 0) -> Iterator[Event]:
        """Yield its events in the order of their execution, from number `first` on.

        Raises
        ------
        BadInputError
            If it depends on where the stages stand, or on the field of view of a camera: see `at_origin`
            and `at_field_of_view`.
        """
        return self.program.events(first)

    def __iter__(self) -> Iterator[Event]:
        return self.events()

    @property
    def shape(self) -> dict[str, int]:
        """How long each of the axes t, p, c and z is; of channels all that occur."""
        return self.program.shape

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The names along c: those of images, references and stimuli, each once."""
        return self.program.channel_names

    @property
    def positions(self) -> tuple[StagePosition, ...]:
        """The positions along p."""
        return self.program.positions

    @property
    def duration_s(self) -> float:
        """From its begin to the begin of its last exposure, or to the end of a wait after that."""
        return self.program.duration_s

    @property
    def inner(self) -> tuple[Plan, ...]:
        """The plans that it is made of; none for one that has no others in it."""
        return ()

    def with_inner(self, plans: Sequence[Plan]) -> Plan:
        """Return it with others in place of `inner`."""
        assert not plans, "asked of a plan that has others in it"
        return self

    @property
    def needs_field_of_view(self) -> bool:
        """Whether it has a grid that depends on the field of view of a camera: see `at_field_of_view`."""
        return False

    @property
    def needs_origin(self) -> frozenset[str]:
        """Along which of "x", "y" and "z" it depends on where the stages stand."""
        return self.program.needs_origin
