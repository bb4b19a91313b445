"""The exposures and autofocuses of a sequence as events: light, place and dose along its axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from parfocal.core.event_kinds import EventKind
from parfocal.runs.plans.channels import AS_IT_IS, PlanChannel
from parfocal.runs.plans.event import Event
from parfocal.runs.plans.frame_choice import chosen

if TYPE_CHECKING:
    from parfocal.runs.plans.sequence import Sequence


class Light(NamedTuple):
    """A channel of a sequence, with what it is used for."""

    kind: EventKind
    channel: PlanChannel


class Exposures:
    """Makes the events of a sequence, whose positions and channels lie somewhere along the axes of a plan.

    Parameters
    ----------
    sequence : Sequence
        What is to be done.
    t : int
        What is added to its t.
    p, c : tuple of int
        For each of its own positions and channels, which it is along the plan's axes.
    """

    def __init__(self, sequence: Sequence, t: int, p: tuple[int, ...], c: tuple[int, ...]) -> None:
        stack = sequence.z_plan
        on_top = stack is None or stack.is_relative
        self._t, self._c = t, (-1, *c) if sequence.autofocus else c
        self._autofocus, self._p = sequence.autofocus, p
        self._for_all = sequence.autofocus is not None and sequence.autofocus.positions == "first"
        self._on_top = on_top
        self._planes = stack.planes_um if stack else (0.0,)
        self._middle = len(self._planes) // 2
        self._heights = tuple(place.z if on_top else 0.0 for place in sequence.places)
        self._lights = tuple(
            (kind, one.config, one.z_offset, one.exposure, one.power) for kind, one in visited_of(sequence)
        )
        named = bool(sequence.stage_positions)
        self._places = tuple(
            (index, place.x, place.y, place.name or f"p{index}" if named else "", place.well)
            for index, place in zip(p, sequence.places, strict=True)
        )
        self._exposure, self._power = (
            _dose(sequence.stim_exposure, sequence),
            _dose(sequence.stim_power, sequence),
        )
        self._timed = sequence.times.is_timed
        self._metadata = sequence.metadata

    def event(self, number: int, start_s: float, place: list[int]) -> Event:
        """Return the event at one of the sequence's own places, which begins at `start_s` of the run."""
        t, p, c, z = place
        kind, channel, offset, exposure, power = self._lights[c]
        index, x, y, position, well = self._places[p]
        if kind != "image":
            z = self._middle
            if kind == "stimulus":
                exposure, power = self._exposure(t, exposure), self._power(t, power)
        height = self._heights[p]
        is_exposure = kind != "autofocus"
        return Event(
            number=number,
            kind=kind,
            index={"t": t + self._t, "p": index, "c": self._c[c], "z": z}
            if is_exposure
            else {"t": t + self._t, "p": index},
            min_start_time=start_s if self._timed or start_s > 0 else None,
            x_um=x,
            y_um=y,
            z_um=None if height is None else height + offset + (self._planes[z] if is_exposure else 0.0),
            position=position,
            well=well,
            channel=channel,
            exposure_ms=exposure,
            power=power,
            autofocus=None if is_exposure else self._autofocus,
            shifted_p=() if is_exposure else self._p if self._for_all else (index,),
            follows_focus=self._on_top and height is not None,
            metadata=self._metadata,
        )


def _dose(dose: Any, sequence: Sequence) -> Callable[[int, float | None], float | None]:
    """Return what tells the dose of a time point, and takes what the channel has where there is no other."""
    if not isinstance(dose, tuple):
        return lambda _t, own: own if dose is None else dose
    stimulated = chosen(sequence.stim_frames, len(sequence.times), "stim_frames")
    doses = dict(zip(stimulated, dose, strict=True))
    return lambda t, _own: doses[t]


def visited_of(sequence: Sequence) -> list[Light]:
    """Return what is done at each place of a sequence: its autofocus, then what it has along c."""
    lights, autofocus = lights_of(sequence), sequence.autofocus
    if autofocus is None:
        return lights
    named = {one.channel.config: one.channel for one in lights}
    own = named.get(autofocus.channel, PlanChannel(config=autofocus.channel))
    channel = own if autofocus.channel else lights[0].channel
    changed = {name: getattr(autofocus, name) for name in ("exposure", "power")}
    changed = {name: value for name, value in changed.items() if value is not None}
    return [Light("autofocus", replace(channel, **changed)), *lights]


def lights_of(sequence: Sequence) -> list[Light]:
    """Return what a sequence has along c: its channels, then references, then stimuli."""
    groups: tuple[tuple[EventKind, Any], ...] = (
        ("image", sequence.channels or (AS_IT_IS,)),
        ("reference", sequence.ref_channels),
        ("stimulus", sequence.stim_channels),
    )
    return [Light(kind, channel) for kind, group in groups for channel in group]
