"""Sequences side by side on one clock, without a wait among them: their events by time."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import islice

import msgspec

from parfocal.runs.plans.event import Event
from parfocal.runs.plans.lane import Lane


class Section(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Lanes whose events are carried out by time; at the same time, lane after lane.

    Attributes
    ----------
    lanes : tuple of Lane
        Their starts count from the section's.
    end_s : float
        When what follows begins, if nothing stands between, from the section's begin.
    limit : int or None
        How many of the events there are, if what follows was replaced; None: all.
    """

    lanes: tuple[Lane, ...]
    end_s: float
    limit: int | None = None

    @cached_property
    def _total(self) -> int:
        return sum(map(len, self.lanes))

    def __len__(self) -> int:
        return self._total if self.limit is None else self.limit

    @cached_property
    def last_s(self) -> float:
        """When its last time point begins, from its own begin."""
        ends = zip(self.lanes, self.split(len(self)), strict=True)
        return max((lane.start_of(lane.last_step(count)) for lane, count in ends if count), default=0.0)

    @cached_property
    def times(self) -> int:
        """How many time points of the plan there are up to its end, those without an event included."""
        if self.limit is None:
            return max(lane.t + len(lane.sequence.times) for lane in self.lanes)
        counts = zip(self.lanes, self.split(len(self)), strict=True)
        return max((lane.times_until(count) for lane, count in counts if count), default=0)

    def events(self, number: int, begin_s: float, first: int = 0) -> Iterator[Event]:
        """Yield its events from the `first` on; that one has `number`. The section begins at `begin_s`."""
        count = len(self) - first
        if len(self.lanes) == 1:
            return islice(self.lanes[0].events(number, begin_s, first), count)
        return islice(self._merged(number, begin_s, first), count)

    def _merged(self, number: int, begin_s: float, first: int) -> Iterator[Event]:
        begins = zip(self.lanes, self.split(first), strict=True)
        sources = [_in_row(row, lane.starts(begin)) for row, (lane, begin) in enumerate(begins)]
        for start, row, place in heapq.merge(*sources):
            yield self.lanes[row].exposures.event(number, begin_s + start, place)
            number += 1

    def split(self, count: int) -> list[int]:
        """Return how many of the first `count` events each lane has."""
        if len(self.lanes) == 1:
            return [count]
        if count >= self._total:
            return [len(lane) for lane in self.lanes]
        if count == 0:
            return [0] * len(self.lanes)
        now = self._first_beyond(count)
        counts = [lane.count_before(now) for lane in self.lanes]
        missing = count - sum(counts)
        for row, lane in enumerate(self.lanes):
            more = min(missing, lane.count_before(now, included=True) - counts[row])
            counts[row] += more
            missing -= more
        return counts

    def _first_beyond(self, count: int) -> float:
        """Return the first start up to which, itself included, there are more than `count` events."""
        now = math.inf
        for lane in self.lanes:
            steps = range(bisect_left(range(lane.steps), now, key=lane.start_of))
            if steps and self._until(lane.start_of(steps[-1])) > count:
                now = lane.start_of(
                    bisect_right(steps, count, key=lambda step: self._until(lane.start_of(step)))
                )
        return now

    def _until(self, now: float) -> int:
        return sum(lane.count_before(now, included=True) for lane in self.lanes)


def _in_row(row: int, starts: Iterator[tuple[float, list[int]]]) -> Iterator[tuple[float, int, list[int]]]:
    """Yield starts and places of a lane with its number between them, so that no two compare equal."""
    for start, place in starts:
        yield start, row, place.copy()
