"""Plans of useq-schema, read and written. What one of both cannot say is refused, never left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.fields import listed
from parfocal.runs.plans.plan_data import plan_to_data
from parfocal.runs.plans.positions import StagePosition
from parfocal.runs.plans.sequence import Sequence
from parfocal.runs.plans.visits import AXES

if TYPE_CHECKING:
    from pydantic import BaseModel
    from useq import MDAEvent, MDASequence

    from parfocal.runs.plans.plan import Plan

_CHANNEL = ("config", "exposure", "z_offset", "do_stack", "acquire_every")
_POSITION = ("name", "x", "y", "z")
_WELL = ("plate_row", "plate_col")
_PHASE = ("interval", "duration", "loops")
_SEQUENCE = ("metadata", "axis_order", "stage_positions", "channels", "time_plan", "z_plan")
_THEIRS = ("grid_plan", "autofocus_plan", "setup", "keep_shutter_open_across")
_INSTEAD = {
    "grid_plan": "write it as a grid among stage_positions",
    "autofocus_plan": "have the autofocus hold by itself, and leave it out",
    "keep_shutter_open_across": "the light is off between exposures: leave it out",
    "setup": "set the instruments before the run, by `rig.call` or a preset",
    "sequence": "write a sequence for each position, and join them by combine(..., axis='p')",
    "properties": "put them into a channel's preset",
    "slm_image": "write it as stim_channels",
    "roi": "set the camera's region before the run",
    "action": "leave it out, or write wait() or confirm() in its place",
    "group": "name a channel's preset by config alone",
    "camera": "choose the camera in the rig file, [runs] camera",
    "prioritize_duration": "every time point is acquired here: leave it out",
}


def is_useq(value: Any) -> bool:
    """Tell whether something is an object of useq-schema, or a list of such, without importing it.

    Examples
    --------
    >>> import useq
    >>> is_useq(useq.MDASequence(channels=["nucleus"])), is_useq([useq.MDAEvent()]), is_useq({"channels": []})
    (True, True, False)
    """
    if isinstance(value, list | tuple):
        return bool(value) and all(is_useq(item) for item in value)
    return type(value).__module__.partition(".")[0] == "useq"


def is_useq_data(data: Any) -> bool:
    """Tell whether plain data of a file is useq-schema's: a list of events, or a field that only it has.

    What it writes without any such field is read as a plan of our own: the words are the same.
    """
    if isinstance(data, Mapping):
        return "type" not in data and any(name in data for name in _THEIRS)
    return isinstance(data, list) and bool(data) and all(isinstance(event, Mapping) for event in data)


def plan_from_useq_data(data: Any, where: str) -> Sequence:
    """Return the plan that plain data of useq-schema describes; `where` is what an error calls it.

    Raises
    ------
    BadInputError
        As `plan_from_useq`, and if useq-schema is not installed, or finds a mistake.
    """
    try:
        import useq
    except ImportError as error:
        raise BadInputError(f"{where} is of useq-schema: install parfocal[useq]") from error
    try:
        if isinstance(data, Mapping):
            return plan_from_useq(useq.MDASequence(**data))
        return plan_from_useq([useq.MDAEvent(**event) for event in data])
    except (ValueError, TypeError) as error:  # a BadInputError is a ValueError, too
        raise BadInputError(f"{where}: {error}") from error


def plan_from_useq(given: MDASequence | Iterable[MDAEvent]) -> Sequence:
    """Return the plan that a sequence of useq-schema describes, or a list of its events.

    Events have to be those of one sequence: each with an index, the same places and channels along it.
    Planes around a position without z are told from where the stage stands; useq-schema takes 0 there.

    Raises
    ------
    BadInputError
        Naming the field that cannot be said here, its value, and what to do.

    Examples
    --------
    >>> import useq
    >>> theirs = useq.MDASequence(channels=["nucleus"], time_plan={"interval": 5, "loops": 2})
    >>> plan = plan_from_useq(theirs)
    >>> plan == plan_from_useq(list(theirs))
    True
    >>> [(event.channel, event.min_start_time) for event in plan]
    [('nucleus', 0.0), ('nucleus', 5.0)]
    """
    import useq

    if isinstance(given, useq.MDASequence):
        return _from_sequence(given)
    from parfocal.runs.plans.useq_events import sequence_of_events

    events = listed(given, "a plan of useq-schema")
    for place, event in enumerate(events):
        if not isinstance(event, useq.MDAEvent):
            raise BadInputError(f"event {place}: expected a useq.MDAEvent, got {event!r}")
    return sequence_of_events(events)


def plan_to_useq(plan: Plan) -> MDASequence:
    """Return a plan as a sequence of useq-schema.

    Raises
    ------
    BadInputError
        Naming what useq-schema cannot say: waits, questions, stimuli, references, batches, powers, and
        places that are told from where the stages stand.

    Examples
    --------
    >>> plan = Sequence(channels=["nucleus"], stage_positions=[(0, 0, 5)], z_plan={"range": 2, "step": 1})
    >>> [event.z_pos for event in plan_to_useq(plan)]
    [4.0, 5.0, 6.0]
    >>> from parfocal.runs import wait
    >>> plan_to_useq(wait(5))
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: useq-schema has no 'wait': export the sequences one by one
    """
    import useq

    if not isinstance(plan, Sequence):
        kind = plan_to_data(plan)["type"]
        raise BadInputError(f"useq-schema has no {kind!r}: export the sequences one by one")
    if plan.needs_origin:
        axes = ", ".join(sorted(plan.needs_origin))
        raise BadInputError(
            f"the plan depends on where the stages stand along {axes}; export at_origin(plan, ...)"
        )
    data = plan_to_data(plan)
    del data["type"]
    for name, value in data.items():
        if name not in _SEQUENCE:
            raise BadInputError(f"{name}: useq-schema cannot say {value!r}; export the plan without it")
    if not data.keys() & {"stage_positions", "channels", "time_plan", "z_plan"}:
        raise BadInputError("useq-schema has no events for an empty sequence; name a channel")
    for place, channel in enumerate(data.get("channels", ())):
        if "power" in channel:
            raise BadInputError(
                f"channels[{place}].power: useq-schema cannot say {channel['power']!r}; set it in the preset"
            )
    if any("z_offset" in channel for channel in data.get("channels", ())):
        data.setdefault("z_plan", {"relative": [0]})  # without planes useq-schema leaves offsets out
    if "stage_positions" in data:
        data["stage_positions"] = [_exported(place) for place in plan.places]
    return useq.MDASequence(**data)


def told(model: BaseModel, known: Iterable[str], where: str) -> dict[str, Any]:
    """Return those fields of an object of useq-schema that are not as by default.

    Raises
    ------
    BadInputError
        If one of them is not known here; names it, its value and what to do instead.
    """
    found = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if value == field.get_default(call_default_factory=True):
            continue
        if name not in known:
            instead = _INSTEAD.get(name, "leave it out")
            raise BadInputError(f"{where}{name}: {value!r} of useq-schema cannot be done here; {instead}")
        found[name] = value
    return found


def _from_sequence(given: MDASequence) -> Sequence:
    fields = told(given, _SEQUENCE, "")
    order = "".join(given.axis_order)
    for axis, name in zip("tpcz", ("time_plan", "stage_positions", "channels", "z_plan"), strict=True):
        if name in fields and axis not in order:
            raise BadInputError(f"axis_order: {order!r} lacks {axis!r}, and {name} is given; add it")
    fields["axis_order"] = "".join(dict.fromkeys(order + AXES))
    if not fields.keys() & {"stage_positions", "channels", "time_plan", "z_plan"}:
        raise BadInputError(
            "a sequence of useq-schema without channels, positions, times and planes has no events"
        )
    if "time_plan" in fields:
        fields["time_plan"] = _phases(given.time_plan)
    if "z_plan" in fields:
        fields["z_plan"] = fields["z_plan"].model_dump()
    if "stage_positions" in fields:
        fields["stage_positions"] = [
            imported_position(place, f"stage_positions[{number}].")
            for number, place in enumerate(given.stage_positions)
        ]
    fields["channels"] = [
        told(channel, _CHANNEL, f"channels[{number}].") for number, channel in enumerate(given.channels)
    ]
    for place, channel in enumerate(fields["channels"]):
        if "z_offset" in channel and "z_plan" not in fields:
            raise BadInputError(
                f"channels[{place}].z_offset: {channel['z_offset']!r} does nothing in useq-schema without a "
                "z_plan, and would here; give z_plan {'relative': [0]}, or leave it out"
            )
    return Sequence(**fields)


def _phases(plan: Any) -> list[Mapping[str, Any]]:
    phases = getattr(plan, "phases", None)
    if phases is not None:
        told(plan, ("phases",), "time_plan.")
    return [
        told(phase, _PHASE, f"time_plan[{number}].")
        for number, phase in enumerate([plan] if phases is None else phases)
    ]


def imported_position(place: Any, where: str) -> dict[str, Any]:
    """Return a position of useq-schema in the words of `StagePosition`."""
    fields = told(place, (*_POSITION, *_WELL), where)
    row, col = (fields.pop(name, None) for name in _WELL)
    return fields if row is None or col is None else fields | {"row": row, "col": col}


def _exported(place: StagePosition) -> dict[str, Any]:
    fields = {name: getattr(place, name) for name in _POSITION if getattr(place, name) not in (None, "")}
    if place.well:
        raise BadInputError(f"stage_positions: useq-schema cannot say well {place.well!r}; leave it out")
    return fields
