"""What a schedule asks for as a whole, in one pass over its events: before anything is touched."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from parfocal.core.event_layout import EventLayout, PositionLayout
from parfocal.runs.plans.condition_check import ConditionCheck
from parfocal.runs.plans.event import Event, EventLight

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from parfocal.runs.plans.schedule import Schedule

_SAME_WITHIN = 1e-6


class PlanSurvey(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of a schedule need.

    Attributes
    ----------
    events, frames, stimuli : int
        How many events there are, how many frames are asked for, and how many of these are of stimuli.
    endless : bool
        Whether the camera runs until it ends by itself: nobody knows how many frames come.
    lights : dict
        The first event of each channel, exposure in ms and power that are asked for together.
    metadata : tuple of Event
        The first event with each metadata.
    reach : dict
        For each axis that is moved, the events with the lowest and the highest target.
    largest_move_um : float
        The longest way of the stages between two events, or to the first one.
    exposes : bool
        Whether it has exposures of events.
    acquires : bool
        Whether it has the camera run by itself.
    acquires_s : float
        For how long it does, where that and not a number of frames was asked for.
    calls : tuple of Event
        Those that have a service carry out a command.
    checks : tuple of ConditionCheck
        Its conditions.
    z_step_um, interval_s : float or None
        From plane to plane, and from time point to time point; None if that is not the same everywhere.
    z_um : float or None
        Height of the first plane of the first position, um.
    """

    events: int = 0
    frames: int = 0
    stimuli: int = 0
    endless: bool = False
    lights: dict[EventLight, Event] = {}
    metadata: tuple[Event, ...] = ()
    reach: dict[str, tuple[Event, Event]] = {}
    largest_move_um: float = 0.0
    exposes: bool = False
    acquires: bool = False
    acquires_s: float = 0.0
    calls: tuple[Event, ...] = ()
    checks: tuple[ConditionCheck, ...] = ()
    z_step_um: float | None = None
    interval_s: float | None = None
    z_um: float | None = None


def survey(events: Iterable[Event], found: Mapping[str, float]) -> PlanSurvey:
    """Return what events need of stages that stand where they were `found`, um.

    Examples
    --------
    >>> from parfocal.runs import Sequence
    >>> plan = Sequence(stage_positions=[(3, 0), (3, 40), (0, 0)])
    >>> survey(plan.events(), {"x": 0, "y": 0}).largest_move_um
    40.11...
    """
    tracks = _Tracks(dict(found))
    count = 0
    for event in events:
        count += 1
        if event.is_exposure:
            tracks.expose(event)
        elif event.kind == "autofocus":
            tracks.focus(event)
        elif event.kind == "acquire":
            tracks.acquires = True
            tracks.frames += event.count or 0
            tracks.acquires_s += event.duration_s
            tracks.endless = tracks.endless or (event.count is None and not event.duration_s)
        elif event.check is not None:
            tracks.checks.append(event.check)
        elif event.call is not None:
            tracks.calls.append(event)
            if event.call.exposing:
                tracks.acquires = True
                tracks.acquires_s += event.call.expected_s
    return PlanSurvey(
        events=count,
        frames=tracks.frames,
        stimuli=tracks.stimuli,
        endless=tracks.endless,
        lights=tracks.lights,
        metadata=tuple(tracks.metadata.values()),
        reach={name: (low, high) for name, (_, low, _, high) in tracks.reach.items()},
        largest_move_um=tracks.farthest_um,
        exposes=bool(tracks.lights),
        acquires=tracks.acquires,
        acquires_s=tracks.acquires_s,
        calls=tuple(tracks.calls),
        checks=tuple(tracks.checks),
        z_step_um=step_of(tracks.planes),
        interval_s=step_of(tracks.starts),
        z_um=tracks.planes.get(0),
    )


