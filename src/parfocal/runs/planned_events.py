"""The events of one run, as they come, also once its plan was changed or where it repeats some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.survey import layout_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parfocal.core.event_layout import EventLayout
    from parfocal.runs.plans.event import Event
    from parfocal.runs.plans.schedule import Schedule


class PlannedEvents:
    """What a run takes in hand, one event after the other. Under the lock of the run, but for `next_from`.

    Parameters
    ----------
    schedule : Schedule
        All of its events.
    first : int
        Number of the first that is to come.
    layout : EventLayout, optional
        Where images lie in its record.
    settled : frozenset of int
        Numbers of those that are left out: a run that was cut short had them done.

    Attributes
    ----------
    schedule, layout
        As they are now.

    Examples
    --------
    >>> from parfocal.runs.plans.schedule import Schedule
    >>> from parfocal.runs.plans.sequence import Sequence
    >>> events = PlannedEvents(Schedule(Sequence(time_plan={"interval": 1, "loops": 4})), settled={1, 2})
    >>> events.next_from(1).number
    3
    >>> [events.fetch().number, events.fetch().number, events.fetch()]
    [0, 3, None]
    """

    def __init__(
        self,
        schedule: Schedule,
        first: int = 0,
        layout: EventLayout | None = None,
        settled: frozenset[int] = frozenset(),
    ) -> None:
        self.schedule, self.layout = schedule, layout
        self._settled = settled
        self._coming = self._unsettled(first)

    def fetch(self) -> Event | None:
        """Return the next event; None at the end."""
        return next(self._coming, None)

    def next_from(self, number: int) -> Event | None:
        """Return the first event from a number on that is to come; None if there is none."""
        return next(self._unsettled(number), None)

    def check_replaceable(self, first: int, run: str) -> None:
        """Raise `BadInputError`, naming the `run`, if some from number `first` on are done already."""
        if any(number >= first for number in self._settled):
            raise BadInputError(
                f"run {run!r} repeats events whose frames were lost, and later ones are done: "
                "extend it, or wait until that is over"
            )

    def follow(self, schedule: Schedule, first: int) -> None:
        """Go on with number `first` of another schedule, which has the same events before."""
        self.schedule = schedule
        self._coming = self._unsettled(first)
        if self.layout is not None or schedule.positions:
            z_step_um = None if self.layout is None else self.layout.z_step_um
            self.layout = layout_of(schedule, z_step_um=z_step_um)

    def _unsettled(self, first: int) -> Iterator[Event]:
        return (event for event in self.schedule.events(first) if event.number not in self._settled)
