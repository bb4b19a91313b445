"""A run as its journal tells it: what was asked, what is settled, what may have begun. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.ipc.codec import Decoder
from parfocal.runs.event_log import DTYPE
from parfocal.runs.journal_entries import (
    Announced,
    Began,
    Begun,
    DecidedCondition,
    EndedRun,
    Entry,
    JournalledMask,
    JournalRequest,
    Remembered,
    Replanned,
    Settled,
)
from parfocal.runs.pipeline.messages import RememberedPosition
from parfocal.runs.plans.plan_data import plan_from_data
from parfocal.runs.plans.schedule import Schedule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.event_layout import EventLayout
    from parfocal.runs.plans.plan import Plan

_MEMORY: Decoder[RememberedPosition] = Decoder(RememberedPosition)


@dataclass(frozen=True, kw_only=True)
class JournalledRun:
    """What a journal tells.

    Attributes
    ----------
    run : str
        Its name.
    request : JournalRequest
        With what it was started, or went on last.
    plans : tuple of Plan
        All that it was given, one after the other.
    schedule : Schedule
        Its events, with all changes of its plan.
    layout : EventLayout or None
        Where the frames of its events lie.
    settled : dict of int to Settled
        What became of each event, by number: the last time, of one that was repeated.
    unsettled : frozenset of int
        Events that are done once alone, and may have begun.
    decided : dict of int to DecidedCondition
        What was decided of conditions of the plan, by the number of their event: the last time.
    positions : dict of int to RememberedPosition
        What its pipeline remembers of positions, along p.
    masks : dict of int to JournalledMask
        Those of stimuli that have begun, by the numbers of their events.
    """

    run: str
    request: JournalRequest
    plans: tuple[Plan, ...]
    schedule: Schedule
    layout: EventLayout | None = None
    settled: dict[int, Settled]
    unsettled: frozenset[int]
    decided: dict[int, DecidedCondition] = field(default_factory=dict)
    positions: dict[int, RememberedPosition] = field(default_factory=dict)
    masks: dict[int, JournalledMask] = field(default_factory=dict)

    @property
    def rows(self) -> NDArray[np.void]:
        """The rows of the settled events in the log of events, by number; a copy."""
        content = b"".join(self.settled[number].row for number in sorted(self.settled))
        if len(content) != DTYPE.itemsize * len(self.settled):
            raise BadInputError(f"the journal of run {self.run!r} is of another version of parfocal")
        return np.frombuffer(content, DTYPE).copy()


def journalled(entries: Iterable[Entry], boot: str) -> JournalledRun:
    """Return what the entries of a journal tell.

    An event that was announced, and did not begin before its run ended or its process was killed, has not
    begun, unless the computer was started again after a kill: then the last entries may not have come to the
    disk.

    Parameters
    ----------
    entries : iterable of Entry
        Oldest first.
    boot : str
        Which start of the computer this is; "" if nobody knows.

    Raises
    ------
    BadInputError
        If the journal has no begin.
    """
    reader = _Reader(boot)
    for entry in entries:
        reader.take(entry)
    if reader.began is None or reader.schedule is None:
        raise BadInputError("the journal does not tell how the run began: nothing of it had begun")
    return JournalledRun(
        run=reader.began.run,
        request=reader.began.request,
        plans=tuple(reader.plans),
        schedule=reader.schedule,
        layout=reader.layout,
        settled=reader.settled,
        unsettled=frozenset(number for number, how in reader.open_ones.items() if how != "announced"),
        decided=reader.decided,
        positions={p: _MEMORY.decode(list(one.parts)) for p, one in reader.remembered.items()},
        masks=reader.masks,
    )


@dataclass
class _Reader:
    """Goes through a journal; `open_ones` tells of each event that was announced if it may have begun."""

    boot: str
    began: Began | None = None
    plans: list[Plan] = field(default_factory=list)
    schedule: Schedule | None = None
    layout: EventLayout | None = None
    settled: dict[int, Settled] = field(default_factory=dict)
    open_ones: dict[int, Literal["announced", "begun", "unsure"]] = field(default_factory=dict)
    decided: dict[int, DecidedCondition] = field(default_factory=dict)
    remembered: dict[int, Remembered] = field(default_factory=dict)
    masks: dict[int, JournalledMask] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        match entry:
            case Settled(number=number):
                self.settled[number] = entry
                self.open_ones.pop(number, None)
            case Begun(number=number, mask=mask):
                self.open_ones[number] = "begun"
                if mask is not None:
                    self.masks[number] = mask
            case Announced(number=number):
                self.open_ones.setdefault(number, "announced" if self._is_of_this_boot else "unsure")
            case EndedRun():
                self.open_ones = {number: how for number, how in self.open_ones.items() if how == "begun"}
            case DecidedCondition(number=number):
                self.decided[number] = entry
            case Remembered(p=p):
                self.remembered[p] = entry
            case Began():
                self._begin(entry)
            case Replanned(first=-1):
                assert self.schedule is not None
                self.plans.append(plan_from_data(entry.plan))
                self.schedule = self.schedule.extended(self.plans[-1])
                self.layout = entry.layout or self.layout
            case Replanned():
                self._follow(entry)

    @property
    def _is_of_this_boot(self) -> bool:
        return self.began is not None and bool(self.boot) and self.began.boot == self.boot

    def _begin(self, began: Began) -> None:
        self.began = began
        if began.plan:
            self._follow(began)

    def _follow(self, change: Began | Replanned) -> None:
        """Have another plan stand in place of all events from its first one on."""
        plan, first = plan_from_data(change.plan), change.first
        self.plans.append(plan)
        self.schedule = Schedule(plan) if self.schedule is None else self.schedule.with_future(first, plan)
        self.layout = change.layout or self.layout
        self.settled = {number: one for number, one in self.settled.items() if number < first}
        self.open_ones = {number: how for number, how in self.open_ones.items() if number < first}
        self.masks = {number: mask for number, mask in self.masks.items() if number < first}
        self.decided = {}  # what they lead to is done, or not asked for any more
