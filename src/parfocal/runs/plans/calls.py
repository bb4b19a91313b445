"""A command of a service as a part of a plan: called, waited for, and told how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.elements import AcquirePlan, Element
from parfocal.runs.plans.event import Event
from parfocal.runs.plans.fields import listed, made
from parfocal.runs.plans.plan import Plan
from parfocal.runs.plans.sequence import Sequence
from parfocal.runs.plans.service_call import ServiceCall


class CallPlan(Element, frozen=True, kw_only=True, omit_defaults=True, tag="call"):
    """A command that is carried out for as long as it takes; see `call` and `ServiceCall`."""

    service: str
    command: str
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)
    uses: tuple[str, ...] = ()
    exposing: bool = False
    pause: str = ""
    resume: str = ""
    timeout_s: float | None = None
    stop_s: float = 10.0
    expected_s: float = 0.0
    may_repeat: bool = False

    def __post_init__(self) -> None:
        checked = self.call
        for name in ServiceCall.__struct_fields__:
            msgspec.structs.force_setattr(self, name, getattr(checked, name))

    @property
    def call(self) -> ServiceCall:
        """What is called."""
        given = {name: getattr(self, name) for name in ServiceCall.__struct_fields__}
        try:
            msgspec.json.encode(self.arguments)
        except TypeError as error:
            raise BadInputError(f"the arguments of a call must be plain data: {error}") from error
        return made(ServiceCall, given, "call")

    def event(self, number: int, start_s: float) -> Event:
        """Return its event, which begins at `start_s` of the run."""
        return Event(number=number, kind="call", min_start_time=start_s, call=self.call)


def call(
    service: str,
    command: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    uses: Iterable[str] = (),
    exposing: bool = False,
    pause: str = "",
    resume: str = "",
    timeout_s: float | None = None,
    stop_s: float = 10.0,
    expected_s: float = 0.0,
    may_repeat: bool = False,
) -> CallPlan:
    """Return a plan that has a service carry out a command, for as long as that takes.

    The run shows the progress that the command tells. Cancelled, the call is cancelled, and the run waits
    until the command has brought its instruments to rest.

    Parameters
    ----------
    service, command : str
        Whom, and what; checked before the run begins, with the arguments.
    arguments : mapping, optional
        What the command takes, by name; plain data.
    uses : iterable of str
        Further services that the command changes: nobody else changes them, or `service`, meanwhile.
    exposing : bool
        Whether the camera exposes freely as long as it lasts.
    pause, resume : str
        Commands of the service, without arguments, that hold the command and let it go on. Without them a
        pause lets the command end, and holds the run after that.
    timeout_s : float, optional
        How long the command may take; without it, without limit.
    stop_s : float
        How long the command may take to end once it is cancelled.
    expected_s : float
        How long the command is expected to take: the forecast of time and disk goes by it.
    may_repeat : bool
        Whether a run that is recovered, after its process was killed, carries the command out again when
        nobody knows how far it came. Otherwise it is told as unsure, and left out.

    Examples
    --------
    >>> event = next(call("tracker", "find_beads", {"min_distance_px": 80}).events())
    >>> event.kind, event.call.name, event.call.arguments
    ('call', 'tracker.find_beads', {'min_distance_px': 80})
    """
    return CallPlan(
        service=service,
        command=command,
        arguments=dict(arguments or {}),
        uses=tuple(listed(uses, "uses")),
        exposing=exposing,
        pause=pause,
        resume=resume,
        timeout_s=timeout_s,
        stop_s=stop_s,
        expected_s=expected_s,
        may_repeat=may_repeat,
    )


def calls_of(plan: Plan) -> tuple[ServiceCall, ...]:
    """Return what a plan has called, in order."""
    return tuple(part.call for part in _parts(plan) if isinstance(part, CallPlan))


def needs_camera(plan: Plan) -> bool:
    """Return whether anything in a plan is exposed.

    Examples
    --------
    >>> from parfocal.runs import acquire, combine, wait
    >>> turn = call("magnet", "move_to", {"position_nm": 1e6})
    >>> needs_camera(combine(turn, wait(1))), needs_camera(combine(turn, acquire(5)))
    (False, True)
    """
    return any(
        isinstance(part, Sequence | AcquirePlan) or (isinstance(part, CallPlan) and part.exposing)
        for part in _parts(plan)
    )


def _parts(plan: Plan) -> Iterator[Plan]:
    if plan.inner:
        for part in plan.inner:
            yield from _parts(part)
    else:
        yield plan
