"""What became of the events of a run, counted. Pure."""

from __future__ import annotations

import msgspec

from parfocal.core.run_status import FocusCounts, RunError, RunErrors, Stimulations
from parfocal.runs.plans.event import Event

_KEPT = 10
NO_MASK = "no mask"
"""Why a stimulus is left out by its policy for late masks: no frame of it is expected, and none is lost."""


LEFT_OUT = "left out"
"""Why an event is not done that a condition of the plan has left out: none is lost."""
BY_PLAN = (NO_MASK, LEFT_OUT)


class EventCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the events: ``consumed == acquired + sum(dropped.values())``, and one more in hand.

    Attributes
    ----------
    consumed, acquired : int
        Events that were taken up; and those that are done. In a run that was recovered `consumed` is where it
        stands while it goes through what has to be repeated; later events may be done already.
    dropped : dict of str to int
        Those that are not, by reason.
    asked : int
        Exposures that were taken up, and neither aborted nor unsure: so many frames are expected.
    unframed : dict of str to int
        Those of `dropped` that no missing frame tells of, by reason: calls, and stimuli of which nobody knows
        whether they were fired.
    frames : int
        Of the camera; the frame of a stimulus is not counted.
    stimulations : Stimulations
        What became of the stimuli.
    autofocuses : FocusCounts
        What became of the searches for the focus.
    errors : RunErrors
        What went wrong.
    """

    consumed: int = 0
    acquired: int = 0
    dropped: dict[str, int] = {}
    asked: int = 0
    unframed: dict[str, int] = {}
    frames: int = 0
    stimulations: Stimulations = Stimulations()
    autofocuses: FocusCounts = FocusCounts()
    errors: RunErrors = RunErrors()

    @property
    def lost(self) -> int:
        """How many events were declared dropped, but for those that their own policy left out."""
        return sum(count for why, count in self.dropped.items() if why not in BY_PLAN)

    def taken(self, event: Event) -> EventCounts:
        """Return them after an event was taken up; those before it are done, or were taken up earlier."""
        return msgspec.structs.replace(self, consumed=event.number + 1)

    def all_taken(self) -> EventCounts:
        """Return them at the end of the plan: nothing is in hand."""
        return msgspec.structs.replace(self, consumed=self.acquired + sum(self.dropped.values()))

    def put_back(self) -> EventCounts:
        """Return them after the event in hand was put back: it was not begun."""
        return msgspec.structs.replace(self, consumed=self.consumed - 1)

    def done(self, event: Event, frames: int, *, fallback: bool = False) -> EventCounts:
        """Return them after an event was done, with so many frames of the camera.

        `fallback` tells that a stimulus had another mask than was wanted for it.
        """
        counts = self.received(frames)
        if event.kind == "stimulus":
            counts = self.stimulated(asked=1, fired=1, fallback=int(fallback))
        return msgspec.structs.replace(
            counts, acquired=self.acquired + 1, asked=self.asked + event.is_exposure
        )

    def stimulated(self, **more: int) -> EventCounts:
        """Return them with the counts of stimuli larger by `more`."""
        now = {name: getattr(self.stimulations, name) + by for name, by in more.items()}
        return msgspec.structs.replace(self, stimulations=msgspec.structs.replace(self.stimulations, **now))

    def focused(self, event: Event) -> EventCounts:
        """Return them after an autofocus has found the focus."""
        found = msgspec.structs.replace(self.autofocuses, found=self.autofocuses.found + 1)
        return msgspec.structs.replace(self.done(event, frames=0), autofocuses=found)

    def not_focused(self) -> EventCounts:
        """Return them after an autofocus has found no focus; the event is in hand still."""
        failed = msgspec.structs.replace(self.autofocuses, failed=self.autofocuses.failed + 1)
        return msgspec.structs.replace(self, autofocuses=failed)

    def drop(self, event: Event, reason: str) -> EventCounts:
        """Return them after an event was declared dropped.

        Of a stimulus whose frame is lost is known that it was fired.

        Examples
        --------
        >>> left_out = EventCounts().drop(Event(number=1, index={"t": 0}, kind="stimulus"), NO_MASK)
        >>> left_out.stimulations.fallback, left_out.asked, left_out.lost
        (1, 0, 0)
        >>> doubtful = EventCounts().drop(Event(number=1, index={"t": 0}, kind="stimulus"), "unsure")
        >>> doubtful.stimulations.unsure, doubtful.asked, doubtful.unframed
        (1, 0, {'unsure': 1})
        """
        counts = self
        if event.kind == "stimulus" and reason != LEFT_OUT:
            became = {"lost": "fired", "unsure": "unsure", NO_MASK: "fallback"}.get(reason)
            counts = self.stimulated(asked=1, **({} if became is None else {became: 1}))
        counts = msgspec.structs.replace(counts, dropped=_one_more(self.dropped, reason))
        if event.is_exposure and reason not in ("cancelled", *BY_PLAN, "unsure"):
            return msgspec.structs.replace(counts, asked=self.asked + 1)
        if reason in ("failed", "unsure"):
            return msgspec.structs.replace(counts, unframed=_one_more(self.unframed, reason))
        return counts

    def received(self, frames: int) -> EventCounts:
        """Return them after so many frames of the camera."""
        return msgspec.structs.replace(self, frames=self.frames + frames)

    def failed(self, source: str, type: str, message: str, event: int) -> EventCounts:
        """Return them after an error."""
        error = RunError(source=source, type=type, message=message, event=event)
        errors = RunErrors(count=self.errors.count + 1, last=(*self.errors.last, error)[-_KEPT:])
        return msgspec.structs.replace(self, errors=errors)


def _one_more(counts: dict[str, int], reason: str) -> dict[str, int]:
    return {**counts, reason: counts.get(reason, 0) + 1}
