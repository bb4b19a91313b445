"""A plan made ready to be carried out: what follows what, when, and where along the axes. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from parfocal.core.errors import BadInputError
from parfocal.core.event_kinds import EventKind
from parfocal.runs.plans.condition_check import ConditionCheck, Watch
from parfocal.runs.plans.elements import ConditionElement, Element
from parfocal.runs.plans.event import Event
from parfocal.runs.plans.exposures import lights_of
from parfocal.runs.plans.lane import Lane
from parfocal.runs.plans.positions import StagePosition
from parfocal.runs.plans.section import Section
from parfocal.runs.plans.sequence import Sequence

Part = Section | Element


class PlacedPart(NamedTuple):
    """A part of a program: when it begins, its first event's number, and how many time points end with it.

    `watches` are the conditions that leave it out, the outermost first.
    """

    part: Part
    start_s: float
    first: int
    times: int
    watches: tuple[ConditionCheck, ...] = ()

    @property
    def size(self) -> int:
        """How many events it has."""
        return len(self.part) if isinstance(self.part, Section) else 1

    @property
    def last_s(self) -> float:
        """When its last event begins, seconds of the run; a wait: when it ends."""
        return self.start_s + (self.part.last_s if isinstance(self.part, Section) else self.part.lasts_s)

    @property
    def end_s(self) -> float:
        """When what follows begins, if it is no barrier."""
        return self.start_s + (self.part.end_s if isinstance(self.part, Section) else self.part.lasts_s)

    def events(self, number: int) -> Iterator[Event]:
        """Yield its events from `number` on."""
        if isinstance(self.part, Section):
            return self.part.events(number, self.start_s, number - self.first)
        return iter((self.part.event(number, self.start_s),))


class Program(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Sections and what stands between them, and the axes of all of them together.

    Attributes
    ----------
    parts : tuple of PlacedPart
        In the order of their execution.
    positions : tuple of StagePosition
        Along p.
    lights : tuple
        Along c: what each is used for, and the name of its preset.
    planes : int
        Length of z.
    """

    parts: tuple[PlacedPart, ...] = ()
    positions: tuple[StagePosition, ...] = ()
    lights: tuple[tuple[EventKind, str], ...] = ()
    planes: int = 0

    def __len__(self) -> int:
        return self.parts[-1].first + self.parts[-1].size if self.parts else 0

    @property
    def times(self) -> int:
        """Length of t."""
        return self.parts[-1].times if self.parts else 0

    @property
    def shape(self) -> dict[str, int]:
        """How long each axis is."""
        return {"t": self.times, "p": len(self.positions), "c": len(self.lights), "z": self.planes}

    @cached_property
    def channel_names(self) -> tuple[str, ...]:
        """The names along c; a use that shares its preset with an image says what it is."""
        configs = Counter(config for _, config in self.lights)
        return tuple(
            f"{config} ({kind})" if configs[config] > 1 and kind != "image" else config
            for kind, config in self.lights
        )

    @property
    def duration_s(self) -> float:
        """From the begin of the run to the begin of the last exposure, or to the end of a wait after it."""
        return self.parts[-1].last_s if self.parts else 0.0

    @property
    def end_s(self) -> float:
        """When what is appended begins, if it does not begin with a barrier."""
        return self.parts[-1].end_s if self.parts else 0.0

    @cached_property
    def needs_origin(self) -> frozenset[str]:
        """Along which axes it depends on where the stages stand."""
        sections = [placed.part for placed in self.parts if isinstance(placed.part, Section)]
        return frozenset(axis for section in sections for lane in section.lanes for axis in lane.needs_origin)

    def events(self, first: int = 0) -> Iterator[Event]:
        """Yield its events from number `first` on."""
        if first < 0:
            raise BadInputError(f"events are numbered from 0, not from {first}")
        place = bisect_right(self.parts, first, key=lambda placed: placed.first) - 1
        for at in range(max(0, place), len(self.parts)):
            placed = self.parts[at]
            if first < placed.first + placed.size:
                events = placed.events(max(first, placed.first))
                yield from self._watching(at, events) if placed.watches else events

    def watched(self, check: ConditionCheck) -> Program:
        """Return it with a condition that leaves out what is left of it."""
        parts = tuple(
            placed._replace(part=_deeper(placed.part), watches=(check, *map(_below, placed.watches)))
            for placed in self.parts
        )
        return replace(self, parts=parts)

    def _watching(self, at: int, events: Iterator[Event]) -> Iterator[Event]:
        """Yield the events of a part with what watches them; each is decided by its next element."""
        watches = []
        for check in self.parts[at].watches:
            closing = (part.first for part in self.parts[at + 1 :] if is_check(part.part, check))
            watches += [Watch(check, number) for number in closing][:1]
        return (replace(event, watches=tuple(watches)) for event in events)


def is_check(part: Part, check: ConditionCheck) -> bool:
    """Return whether a part is where a condition is decided."""
    return isinstance(part, ConditionElement) and part.check == check


def _deeper(part: Part) -> Part:
    return replace(part, check=_below(part.check)) if isinstance(part, ConditionElement) else part


def _below(check: ConditionCheck) -> ConditionCheck:
    return replace(check, depth=check.depth + 1)


def program_of_sequence(plan: Sequence) -> Program:
    """Return the program of a sequence by itself."""
    lights = tuple((kind, channel.config) for kind, channel in lights_of(plan))
    c, planes = tuple(range(len(lights))), len(plan.z_plan.planes_um) if plan.z_plan else 1
    parts = _batches(plan, c) if plan.batching else (_whole(plan, c),)
    return Program(parts=tuple(parts), positions=plan.places, lights=lights, planes=planes)


def _whole(plan: Sequence, c: tuple[int, ...]) -> PlacedPart:
    lane = Lane(sequence=plan, start_s=0.0, t=0, p=tuple(range(len(plan.places))), c=c)
    return PlacedPart(Section(lanes=(lane,), end_s=lane.duration_s), 0.0, 0, len(plan.times))


def _batches(plan: Sequence, c: tuple[int, ...]) -> Iterator[PlacedPart]:
    """Yield a section for each batch; the next begins when the last position of one has had its time."""
    batching, count, first, start_s = plan.batching, len(plan.places), 0, 0.0
    assert batching is not None, "asked of a sequence in batches alone"
    each_s = batching.time_per_position_s
    places = plan.places if plan.stage_positions else ()
    for p in batching.split(count):
        own = replace(plan, batch=None, stage_positions=places[p.start : p.stop])
        lane = Lane(sequence=own, start_s=0.0, t=0, p=tuple(p), c=c, time_per_position_s=each_s)
        last_s = plan.times.start_s(len(plan.times) - 1)
        end_s = lane.duration_s if p.stop == count else last_s + len(p) * each_s
        yield PlacedPart(Section(lanes=(lane,), end_s=end_s), start_s, first, len(plan.times))
        first, start_s = first + len(lane), start_s + end_s


def program_of_element(plan: Element) -> Program:
    """Return the program of a wait, a question or an acquisition by itself."""
    return Program(parts=(PlacedPart(plan, 0.0, 0, 0),))
