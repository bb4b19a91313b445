"""Which events a sequence has: their places along t, p, c and z, in order and from the middle. Pure.

The product of the axes, less what a channel skips: time points (``acquire_every``, chosen frames) and planes.
Nothing is listed: a count is a sum over channels, so that the k-th event is found in a few steps.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterator, Sequence
from functools import cached_property
from sys import maxsize

import msgspec

AXES = "tpcz"
T, P, C, Z = range(4)
Place = list[int]
"""t, p, c and z; -1 where an axis is open."""


class ChannelVisits(msgspec.Struct, frozen=True, dict=True):
    """When a channel is exposed: sorted time points, planes in the order of their visits, first positions."""

    times: range | tuple[int, ...]
    planes: range
    positions: int = maxsize

    @cached_property
    def at_times(self) -> Container[int]:
        """The time points, quick to look up."""
        return self.times if isinstance(self.times, range) else frozenset(self.times)

    def matches(self, place: Sequence[int]) -> bool:
        """Tell whether it is exposed at a place, as far as t, p and z are fixed there."""
        t, z = place[T], place[Z]
        return (t < 0 or t in self.at_times) and (z < 0 or z in self.planes) and place[P] < self.positions


class Visits(msgspec.Struct, frozen=True, dict=True):
    """The events of one sequence.

    Parameters
    ----------
    order : str
        The axes, outermost first.
    sizes : tuple of int
        Of t, p, c and z.
    channels : tuple of ChannelVisits
        One for each along c.

    Examples
    --------
    >>> both = (ChannelVisits(range(3), range(1)), ChannelVisits(range(0, 3, 2), range(1)))
    >>> visits = Visits("tpcz", (3, 1, 2, 1), both)
    >>> len(visits), visits.place(2), [tuple(place) for place in visits.places(3)]
    (5, [1, 0, 0, 0], [(2, 0, 0, 0), (2, 0, 1, 0)])
    """

    order: str
    sizes: tuple[int, int, int, int]
    channels: tuple[ChannelVisits, ...]

    @cached_property
    def _axes(self) -> tuple[int, ...]:
        return tuple(AXES.index(axis) for axis in self.order)

    @cached_property
    def _nested(self) -> tuple[int, ...]:
        """The axes, those of a single place outermost: the same order, and quicker to go through."""
        return tuple(sorted(self._axes, key=lambda axis: self.sizes[axis] > 1))

    @cached_property
    def _total(self) -> int:
        return self._before(C, len(self.channels), [-1, -1, -1, -1])

    def __len__(self) -> int:
        return self._total

    @cached_property
    def passes(self) -> int:
        """How often all time points are gone through: once for each place along the axes outside t."""
        count = 1
        for axis in self._axes[: self._axes.index(T)]:
            count *= self.sizes[axis]
        return count

    def pass_of(self, place: Sequence[int]) -> int:
        """Return in which pass a place lies."""
        number = 0
        for axis in self._axes[: self._axes.index(T)]:
            number = number * self.sizes[axis] + place[axis]
        return number

    def before(self, number: int, t: int, p: int = 0) -> int:
        """Return how many events come before time point `t` of pass `number`; or before a position of it.

        The position counts only where p comes next after t.
        """
        place, outer = [-1, -1, -1, -1], self._axes[: self._axes.index(T)]
        digits = []
        for axis in reversed(outer):
            number, digit = divmod(number, self.sizes[axis])
            digits.append(digit)
        count = 0
        for axis, digit in zip(outer, reversed(digits), strict=True):
            count += self._before(axis, digit, place)
            place[axis] = digit
        count += self._before(T, t, place)
        if p:
            place[T] = t
            count += self._before(P, p, place)
        return count

    def place(self, k: int) -> Place:
        """Return the place of the k-th event, counted from 0."""
        place = [-1, -1, -1, -1]
        for axis in self._axes:
            digits = range(self.sizes[axis] + 1)
            digit = bisect_right(digits, k, key=lambda d, axis=axis: self._before(axis, d, place)) - 1  # type: ignore[misc]
            k -= self._before(axis, digit, place)
            place[axis] = digit
        return place

    def places(self, first: int = 0) -> Iterator[Place]:
        """Yield the places of all events from the `first`, in order: one list, which is changed each time."""
        if first >= len(self):
            return
        place, start = [-1, -1, -1, -1], self.place(first)
        outermost, outer, inner, innermost = self._nested
        for one in self._digits(outermost, place, start):
            place[outermost] = one
            for two in self._digits(outer, place, start):
                place[outer] = two
                for three in self._digits(inner, place, start):
                    place[inner] = three
                    for four in self._digits(innermost, place, start):
                        place[innermost] = four
                        yield place
                    place[innermost], start[innermost] = -1, 0
                place[inner], start[inner] = -1, 0
            place[outer], start[outer] = -1, 0

    def _before(self, axis: int, digit: int, place: Place) -> int:
        """Return how many events have less than `digit` along an axis, where `place` is fixed."""
        fixed = place[C]
        channels = self.channels if fixed < 0 else self.channels[fixed : fixed + 1]
        if axis == C:
            channels = channels[:digit]
        count = 0
        for channel in channels:
            if channel.matches(place):
                times = bisect_left(channel.times, digit) if axis == T else len(channel.times)
                planes = bisect_left(channel.planes, digit) if axis == Z else len(channel.planes)
                positions = min(channel.positions, digit if axis == P else self.sizes[P])
                count += (
                    (times if place[T] < 0 else 1)
                    * (planes if place[Z] < 0 else 1)
                    * (positions if place[P] < 0 else 1)
                )
        return count

    def _digits(self, axis: int, place: Place, start: Place) -> Sequence[int]:
        """Return where along an axis there are events, from `start` on."""
        first = start[axis]
        if axis == P:
            fixed = maxsize if place[C] < 0 else self.channels[place[C]].positions
            return range(first, min(fixed, self.sizes[P]))
        if axis == C:
            return [c for c in range(first, self.sizes[C]) if self.channels[c].matches(place)]
        if place[C] < 0:
            return range(first, self.sizes[axis])
        channel = self.channels[place[C]]
        there = channel.times if axis == T else channel.planes
        return there[bisect_left(there, first) :]
