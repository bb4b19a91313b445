"""Which events that follow one another the instruments take by themselves, one timed by the other. Pure."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from parfocal.core.sequences import SequenceLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from parfocal.runs.plans.event import Event

LONGEST_MS = 1000.0
"""How long a sequence lasts at most: so often the light is looked at, and the run tells how far it is."""
_SHORTEST_MS = 1.0
_LOOKED_AT = 10_000
_STEPS = ("heights", "places", "channels", "exposures")
"""What may change from frame to frame, as `SequenceLimits` has it."""


def sequences_of(
    events: Iterable[Event], exposure_ms: Callable[[Event], float], limits: SequenceLimits
) -> Iterator[tuple[Event, ...]]:
    """Yield events together that are taken as one; any other one by itself.

    They are images that are due when the first of them is. From one to the next that may change which the
    instruments can change by themselves.

    Parameters
    ----------
    events : iterable of Event
        Some that follow one another; no more of them is looked at than is yielded, and one.
    exposure_ms : callable
        Returns the exposure of an event.
    limits : SequenceLimits
        What the instruments do.

    Examples
    --------
    >>> from parfocal.runs.plans.event import Event
    >>> stack = [Event(number=n, kind="image", index={"z": n}, z_um=float(n)) for n in range(4)]
    >>> stepped = SequenceLimits(frames=100, heights=3)
    >>> [len(part) for part in sequences_of(stack, lambda event: 10.0, stepped)]
    [3, 1]
    >>> [len(part) for part in sequences_of(stack, lambda event: 10.0, SequenceLimits(frames=100))]
    [1, 1, 1, 1]
    """
    taken: list[Event] = []
    most, lasts_ms = limits.frames, 0.0
    for event in events:
        own_ms = max(exposure_ms(event), _SHORTEST_MS)
        if taken:
            most = min(most, _most_of(event, taken[0], exposure_ms, limits))
            lasts_ms += own_ms
        if taken and (len(taken) >= most or lasts_ms > LONGEST_MS):
            yield tuple(taken)
            taken = []
        if not taken:
            most, lasts_ms = limits.frames, own_ms
        taken.append(event)
    if taken:
        yield tuple(taken)


def _most_of(
    event: Event, first: Event, exposure_ms: Callable[[Event], float], limits: SequenceLimits
) -> int:
    """Return how many frames a sequence may have that begins with an event and has another one; 0: none."""
    is_due = (event.min_start_time or 0.0) <= (first.min_start_time or 0.0)
    if (event.kind, first.kind) != ("image", "image") or event.power != first.power or not is_due:
        return 0
    if any((one is None) is not (other is None) for one, other in zip(_at(event), _at(first), strict=True)):
        return 0
    if event.channel != first.channel and not (event.channel and first.channel):
        return 0
    steps = (getattr(limits, name) for name in _changes(event, first, exposure_ms))
    return int(min((limits.frames, *steps)))


def _at(event: Event) -> tuple[float | None, float | None, float | None]:
    return event.x_um, event.y_um, event.z_um


def _changes(event: Event, first: Event, exposure_ms: Callable[[Event], float]) -> Iterator[str]:
    """Yield in what two events differ, as `SequenceLimits` has it."""
    if event.z_um != first.z_um:
        yield "heights"
    if (event.x_um, event.y_um) != (first.x_um, first.y_um):
        yield "places"
    if event.channel != first.channel:
        yield "channels"
    if exposure_ms(event) != exposure_ms(first):
        yield "exposures"


def sequences_text(
    events: Iterable[Event], exposure_ms: Callable[[Event], float], limits: SequenceLimits
) -> str:
    """Return in words which events the instruments take by themselves, and what keeps others from that.

    Of a long plan the first 10 000 events are looked at.

    Examples
    --------
    >>> from parfocal.runs.plans.event import Event
    >>> stack = [Event(number=n, kind="image", index={"z": n}, z_um=float(n)) for n in range(4)]
    >>> sequences_text(stack, lambda event: 10.0, SequenceLimits(frames=100, heights=64))
    'its devices take 4 of 4 images by themselves, in 1 sequence'
    >>> sequences_text(stack, lambda event: 10.0, SequenceLimits(frames=100))
    'heights are set image by image: the device says that the camera cannot step it'
    """
    if limits.frames < 2:
        return ""
    events = [*islice(events, _LOOKED_AT + 1)]
    first = "" if len(events) <= _LOOKED_AT else "the first "
    events = events[:_LOOKED_AT]
    images = sum(event.kind == "image" for event in events)
    taken = [part for part in sequences_of(events, exposure_ms, limits) if len(part) > 1]
    anything = SequenceLimits(frames=limits.frames, **dict.fromkeys(_STEPS, limits.frames))
    wished = [part for part in sequences_of(events, exposure_ms, anything) if len(part) > 1]
    changing = {
        name for part in wished for event in part[1:] for name in _changes(event, part[0], exposure_ms)
    }
    told = []
    if taken:
        parts = f"{len(taken)} sequence{'s' if len(taken) > 1 else ''}"
        told.append(
            f"its devices take {sum(map(len, taken))} of {first}{images} images by themselves, in {parts}"
        )
    single = [name for name in _STEPS if name in changing and not getattr(limits, name)]
    if single:
        says = "the device says that the camera cannot step it"
        if len(single) > 1:
            says = "these devices say that the camera cannot step them"
        *others, last = single
        these = f"{', '.join(others)} and {last}" if others else last
        told.append(f"{these} are set image by image: {says}")
    return "; ".join(told)
