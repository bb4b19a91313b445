"""Sequences of useq-schema, made into ours; positions with a sequence of their own run side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.combine import combine
from parfocal.runs.plans.field_of_view import at_field_of_view
from parfocal.runs.plans.origin import at_origin
from parfocal.runs.plans.sequence import Sequence
from parfocal.runs.plans.useq_autofocus import imported_autofocus
from parfocal.runs.plans.useq_fields import told
from parfocal.runs.plans.useq_places import imported_places
from parfocal.runs.plans.visits import AXES

if TYPE_CHECKING:
    from useq import MDASequence, Position

    from parfocal.runs.plans.event import Event
    from parfocal.runs.plans.plan import Plan

_CHANNEL = ("config", "exposure", "z_offset", "do_stack", "acquire_every")
_PHASE = ("interval", "duration", "loops")
_PLANS = {"t": "time_plan", "p": "stage_positions", "c": "channels", "z": "z_plan", "g": "grid_plan"}
_OWN = ("metadata", "axis_order", "channels", "z_plan", "grid_plan")
_SEQUENCE = ("metadata", "axis_order", "autofocus_plan", *_PLANS.values())
_NEAR = 1e-5
_Numbered = tuple[int, "Position | None"]


def plan_of_sequence(given: MDASequence, autofocus: Mapping[str, Any] | None) -> Plan:
    """Return the plan that a sequence describes; `autofocus` says how far its autofocus plan looks.

    Raises
    ------
    BadInputError
        Naming the field that cannot be said here, its value, and what to do.
    """
    fields, order = told(given, _SEQUENCE, ""), "".join(given.axis_order)
    for axis, name in _PLANS.items():
        if name in fields and axis not in order:
            raise BadInputError(f"axis_order: {order!r} lacks {axis!r}, and {name} is given; add it")
    if not fields.keys() & set(_PLANS.values()):
        raise BadInputError(
            "a sequence of useq-schema without channels, positions, times and planes has no events"
        )
    search = imported_autofocus(given, autofocus)
    places: list[_Numbered] = list(enumerate(given.stage_positions)) or [(0, None)]
    lanes = [_lane(given, group, search) for group in _groups(places)]
    if all(place is None or place.sequence is None for _, place in places):
        return lanes[0]
    if search and search.get("positions") == "first":
        raise BadInputError("autofocus_plan.axes: of positions with sequences of their own, name p, too")
    plan = combine(*lanes, axis="p") if len(lanes) > 1 else lanes[0]
    if different := first_difference(plan, given):
        raise BadInputError(f"{different}: write each position's sequence, and join them by combine()")
    return plan


def _groups(places: Iterable[_Numbered]) -> Iterator[list[_Numbered]]:
    """Yield positions that are done alike: those with a sequence of their own each by itself."""
    for is_alone, group in groupby(places, lambda one: one[1] is not None and one[1].sequence is not None):
        members = list(group)
        yield from ([one] for one in members) if is_alone else [members]


def _lane(given: MDASequence, places: list[_Numbered], search: dict[str, Any] | None) -> Sequence:
    """Return the sequence of some positions: what one of them has of its own goes before what all have."""
    own = places[0][1].sequence if places[0][1] is not None else None
    where = "" if own is None else f"stage_positions[{places[0][0]}].sequence."
    if own is not None:
        told(own, _OWN, where)
    grid, z_plan, channels = (
        getattr(own, name, None) or getattr(given, name) for name in ("grid_plan", "z_plan", "channels")
    )
    inner = [axis for axis in (own.axis_order if own else ()) if getattr(own, _PLANS[axis])]
    order = "".join(axis for axis in (*given.axis_order, *inner) if axis not in inner) + "".join(inner)
    has_places = bool(given.stage_positions or grid)
    stage_positions = [
        found
        for number, place in places
        for found in imported_places(place, grid, f"stage_positions[{number}].")
    ]
    return Sequence(
        time_plan=_phases(given.time_plan) if given.time_plan else (),
        stage_positions=stage_positions if has_places else (),
        channels=_channels(channels, bool(z_plan), where),
        z_plan=z_plan.model_dump() if z_plan else None,
        axis_order=_order(order, len(places), bool(grid)),
        autofocus=search,
        metadata=dict(given.metadata),
    )


def _order(axes: str, positions: int, has_grid: bool) -> str:
    """Return an order of t, p, c and z, in which the tiles of a grid are positions."""
    if has_grid and positions == 1:
        axes = axes.replace("p", "").replace("g", "p")
    elif has_grid and "pg" not in axes:
        raise BadInputError(f"axis_order: the tiles of a grid follow their position here: 'pg', not {axes!r}")
    return "".join(dict.fromkeys(axes.replace("g", "") + AXES))


def _channels(channels: Iterable[Any], has_planes: bool, where: str) -> list[dict[str, Any]]:
    found = [told(one, _CHANNEL, f"{where}channels[{number}].") for number, one in enumerate(channels)]
    for place, channel in enumerate(found):
        if "z_offset" in channel and not has_planes:
            raise BadInputError(
                f"{where}channels[{place}].z_offset: {channel['z_offset']!r} does nothing in useq-schema "
                "without a z_plan, and would here; give z_plan {'relative': [0]}, or leave it out"
            )
    return found


def _phases(plan: Any) -> list[Mapping[str, Any]]:
    phases = getattr(plan, "phases", None)
    if phases is not None:
        told(plan, ("phases",), "time_plan.")
    return [
        told(phase, _PHASE, f"time_plan[{number}].")
        for number, phase in enumerate([plan] if phases is None else phases)
    ]


def first_difference(plan: Plan, theirs: MDASequence) -> str:
    """Return the first event in which a plan and a sequence differ, in words; "" if there is none."""
    here = at_origin(at_field_of_view(plan, width_um=1, height_um=1), x_um=0, y_um=0, z_um=0)
    for number, (one, other) in enumerate(zip_longest(here.events(), theirs)):
        if one is None or other is None or not _is_same(one, other):
            return f"event {number} would be {_told(one)} here, and is {_told(other)} in useq-schema"
    return ""


def _told(event: Any) -> str:
    names = ("index", "min_start_time", "channel", "exposure_ms", "x_um", "y_um", "z_um")
    theirs = ("index", "min_start_time", "channel", "exposure", "x_pos", "y_pos", "z_pos")
    if event is None:
        return "none"
    return ", ".join(
        f"{name} {value}"
        for name, same in zip(names, theirs, strict=True)
        if (value := getattr(event, name, None) or getattr(event, same, None)) is not None
    )


def _is_same(ours: Event, theirs: Any) -> bool:
    searches = theirs.action.type != "acquire_image"
    if (ours.kind == "autofocus") != searches:
        return False
    numbers = [
        (ours.min_start_time, theirs.min_start_time),
        (ours.x_um, theirs.x_pos),
        (ours.y_um, theirs.y_pos),
    ]
    if not searches:
        numbers += [(ours.z_um, theirs.z_pos), (ours.exposure_ms, theirs.exposure)]
        if ours.channel != (theirs.channel.config if theirs.channel else ""):
            return False
    return all(math.isclose(one or 0.0, other or 0.0, abs_tol=_NEAR) for one, other in numbers)
