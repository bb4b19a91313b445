"""One thing that a plan asks for: an exposure, an autofocus, a wait, a question, a call. Plain data."""

from __future__ import annotations

from typing import Any

import msgspec

from parfocal.core.event_kinds import EventKind
from parfocal.runs.plans.autofocus import Autofocus
from parfocal.runs.plans.condition_check import ConditionCheck, Watch
from parfocal.runs.plans.service_call import ServiceCall

EXPOSURES = ("image", "reference", "stimulus")
"""Kinds that have an index, a place and a channel, and make a frame."""


EventLight = tuple[str, float | None, float | None]
"""A channel, an exposure in ms, and a power; None for those that the channel has by itself."""


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One exposure, wait or question of a plan.

    Attributes
    ----------
    number : int
        0, 1, 2 ... over everything in a run, waits included, in the order of execution.
    kind : str
        "image", "reference" and "stimulus" are exposures; "wait" and "confirm" hold the run, with the light
        off; "acquire" has the camera run by itself; "autofocus" looks for the focus of a position; "call" has
        a service carry out a command; "condition" waits for one, or decides what follows.
    index : dict
        "t", "p", "c" and "z" of an exposure, each from 0; "t" and "p" of an autofocus; empty for the others.
    min_start_time : float or None
        Seconds of the run's schedule before which it does not begin; None: as soon as possible.
    x_um, y_um, z_um : float or None
        Where the stages have to be, offsets included; None: they stay where they are. An autofocus looks
        around `z_um`.
    position : str
        Name of the position; "" where there is none.
    well : str
        As printed on the plate, such as "B3"; "" without a plate.
    channel : str
        Name of the channel's preset; "" leaves the light path as it is.
    exposure_ms, power : float or None
        As asked for; None leaves them as the channel has them.
    duration_s : float
        How long a wait lasts; or an "acquire" whose end is a time, 0 for one without.
    count : int or None
        How many frames of the camera an "acquire" takes; None: until it ends by itself, or is finished.
    text : str
        What a "confirm" asks.
    timeout_s : float or None
        How long it waits for the answer; None: without limit.
    autofocus : Autofocus or None
        How an "autofocus" looks.
    shifted_p : tuple of int
        The positions along p whose heights the focus shifts that an "autofocus" finds.
    follows_focus : bool
        Whether `z_um` is told from a position, so that a focus that was found there shifts it.
    call : ServiceCall or None
        What a "call" has done, and by which service.
    check : ConditionCheck or None
        What a "condition" waits for, or decides by.
    watches : tuple of Watch
        The conditions that leave it out, the outermost first.
    metadata : dict
        Of the sequence that it comes from; not to be changed.

    Examples
    --------
    >>> event = Event(number=3, kind="wait", min_start_time=20.0, duration_s=10.0)
    >>> event.index, event.is_exposure
    ({}, False)
    """

    number: int
    kind: EventKind
    index: dict[str, int] = {}
    min_start_time: float | None = None
    x_um: float | None = None
    y_um: float | None = None
    z_um: float | None = None
    position: str = ""
    well: str = ""
    channel: str = ""
    exposure_ms: float | None = None
    power: float | None = None
    duration_s: float = 0.0
    count: int | None = None
    text: str = ""
    timeout_s: float | None = None
    autofocus: Autofocus | None = None
    shifted_p: tuple[int, ...] = ()
    follows_focus: bool = False
    call: ServiceCall | None = None
    check: ConditionCheck | None = None
    watches: tuple[Watch, ...] = ()
    metadata: dict[str, Any] = {}

    @property
    def light(self) -> EventLight:
        """The light that it asks for."""
        return self.channel, self.exposure_ms, self.power

    @property
    def is_exposure(self) -> bool:
        """Whether light or camera act at a place: an image, a reference or a stimulus."""
        return self.kind in EXPOSURES

    @property
    def is_placed(self) -> bool:
        """Whether it has a place and a light: an exposure, or an autofocus."""
        return self.kind in EXPOSURES or self.kind == "autofocus"

    @property
    def targets_um(self) -> dict[str, float]:
        """Where it wants the axes, um; those that stay are left out.

        Examples
        --------
        >>> Event(number=0, kind="image", x_um=3.0, z_um=0.0).targets_um
        {'x': 3.0, 'z': 0.0}
        """
        asked = {"x": self.x_um, "y": self.y_um, "z": self.z_um}
        return {name: target for name, target in asked.items() if target is not None}


def is_stimulus(event: Event | None) -> bool:
    """Whether an event is a stimulus; none at all is not."""
    return event is not None and event.kind == "stimulus"
