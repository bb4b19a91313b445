"""What a run has to do, event by event, while phases are appended and its future is replaced. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.joining import cut, one_after_the_other

if TYPE_CHECKING:
    from parfocal.runs.plans.event import Event
    from parfocal.runs.plans.plan import Plan
    from parfocal.runs.plans.positions import StagePosition
    from parfocal.runs.plans.program import Program


class Schedule:
    """The events of a run by number; a changed one is a new one, in which what was done keeps its numbers.

    Axes only grow: a position or channel keeps its index, t goes on. Times are nominal: seconds from the
    begin of the run, as if every event took no time.

    Parameters
    ----------
    plan : Plan
        What it begins with.

    Examples
    --------
    >>> from parfocal.runs import Sequence
    >>> plan = Sequence(time_plan={"interval": 10, "loops": 3}, stage_positions=[(0, 0), (9, 9)])
    >>> schedule = Schedule(plan)
    >>> len(schedule), schedule.event(5).index
    (6, {'t': 2, 'p': 1, 'c': 0, 'z': 0})
    >>> longer = schedule.extended(plan)
    >>> len(longer), longer.event(6).index["t"], longer.event(6).min_start_time
    (12, 3, 30.0)
    >>> other = schedule.with_future(3, Sequence(stage_positions=[(9, 9)]))
    >>> len(other), other.event(3).index, other.event(3).min_start_time
    (4, {'t': 2, 'p': 1, 'c': 0, 'z': 0}, 20.0)
    """

    def __init__(self, plan: Plan) -> None:
        self._program = plan.program

    @classmethod
    def _of(cls, program: Program) -> Schedule:
        made = cls.__new__(cls)
        made._program = program
        return made

    def __len__(self) -> int:
        return len(self._program)

    def __repr__(self) -> str:
        return f"Schedule(events={len(self)}, shape={self.shape}, duration_s={self.duration_s:g})"

    def extended(self, plan: Plan) -> Schedule:
        """Return a schedule that goes on with `plan` after its last event."""
        return self._of(one_after_the_other(self._program, plan.program))

    def with_future(self, first: int, plan: Plan) -> Schedule:
        """Return a schedule in which `plan` stands in place of all events from number `first` on.

        It begins with a time point of its own, when the next one after event ``first - 1`` would have begun.
        """
        if not 0 <= first <= len(self):
            raise BadInputError(f"event {first} is none of the {len(self)}; give 0 to {len(self)}")
        return self._of(one_after_the_other(cut(self._program, first), plan.program))

    def event(self, number: int) -> Event:
        """Return the event of that number."""
        if not 0 <= number < len(self):
            raise BadInputError(f"there is no event {number}; there are {len(self)}, from 0")
        return next(self.events(number))

    def events(self, first: int = 0) -> Iterator[Event]:
        """Yield the events from number `first` on."""
        return self._program.events(first)

    @property
    def shape(self) -> dict[str, int]:
        """How long each of the axes t, p, c and z is."""
        return self._program.shape

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The names along c."""
        return self._program.channel_names

    @property
    def positions(self) -> tuple[StagePosition, ...]:
        """The positions along p."""
        return self._program.positions

    @property
    def duration_s(self) -> float:
        """From the begin of the run to the begin of its last exposure, or to the end of a wait after that."""
        return self._program.duration_s

    @property
    def needs_origin(self) -> frozenset[str]:
        """Along which of "x", "y" and "z" it depends on where the stages stand: see `at_origin`."""
        return self._program.needs_origin
