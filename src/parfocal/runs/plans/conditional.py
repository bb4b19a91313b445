"""Parts of a plan that begin, end or are done by a condition. Frozen data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import msgspec

from parfocal.core.errors import BadInputError, nearest
from parfocal.runs.conditions.condition import Condition, Otherwise
from parfocal.runs.conditions.condition_data import condition_from_data
from parfocal.runs.conditions.values import OperatorAnswer
from parfocal.runs.plans.condition_check import ConditionCheck
from parfocal.runs.plans.fields import MOST_S, number
from parfocal.runs.plans.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parfocal.runs.plans.program import Program


class ConditionalPlan(Plan, frozen=True, kw_only=True, omit_defaults=True):
    """A plan with a condition; see `start_when`, `stop_when` and `respond`."""

    condition: Condition
    timeout_s: float | None = None
    otherwise: Otherwise = "fail"

    def __post_init__(self) -> None:
        tag = self.__struct_config__.tag
        condition = condition_from_data(self.condition, f"{tag}: condition")
        msgspec.structs.force_setattr(self, "condition", condition)
        if self.timeout_s is not None:
            msgspec.structs.force_setattr(
                self, "timeout_s", number(self.timeout_s, "timeout_s", above=0, most=MOST_S)
            )
        if self.otherwise not in get_args(Otherwise):
            known = nearest(str(self.otherwise), get_args(Otherwise))
            raise BadInputError(f"{tag}: otherwise cannot be {self.otherwise!r}; {known}")
        for plan in self.inner:
            if not isinstance(plan, Plan):
                raise BadInputError(f"{tag}: expected a plan, got {plan!r}")
        asks = any(isinstance(one, OperatorAnswer) for one in condition.comparisons())
        if asks and not isinstance(self, StartWhenPlan):
            raise BadInputError(f"{tag}: it can't ask a person; use start_when, or confirm")
        if not self.needs_field_of_view:
            _ = self.program

    @property
    def needs_field_of_view(self) -> bool:
        """Whether a plan in it depends on the field of view of a camera."""
        return any(plan.needs_field_of_view for plan in self.inner)


class StartWhenPlan(ConditionalPlan, frozen=True, kw_only=True, omit_defaults=True, tag="start_when"):
    """A plan that begins when something is true; see `start_when`."""

    plan: Plan

    @property
    def inner(self) -> tuple[Plan, ...]:
        """What begins then."""
        return (self.plan,)

    def with_inner(self, plans: Sequence[Plan]) -> StartWhenPlan:
        """Return it with another plan that begins then."""
        return msgspec.structs.replace(self, plan=plans[0])

    def _compiled(self) -> Program:
        from parfocal.runs.plans.joining import one_after_the_other
        from parfocal.runs.plans.program import program_of_element

        check = ConditionCheck(
            condition=self.condition,
            role="start",
            timeout_s=self.timeout_s,
            otherwise=self.otherwise,
            leaves_out=len(self.plan.program),
        )
        return one_after_the_other(program_of_element(_element(check)), self.plan.program)


class StopWhenPlan(ConditionalPlan, frozen=True, kw_only=True, omit_defaults=True, tag="stop_when"):
    """A plan that ends when something is true; see `stop_when`."""

    plan: Plan
    otherwise: Otherwise = "go on"

    @property
    def inner(self) -> tuple[Plan, ...]:
        """What ends then."""
        return (self.plan,)

    def with_inner(self, plans: Sequence[Plan]) -> StopWhenPlan:
        """Return it with another plan that ends then."""
        return msgspec.structs.replace(self, plan=plans[0])

    def _compiled(self) -> Program:
        check = ConditionCheck(
            condition=self.condition, role="stop", timeout_s=self.timeout_s, otherwise=self.otherwise
        )
        return _watched(self.plan, check)


class RespondPlan(ConditionalPlan, frozen=True, kw_only=True, omit_defaults=True, tag="respond"):
    """A plan that looks for something, and another one that is done when it is true; see `respond`."""

    watching: Plan
    response: Plan
    otherwise: Otherwise = "skip"

    @property
    def inner(self) -> tuple[Plan, ...]:
        """What looks, and what follows."""
        return self.watching, self.response

    def with_inner(self, plans: Sequence[Plan]) -> RespondPlan:
        """Return it with other plans."""
        return msgspec.structs.replace(self, watching=plans[0], response=plans[1])

    def _compiled(self) -> Program:
        from parfocal.runs.plans.joining import one_after_the_other

        check = ConditionCheck(
            condition=self.condition,
            role="respond",
            timeout_s=self.timeout_s,
            otherwise=self.otherwise,
            leaves_out=len(self.response.program),
        )
        return one_after_the_other(_watched(self.watching, check), self.response.program)


def _element(check: ConditionCheck) -> Any:
    from parfocal.runs.plans.elements import ConditionElement

    return ConditionElement(check=check)


def _watched(plan: Plan, check: ConditionCheck) -> Program:
    """Return a plan each of whose events is watched, and what decides behind it."""
    from parfocal.runs.plans.joining import one_after_the_other
    from parfocal.runs.plans.program import program_of_element

    return one_after_the_other(plan.program.watched(check), program_of_element(_element(check)))


def conditions_in(plan: Plan) -> Iterator[Condition]:
    """Yield the conditions of a plan and of those in it."""
    if isinstance(plan, ConditionalPlan):
        yield plan.condition
    for inner in plan.inner:
        yield from conditions_in(inner)


def start_when(
    condition: Condition, plan: Plan, *, timeout_s: float | None = None, otherwise: Otherwise = "fail"
) -> StartWhenPlan:
    """Return a plan that waits, with the light off, until a condition holds; then `plan` is done.

    Parameters
    ----------
    condition : Condition
        What has to hold. What cannot be told is waited for.
    plan : Plan
        What is done then.
    timeout_s : float, optional
        How long at most; without it, without limit.
    otherwise : "go on", "skip", "end" or "fail"
        What happens after that: the plan is done all the same, it is left out, the run ends as "finished
        early", or it fails.

    Examples
    --------
    >>> from parfocal.runs import Reading, Sequence
    >>> warm = Reading(service="incubator", command="temperature", above=36.5)
    >>> [event.kind for event in start_when(warm, Sequence(), timeout_s=600).events()]
    ['condition', 'image']
    """
    return StartWhenPlan(condition=condition, plan=plan, timeout_s=timeout_s, otherwise=otherwise)


def stop_when(
    condition: Condition, plan: Plan, *, timeout_s: float | None = None, otherwise: Otherwise = "go on"
) -> StopWhenPlan:
    """Return a plan that ends as soon as a condition holds: what is left of it is left out.

    An exposure in hand is brought to its end; a free acquisition, a wait and a call are ended.

    Parameters
    ----------
    condition : Condition
        What has to hold. What cannot be told ends nothing.
    plan : Plan
        What is done until then.
    timeout_s : float, optional
        How long at most, from its begin.
    otherwise : "go on", "skip", "end" or "fail"
        What happens after that, and where the plan is done without it: the plan is brought to its end, the
        rest of it is left out, the run ends as "finished early", or it fails.

    Examples
    --------
    >>> from parfocal.runs import Rows, Sequence
    >>> many = Rows(stream="tracks", take="count", above=20)
    >>> plan = stop_when(many, Sequence(time_plan={"interval": 5, "loops": 2}))
    >>> [(event.kind, [watch.closing for watch in event.watches]) for event in plan.events()]
    [('image', [2]), ('image', [2]), ('condition', [])]
    """
    return StopWhenPlan(condition=condition, plan=plan, timeout_s=timeout_s, otherwise=otherwise)


def respond(
    condition: Condition,
    watching: Plan,
    response: Plan,
    *,
    timeout_s: float | None = None,
    otherwise: Otherwise = "skip",
) -> RespondPlan:
    """Return a plan that looks for something, and does `response` as soon as it finds it.

    Parameters
    ----------
    condition : Condition
        What is looked for. It is looked at once more after the last image of `watching` was analysed.
    watching, response : Plan
        What is done until it holds; and what is done then, in place of the rest of `watching`.
    timeout_s : float, optional
        How long at most, from the begin of `watching`.
    otherwise : "go on", "skip", "end" or "fail"
        What happens after that, and where `watching` is done without it: the response is done all the same,
        it is left out, the run ends as "finished early", or it fails.

    Examples
    --------
    >>> from parfocal.runs import Rows, Sequence
    >>> bright = Rows(stream="tracks", column="mean", take="fraction", each_above=900, above=0.5)
    >>> plan = respond(bright, Sequence(), Sequence(channels=["cytoplasm"]))
    >>> [event.kind for event in plan.events()]
    ['image', 'condition', 'image']
    """
    return RespondPlan(
        condition=condition, watching=watching, response=response, timeout_s=timeout_s, otherwise=otherwise
    )
