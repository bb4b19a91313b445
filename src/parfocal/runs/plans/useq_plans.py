"""Plans of useq-schema, read and written. What one of both cannot say is refused, never left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.fields import listed

if TYPE_CHECKING:
    from useq import MDAEvent, MDASequence

    from parfocal.runs.plans.plan import Plan

_THEIRS = ("grid_plan", "autofocus_plan", "setup", "keep_shutter_open_across")


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


def plan_from_useq_data(data: Any, where: str) -> Plan:
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


def plan_from_useq(
    given: MDASequence | Iterable[MDAEvent], *, autofocus: Mapping[str, Any] | None = None
) -> Plan:
    """Return the plan that a sequence of useq-schema describes, or a list of its events.

    Events have to be those of one sequence: each with an index, the same places and channels along it.
    Planes around a position without z, and grids around one without x and y, are told from where the stages
    stand; useq-schema takes 0 there. Positions that have sequences of their own are run side by side.

    Parameters
    ----------
    given : useq.MDASequence, or list of useq.MDAEvent
        What is to be done.
    autofocus : mapping, optional
        How far an ``autofocus_plan`` looks, which useq-schema does not say: ``range`` and ``step`` in um, and
        whatever else `Autofocus` has beside ``frames`` and ``positions``.

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
        from parfocal.runs.plans.useq_sequences import plan_of_sequence

        return plan_of_sequence(given, autofocus)
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
        Naming what useq-schema cannot say: waits, questions, stimuli, references, batches, powers, how an
        autofocus looks, and places that are told from where the stages stand.

    Examples
    --------
    >>> from parfocal.runs import Sequence, wait
    >>> plan = Sequence(channels=["nucleus"], stage_positions=[(0, 0, 5)], z_plan={"range": 2, "step": 1})
    >>> [event.z_pos for event in plan_to_useq(plan)]
    [4.0, 5.0, 6.0]
    >>> plan_to_useq(wait(5))
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: useq-schema has no 'wait': export the sequences one by one
    """
    from parfocal.runs.plans.useq_export import exported

    return exported(plan)
