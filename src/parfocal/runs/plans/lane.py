"""The events of one sequence among others of a plan: how many there are, and when each begins."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cached_property

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.event import Event
from parfocal.runs.plans.exposures import Exposures, Light, lights_of, visited_of
from parfocal.runs.plans.frame_choice import chosen
from parfocal.runs.plans.sequence import Sequence
from parfocal.runs.plans.visits import ChannelVisits, P, Place, T, Visits


class Lane(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A sequence, and its place among others.

    Its steps are its time points, those of the first pass, then those of the next; where each position has
    a time of its own, the positions of these.

    Attributes
    ----------
    sequence : Sequence
        What is to be done.
    start_s : float
        When its first step begins, from the begin of the section that it belongs to.
    t : int
        What is added to its t.
    p, c : tuple of int
        For each of its own positions and channels, which it is along the plan's axes.
    time_per_position_s : float
        From the begin of a position to that of the next, all positions within an interval; 0: they follow
        one another as soon as possible.
    """

    sequence: Sequence
    start_s: float
    t: int
    p: tuple[int, ...]
    c: tuple[int, ...]
    time_per_position_s: float = 0.0

    @cached_property
    def visits(self) -> Visits:
        """Its events by place."""
        return visits_of(self.sequence)

    def __len__(self) -> int:
        return len(self.visits)

    @property
    def steps(self) -> int:
        """How many steps it has."""
        return self.visits.passes * len(self.sequence.times) * self._timed_positions

    @cached_property
    def _timed_positions(self) -> int:
        """How many steps a time point has."""
        return len(self.p) if self.time_per_position_s else 1

    def _split(self, step: int) -> tuple[int, int, int]:
        """Return pass, time point and position of a step; position 0 where they have no time of their own."""
        rest, p = divmod(step, self._timed_positions)
        return *divmod(rest, len(self.sequence.times)), p

    @property
    def duration_s(self) -> float:
        """From its first step to one interval after its last."""
        return self.visits.passes * self.sequence.times.duration_s

    def start_of(self, step: int) -> float:
        """Return when a step begins, from the same begin as `start_s`."""
        times = self.sequence.times
        number, t, p = self._split(step)
        return self.start_s + number * times.duration_s + times.start_s(t) + p * self.time_per_position_s

    def step_of(self, place: Place) -> int:
        """Return the step of a place."""
        step = self.visits.pass_of(place) * len(self.sequence.times) + place[T]
        return step * len(self.p) + place[P] if self.time_per_position_s else step

    def last_step(self, count: int) -> int:
        """Return the step of the last of its first `count` events."""
        return self.step_of(self.visits.place(count - 1))

    def times_until(self, count: int) -> int:
        """Return how many time points of the plan there are up to the last of its first `count` events."""
        number, t, _ = self._split(self.last_step(count))
        return self.t + (len(self.sequence.times) if number else t + 1)

    def count_before(self, start_s: float, *, included: bool = False) -> int:
        """Return how many of its events begin before a time; or at it, if that is included."""
        search = bisect_right if included else bisect_left
        step = search(range(self.steps), start_s, key=self.start_of)
        if step == self.steps:
            return len(self)
        return self.visits.before(*self._split(step))

    def starts(self, first: int) -> Iterator[tuple[float, Place]]:
        """Yield when each event from the `first` on begins, with its place: a list, which is changed."""
        once = self.visits.passes == 1 and not self.time_per_position_s
        at, start = -1, 0.0
        for place in self.visits.places(first):
            step = place[T] if once else self.step_of(place)
            if step != at:
                at, start = step, self.start_of(step)
            yield start, place

    @cached_property
    def exposures(self) -> Exposures:
        """Makes its events.

        Raises
        ------
        BadInputError
            If it depends on where the stages stand.
        """
        if self.needs_origin:
            raise BadInputError(
                f"the plan depends on where the stages stand along {', '.join(sorted(self.needs_origin))}: "
                "name absolute positions, or tell it with at_origin"
            )
        return Exposures(self.sequence, self.t, self.p, self.c)

    def events(self, number: int, begin_s: float, first: int = 0) -> Iterator[Event]:
        """Yield its events from the `first` on; that one has `number`. Its section begins at `begin_s`."""
        make = self.exposures.event
        for start, place in self.starts(first):
            yield make(number, begin_s + start, place)
            number += 1

    @property
    def needs_origin(self) -> frozenset[str]:
        """Along which of "x", "y" and "z" its places depend on where the stages stand."""
        places, stack = self.sequence.places, self.sequence.z_plan
        needed = {axis for place in places for axis in place.relative_axes}
        shifts = any(light.channel.z_offset for light in lights_of(self.sequence))
        is_told_from_z = stack.is_relative if stack else shifts or self.sequence.autofocus is not None
        if is_told_from_z and any(place.z is None for place in places):
            needed.add("z")
        return frozenset(needed)


def visits_of(sequence: Sequence) -> Visits:
    """Return the events of a sequence by place."""
    lights = visited_of(sequence)
    planes = len(sequence.z_plan.planes_um) if sequence.z_plan else 1
    sizes = (len(sequence.times), len(sequence.places), len(lights), planes)
    return Visits(sequence.axis_order, sizes, tuple(_visits(sequence, light, planes) for light in lights))


def _visits(sequence: Sequence, light: Light, planes: int) -> ChannelVisits:
    """Return when a channel is exposed; references and stimuli once, in the last plane that is visited.

    An autofocus comes before all of them, in the first one.
    """
    count = len(sequence.times)
    kind, channel = light
    if kind == "autofocus":
        autofocus = sequence.autofocus
        positions = 1 if autofocus.positions == "first" else len(sequence.places)
        return ChannelVisits(autofocus.times(count), range(1), positions)
    if kind == "image":
        whole, middle = range(planes), range(planes // 2, planes // 2 + 1)
        return ChannelVisits(range(0, count, channel.acquire_every), whole if channel.do_stack else middle)
    frames = sequence.stim_frames if kind == "stimulus" else sequence.ref_frames
    return ChannelVisits(chosen(frames, count, kind), range(planes - 1, planes))
