"""Plans put together: one after the other in time, or side by side at other positions."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Plans
from functools import reduce
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec
from msgspec.structs import replace

from parfocal.core.errors import BadInputError, nearest
from parfocal.runs.plans.plan import Plan
from parfocal.runs.plans.sequence import Sequence

if TYPE_CHECKING:
    from parfocal.runs.plans.program import Program

Axis = Literal["t", "p"]
P = TypeVar("P", bound=Plan)


class CombinedPlan(Plan, frozen=True, kw_only=True, omit_defaults=True, tag="combine"):
    """Several plans as one; see `combine`."""

    axis: Axis
    plans: tuple[Plan, ...]

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "plans", tuple(self.plans))
        if self.axis not in ("t", "p"):
            raise BadInputError(
                f"axis must be 't' or 'p', not {self.axis!r}; {nearest(str(self.axis), 'tp')}"
            )
        if not self.plans:
            raise BadInputError("a combination needs a plan")
        for place, plan in enumerate(self.plans):
            if not isinstance(plan, Plan):
                raise BadInputError(f"plans[{place}]: expected a plan, got {plan!r}")
        if not self.needs_field_of_view:
            _ = self.program  # tells what cannot be put together

    @property
    def inner(self) -> tuple[Plan, ...]:
        """Its plans."""
        return self.plans

    def with_inner(self, plans: Plans[Plan]) -> CombinedPlan:
        """Return it with others in their place."""
        return replace(self, plans=tuple(plans))

    @property
    def needs_field_of_view(self) -> bool:
        """Whether one of its plans depends on the field of view of a camera."""
        return any(plan.needs_field_of_view for plan in self.plans)

    def _compiled(self) -> Program:
        from parfocal.runs.plans.joining import one_after_the_other, side_by_side

        join: Callable[[Program, Program], Program] = (
            one_after_the_other if self.axis == "t" else side_by_side
        )
        return reduce(join, [plan.program for plan in self.plans])


def each_sequence(plan: P, change: Callable[[Sequence], Sequence]) -> P:
    """Return a plan in which each of its sequences is changed."""
    if plan.inner:
        return plan.with_inner([each_sequence(one, change) for one in plan.inner])  # type: ignore[return-value]
    return change(plan) if isinstance(plan, Sequence) else plan  # type: ignore[return-value]


def combine(*plans: Plan, axis: Axis = "t") -> CombinedPlan:
    """Return one plan made of several.

    Parameters
    ----------
    *plans : Plan
        What `Sequence`, `wait`, `confirm`, `acquire` and `combine` return.
    axis : "t" or "p"
        "t": one after the other. Each begins one interval after the last time point before it, or with the
        end of a wait between; t goes on, positions of the same name or place keep their p, channels their c.
        "p": side by side on one clock. p goes on, t does not; each may have channels of its own.

    Raises
    ------
    BadInputError
        If plans side by side do not wait at the same times.

    Examples
    --------
    >>> from parfocal.runs import Sequence, wait
    >>> a = Sequence(time_plan={"interval": 10, "loops": 3})
    >>> [event.min_start_time for event in combine(a, a).events()]
    [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
    >>> [event.min_start_time for event in combine(wait(10), a).events()]
    [0.0, 10.0, 20.0, 30.0]
    >>> b = Sequence(time_plan={"interval": 5, "loops": 3})
    >>> [(event.min_start_time, event.index["p"]) for event in combine(a, b, axis="p").events()]
    [(0.0, 0), (0.0, 1), (5.0, 1), (10.0, 0), (10.0, 1), (20.0, 0)]
    """
    return CombinedPlan(plans=plans, axis=axis)
