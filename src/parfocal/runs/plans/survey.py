"""What a schedule asks for as a whole, in one pass over its events: before anything is touched."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from parfocal.core.event_layout import EventLayout, PositionLayout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from parfocal.runs.plans.event import Event
    from parfocal.runs.plans.schedule import Schedule

_SAME_WITHIN = 1e-6


class PlanSurvey(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of a schedule need.

    Attributes
    ----------
    channels : frozenset of str
        Names of light paths.
    reach : dict
        For each axis that is moved the lowest and the highest target, um.
    largest_move_um : float
        The longest way of the stages between two events, or to the first one.
    exposes : bool
        Whether it has exposures of events.
    acquires : bool
        Whether it has the camera run by itself.
    z_step_um, interval_s : float or None
        From plane to plane, and from time point to time point; None if that is not the same everywhere.
    z_um : float or None
        Height of the first plane of the first position, um.
    """

    channels: frozenset[str] = frozenset()
    reach: dict[str, tuple[float, float]] = {}
    largest_move_um: float = 0.0
    exposes: bool = False
    acquires: bool = False
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
    channels: set[str] = set()
    reach: dict[str, tuple[float, float]] = {}
    planes: dict[int, float] = {}
    starts: dict[int, float] = {}
    exposes = acquires = False
    at, farthest_um = dict(found), 0.0
    for event in events:
        acquires = acquires or event.kind == "acquire"
        if not event.is_exposure:
            continue
        exposes = True
        channels.add(event.channel)
        targets = event.targets_um
        if targets.items() - at.items():
            farthest_um = max(
                farthest_um, math.hypot(*(targets[name] - at.get(name, targets[name]) for name in targets))
            )
            at |= targets
        for name, target in targets.items():
            low, high = reach.get(name, (target, target))
            reach[name] = (min(low, target), max(high, target))
        if event.min_start_time is not None:
            starts.setdefault(event.index.get("t", 0), event.min_start_time)
        if event.z_um is not None and not any(event.index.get(axis) for axis in "tpc"):
            planes.setdefault(event.index.get("z", 0), event.z_um)
    return PlanSurvey(
        channels=frozenset(channels - {""}),
        reach=reach,
        largest_move_um=farthest_um,
        exposes=exposes,
        acquires=acquires,
        z_step_um=step_of(planes),
        interval_s=step_of(starts),
        z_um=planes.get(0),
    )


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
