"""What stands between sequences in a plan: a wait, a question to a person, frames taken without a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.condition_check import ConditionCheck
from parfocal.runs.plans.event import Event
from parfocal.runs.plans.fields import MOST_S, number
from parfocal.runs.plans.plan import Plan

if TYPE_CHECKING:
    from parfocal.runs.plans.program import Program


class Element(Plan, frozen=True, kw_only=True, omit_defaults=True):
    """A plan of a single event, without place or channel."""

    @property
    def lasts_s(self) -> float:
        """How long it holds what follows, as far as that is known before."""
        return 0.0

    @property
    def is_barrier(self) -> bool:
        """Whether it begins with the last time point before it, and what follows begins when it ends."""
        return True

    def event(self, number: int, start_s: float) -> Event:
        """Return its event, which begins at `start_s` of the run."""
        raise NotImplementedError

    def _compiled(self) -> Program:
        from parfocal.runs.plans.program import program_of_element

        return program_of_element(self)


class WaitPlan(Element, frozen=True, kw_only=True, omit_defaults=True, tag="wait"):
    """Nothing for a while, once all positions of what comes before are acquired; see `wait`."""

    duration_s: float

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(
            self, "duration_s", number(self.duration_s, "duration_s", least=0, most=MOST_S)
        )

    @property
    def lasts_s(self) -> float:
        """How long it holds what follows."""
        return self.duration_s

    def event(self, number: int, start_s: float) -> Event:
        """Return its event, which begins at `start_s` of the run."""
        return Event(number=number, kind="wait", min_start_time=start_s, duration_s=self.duration_s)


class ConfirmPlan(Element, frozen=True, kw_only=True, omit_defaults=True, tag="confirm"):
    """A question to a person, with the light off until it is answered; see `confirm`."""

    text: str
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            raise BadInputError(f"text must say what is to be confirmed, not {self.text!r}")
        if self.timeout_s is not None:
            msgspec.structs.force_setattr(
                self, "timeout_s", number(self.timeout_s, "timeout_s", above=0, most=MOST_S)
            )

    def event(self, number: int, start_s: float) -> Event:
        """Return its event, which begins at `start_s` of the run."""
        return Event(
            number=number,
            kind="confirm",
            min_start_time=start_s,
            text=self.text,
            timeout_s=self.timeout_s,
        )


class AcquirePlan(Element, frozen=True, kw_only=True, omit_defaults=True, tag="acquire"):
    """The camera's own frames, one after the other; see `acquire`."""

    count: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        count = self.count
        if self.seconds is not None:
            msgspec.structs.force_setattr(
                self, "seconds", number(self.seconds, "seconds", above=0, most=MOST_S)
            )
        if count is not None and self.seconds is not None:
            raise BadInputError("an acquisition ends after so many frames, or so many seconds: give one")
        if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
            raise BadInputError(f"frames must be a whole number of 1 or more, or None, not {count!r}")

    @property
    def lasts_s(self) -> float:
        """How long it holds what follows, as far as that is known before."""
        return self.seconds or 0.0

    @property
    def is_barrier(self) -> bool:
        """False: it begins when the next time point would."""
        return False

    def event(self, number: int, start_s: float) -> Event:
        """Return its event, which begins at `start_s` of the run."""
        return Event(
            number=number,
            kind="acquire",
            min_start_time=start_s or None,
            count=self.count,
            duration_s=self.lasts_s,
        )


class ConditionElement(Element, frozen=True, kw_only=True, omit_defaults=True, tag="condition"):
    """Where a plan waits for a condition, or decides by one; made by those of `conditional`."""

    check: ConditionCheck

    def event(self, number: int, start_s: float) -> Event:
        """Return its event, which begins at `start_s` of the run."""
        return Event(
            number=number,
            kind="condition",
            min_start_time=start_s,
            text=self.check.words,
            timeout_s=self.check.timeout_s,
            check=self.check,
        )


def wait(seconds: float) -> WaitPlan:
    """Return a plan that waits, for use in `combine`.

    The wait begins when all positions of the events before it are acquired, and what follows begins when it
    ends: it takes the place of the interval that would follow there. It has no frame and no index.

    Parameters
    ----------
    seconds : float
        0 or more.

    Examples
    --------
    >>> from parfocal.runs import Sequence, combine
    >>> a = Sequence(time_plan={"interval": 10, "loops": 3})
    >>> [(event.kind, event.min_start_time) for event in combine(a, wait(10), a).events()][2:5]
    [('image', 20.0), ('wait', 20.0), ('image', 30.0)]
    """
    return WaitPlan(duration_s=number(seconds, "seconds", least=0, most=MOST_S))


def confirm(text: str, timeout_s: float | None = None) -> ConfirmPlan:
    """Return a plan that asks a person, for use in `combine`; the light is off until the answer.

    Parameters
    ----------
    text : str
        What is asked.
    timeout_s : float, optional
        How long the answer is waited for; without it, for ever.

    Examples
    --------
    >>> next(confirm("is the medium changed?", timeout_s=600).events()).text
    'is the medium changed?'
    """
    return ConfirmPlan(text=text, timeout_s=timeout_s)


def acquire(frames: int | None = None, *, seconds: float | None = None) -> AcquirePlan:
    """Return a plan in which the camera runs by itself, as fast as it is set to.

    Parameters
    ----------
    frames : int, optional
        How many.
    seconds : float, optional
        For how long, instead of that. Without either until it ends by itself, or the run is finished. Pauses
        do not count.

    Examples
    --------
    >>> next(acquire(1000).events()).count
    1000
    >>> next(acquire(seconds=2.5).events()).duration_s
    2.5
    """
    return AcquirePlan(count=frames, seconds=seconds)