class _Tracks:
    """What a pass over events has seen so far."""

    def __init__(self, at: dict[str, float]) -> None:
        self._at = at
        self._place: tuple[float | None, ...] = (None, None, None)
        self.frames = self.stimuli = 0
        self.endless = self.acquires = False
        self.acquires_s = 0.0
        self.calls: list[Event] = []
        self.checks: list[ConditionCheck] = []
        self.farthest_um = 0.0
        self.lights: dict[EventLight, Event] = {}
        self.metadata: dict[int, Event] = {}  # by the identity of a mapping that the event keeps alive
        self.reach: dict[str, tuple[float, Event, float, Event]] = {}
        self.planes: dict[int, float] = {}
        self.starts: dict[int, float] = {}

    def expose(self, event: Event) -> None:
        """Take in an exposure."""
        self.frames += 1
        self.stimuli += event.kind == "stimulus"
        self._visit(event)
        index = event.index
        if event.z_um is not None and not any(index.get(axis) for axis in "tpc"):
            self.planes.setdefault(index.get("z", 0), event.z_um)

    def focus(self, event: Event) -> None:
        """Take in an autofocus: it exposes, and goes through planes, but no frame is asked for."""
        self._visit(event)
        if event.autofocus is not None and event.z_um is not None:
            for z_um in event.autofocus.planes_um(event.z_um)[:: event.autofocus.count - 1]:
                self._reach("z", z_um, replace(event, z_um=z_um))

    def _visit(self, event: Event) -> None:
        light = event.light
        if light not in self.lights:
            self.lights[light] = event
        if event.metadata and id(event.metadata) not in self.metadata:
            self.metadata[id(event.metadata)] = event
        self._move(event)
        if event.min_start_time is not None:
            self.starts.setdefault(event.index.get("t", 0), event.min_start_time)

    def _move(self, event: Event) -> None:
        place = event.x_um, event.y_um, event.z_um
        if place == self._place:
            return
        self._place = place
        targets, at = event.targets_um, self._at
        way_um = math.hypot(*(targets[name] - at.get(name, targets[name]) for name in targets))
        self.farthest_um = max(self.farthest_um, way_um)
        at |= targets
        for name, target in targets.items():
            self._reach(name, target, event)

    def _reach(self, name: str, target: float, event: Event) -> None:
        low, lowest, high, highest = self.reach.get(name, (math.inf, event, -math.inf, event))
        if target < low:
            low, lowest = target, event
        if target > high:
            high, highest = target, event
        self.reach[name] = low, lowest, high, highest


def step_of(values: dict[int, float]) -> float | None:
    """Return the step between values that are numbered from 0; None if there is not one that is positive.

    Examples
    --------
    >>> step_of({0: 1.0, 1: 1.5, 2: 2.0}), step_of({0: 0.0, 1: 1.0, 2: 5.0}), step_of({0: 3.0})
    (0.5, None, None)
    """
    row = [values[number] for number in sorted(values)]
    steps = [after - before for before, after in pairwise(row)]
    if not steps or max(steps) - min(steps) > _SAME_WITHIN or steps[0] <= 0:
        return None
    return steps[0]


def layout_of(
    schedule: Schedule,
    *,
    z_step_um: float | None = None,
    interval_s: float | None = None,
    z_um: float | None = None,
) -> EventLayout:
    """Return where the frames of a schedule lie: axes t, p, c and z, whatever the order of execution."""
    shape = schedule.shape
    base_um = schedule.positions[0].z if schedule.positions else None
    positions = tuple(
        PositionLayout(name=one.name, x_um=one.x, y_um=one.y, z_um=one.z, well=one.well)
        for one in schedule.positions
    )
    return EventLayout(
        axes="tpcz",
        sizes=tuple(max(1, shape[axis]) for axis in "tpcz"),
        positions=positions,
        channels=schedule.channel_names,
        z_step_um=z_step_um,
        z_first_um=None if z_um is None or base_um is None else z_um - base_um,
        interval_s=interval_s,
    )
