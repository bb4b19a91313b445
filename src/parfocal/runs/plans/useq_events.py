"""Events of useq-schema, one by one, made into the sequence that has the same ones. Pure."""

from __future__ import annotations

import math
from itertools import permutations, zip_longest
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.sequence import Sequence
from parfocal.runs.plans.useq_fields import told
from parfocal.runs.plans.visits import AXES

if TYPE_CHECKING:
    from useq import MDAEvent

    from parfocal.runs.plans.event import Event

_KNOWN = ("index", "channel", "exposure", "min_start_time", "pos_name", "x_pos", "y_pos", "z_pos")
_ASIDE = ("sequence", "metadata", "reset_event_timer")
_NEAR = 1e-6
"""um and s within which two numbers are the same."""
Placed = dict[tuple[int, ...], "MDAEvent"]


def sequence_of_events(events: list[MDAEvent]) -> Sequence:
    """Return the sequence that has these events, in this order.

    Raises
    ------
    BadInputError
        If there is none; names the event and what differs.
    """
    placed: Placed = {}
    for number, event in enumerate(events):
        told(event, (*_KNOWN, *_ASIDE), f"event {number}: ")
        placed[_place(event, number, placed)] = event
    if not placed:
        raise BadInputError("a plan needs an event")
    sizes = [_size(axis, {place[number] for place in placed}) for number, axis in enumerate(AXES)]
    plan = Sequence(
        time_plan=_times(placed, sizes[0]),
        stage_positions=_positions(placed, sizes[1]),
        channels=_channels(placed, sizes),
        z_plan=_planes(placed, sizes[3]),
        axis_order=_order(list(placed)),
        metadata=dict(events[0].metadata),
    )
    for number, (ours, theirs) in enumerate(zip_longest(plan.events(), events)):
        _check_same(ours, theirs, number, plan)
    return plan


def _place(event: MDAEvent, number: int, placed: Placed) -> tuple[int, ...]:
    for axis in event.index:
        if axis not in AXES:
            raise BadInputError(f"event {number}: index has {axis!r}; only t, p, c and z can be said here")
    place = tuple(event.index.get(axis, 0) for axis in AXES)
    if place in placed:
        raise BadInputError(
            f"event {number}: the index {dict(event.index)!r} is there already; number them along t, p, c, z"
        )
    return place


def _size(axis: str, found: set[int]) -> int:
    missing = set(range(max(found) + 1)) - found
    if missing or min(found) < 0:
        raise BadInputError(f"index: {axis} has to be 0, 1, 2 ..., and {min(missing, default=0)} is missing")
    return len(found)


def _order(places: list[tuple[int, ...]]) -> str:
    """Return the order of axes in which the places are sorted; the usual one where several are."""
    for order in permutations(range(len(AXES))):
        keys = [tuple(place[axis] for axis in order) for place in places]
        if keys == sorted(keys):
            return "".join(AXES[axis] for axis in order)
    raise BadInputError("index: the events are in no order of t, p, c and z; sort them")


def _times(placed: Placed, size: int) -> list[dict[str, Any]]:
    starts: dict[int, float] = {}
    for place, event in placed.items():
        starts.setdefault(place[0], event.min_start_time or 0.0)
    if starts[0]:
        raise BadInputError(f"min_start_time: the first is 0 here, not {starts[0]:g}; put wait() before it")
    phases: list[dict[str, Any]] = []
    for t in range(1, size):
        interval = round(starts[t] - starts[t - 1], 6)
        if phases and abs(phases[-1]["interval"] - interval) < _NEAR:
            phases[-1]["loops"] += 1
        else:
            phases.append({"interval": interval, "loops": 2})
    return phases


def _positions(placed: Placed, size: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for p in range(size):
        event = _stack(placed, p)[0]
        named = {"name": event.pos_name or "", "x": event.x_pos, "y": event.y_pos, "z": event.z_pos}
        found.append({name: value for name, value in named.items() if value not in (None, "")})
    return found if any(found) or size > 1 else []


def _stack(placed: Placed, p: int) -> dict[int, MDAEvent]:
    """Return by plane the events of that channel at a position that has most planes."""
    stacks: dict[int, dict[int, MDAEvent]] = {}
    for place, event in placed.items():
        if place[1] == p:
            stacks.setdefault(place[2], {}).setdefault(place[3], event)
    whole = max(stacks.values(), key=len)
    return {min(whole): whole[min(whole)]} | whole if 0 not in whole else {0: whole[0]} | whole


def _planes(placed: Placed, size: int) -> dict[str, Any] | None:
    stack = _stack(placed, 0)
    if size == 1 or len(stack) < size:
        return None
    return {"relative": [_height(stack[z]) - _height(stack[0]) for z in range(size)]}


def _channels(placed: Placed, sizes: list[int]) -> list[dict[str, Any]]:
    found = []
    stack = _stack(placed, 0)
    for c in range(sizes[2]):
        mine = {place: event for place, event in placed.items() if place[2] == c}
        (_, _, _, z), event = next((place, event) for place, event in mine.items() if place[1] == 0)
        if event.channel is None:
            if sizes[2] > 1:
                raise BadInputError(f"channel: none is named for c = {c}; name one")
            return []
        told(event.channel, ("config",), "channel.")
        times = sorted({place[0] for place in mine})
        fields: dict[str, Any] = {"config": event.channel.config}
        fields["acquire_every"] = times[1] - times[0] if len(times) > 1 else sizes[0]
        fields["do_stack"] = sizes[3] == 1 or len({place[3] for place in mine}) > 1
        if event.exposure is not None:
            fields["exposure"] = event.exposure
        if z in stack and event.z_pos is not None:
            fields["z_offset"] = event.z_pos - _height(stack[z])
        found.append(fields)
    return found


def _height(event: MDAEvent) -> float:
    if event.z_pos is None:
        raise BadInputError(f"z_pos: planes need heights in um; give one for the index {dict(event.index)!r}")
    return float(event.z_pos)


def _check_same(ours: Event | None, theirs: MDAEvent | None, number: int, plan: Sequence) -> None:
    """Refuse an event that is not the one which the sequence has there."""
    if ours is None or theirs is None:
        raise BadInputError(
            f"event {number}: the events are not all of t, p, c and z: {plan.shape} has {len(plan)} events"
        )
    start = plan.times.start_s(ours.index["t"])
    channel = "" if theirs.channel is None else theirs.channel.config
    for name, one, other in (
        ("index", ours.index, {axis: theirs.index.get(axis, 0) for axis in AXES}),
        ("channel", ours.channel, channel),
        ("exposure", ours.exposure_ms, theirs.exposure),
        ("min_start_time", start, theirs.min_start_time or 0.0),
        ("x_pos", ours.x_um, theirs.x_pos),
        ("y_pos", ours.y_um, theirs.y_pos),
        ("z_pos", ours.z_um, theirs.z_pos),
        ("pos_name", plan.places[ours.index["p"]].name, theirs.pos_name or ""),
        ("metadata", plan.metadata, dict(theirs.metadata)),
    ):
        if not _same(one, other):
            raise BadInputError(
                f"event {number}: {name} is {other!r}, where the events of one sequence have {one!r}; "
                "make a plan of each part, and join them by combine()"
            )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, int | float):
        return math.isclose(one, other, abs_tol=_NEAR)
    return bool(one == other)
