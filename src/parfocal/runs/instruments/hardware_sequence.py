"""Events that follow one another and that the instruments take by themselves, one timed by the other."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

import msgspec

from parfocal.core.errors import FrameLostError
from parfocal.core.frames import FrameHeader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parfocal.runs.instruments.calling import InstrumentCalls
    from parfocal.runs.plans.event import Event

LONGEST_MS = 1000.0
"""A pause waits for the end of a sequence: a longer one is taken in parts."""
_TAKEN = list[FrameHeader | None]


class SequenceLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What the instruments can take by themselves.

    Attributes
    ----------
    frames : int
        How many frames at most; fewer than 2: none.
    heights : int
        For how many frames the focus is stepped at most; 0: it stays.
    channels : int
        For how many frames the channel is changed at most; 0: it stays.
    """

    frames: int = 0
    heights: int = 0
    channels: int = 0


def sequence_of(
    events: Iterator[Event], exposure_ms: Callable[[Event], float], limits: SequenceLimits
) -> tuple[Event, ...]:
    """Return the first event and those after it that can be taken with it.

    They are images at one place with one exposure that are due when the first is; their heights may differ
    if the focus can be stepped, and their channels if these can be changed.

    Parameters
    ----------
    events : iterator of Event
        The first, and what follows it.
    exposure_ms : callable
        Returns the exposure of an event.
    limits : SequenceLimits
        What the instruments take.

    Examples
    --------
    >>> from parfocal.runs.plans.event import Event
    >>> stack = [Event(number=n, kind="image", index={"z": n}, z_um=float(n)) for n in range(4)]
    >>> stepped = SequenceLimits(frames=100, heights=3)
    >>> [event.number for event in sequence_of(iter(stack), lambda event: 10.0, stepped)]
    [0, 1, 2]
    >>> len(sequence_of(iter(stack), lambda event: 10.0, SequenceLimits(frames=100)))
    1
    """
    first = next(events)
    most = min(limits.frames, int(LONGEST_MS // max(exposure_ms(first), LONGEST_MS / 1000)))
    if first.kind != "image" or most < 2:
        return (first,)
    most = min(most, limits.heights or most, limits.channels or most)
    wanted_ms = exposure_ms(first)
    following = takewhile(
        lambda event: _can_follow(event, first, limits) and exposure_ms(event) == wanted_ms, events
    )
    taken = [first]
    for event in following:
        if len(taken) >= most:
            break
        taken.append(event)
    return tuple(taken)


def _can_follow(event: Event, first: Event, limits: SequenceLimits) -> bool:
    alike = all(getattr(event, name) == getattr(first, name) for name in ("kind", "x_um", "y_um", "power"))
    lit = event.channel == first.channel or (limits.channels and event.channel and first.channel)
    has_height = (event.z_um is None) == (first.z_um is None)
    is_due = (event.min_start_time or 0.0) <= (first.min_start_time or 0.0)
    at_height = has_height and (bool(limits.heights) or event.z_um == first.z_um)
    return alike and bool(lit) and is_due and at_height


class HardwareSequences:
    """The frames of events that a camera has taken in a sequence, until they are asked for. One thread.

    Parameters
    ----------
    calls : InstrumentCalls
        Calls the camera.
    camera : str
        A service that takes sequences; "" if there is none.
    stage, group : str or None
        The stage that it may step, and the channels that it may change, as the camera's service calls them;
        None: none.
    """

    def __init__(
        self, calls: InstrumentCalls, camera: str, stage: str | None, group: str | None = None
    ) -> None:
        self._calls, self._camera, self._stage, self._group = calls, camera, stage, group
        self._limits = SequenceLimits()
        self._taken: dict[int, tuple[Event, FrameHeader | None]] = {}

    def learn(self) -> None:
        """Ask what the camera takes."""
        if self._camera:
            limits: SequenceLimits = self._calls.ask(
                self._camera,
                "sequence_limits",
                self._stage or "",
                self._group or "",
                returns=SequenceLimits,
            )
            self._limits = SequenceLimits(
                frames=limits.frames,
                heights=limits.heights if self._stage is not None else 0,
                channels=limits.channels if self._group is not None else 0,
            )

    @property
    def limits(self) -> SequenceLimits:
        """What the camera takes."""
        return self._limits

    def has(self, event: Event) -> bool:
        """Whether the frame of an event was exposed, or lost, in a sequence before."""
        known = self._taken.get(event.number)
        return known is not None and known[0] == event

    def take(self, event: Event) -> FrameHeader:
        """Return the header of the frame of an event that `has` knows; `FrameLostError` if it was lost."""
        _, header = self._taken.pop(event.number)
        if header is None:
            raise FrameLostError(f"event {event.number}: its frame was lost in a sequence", frame=-1)
        return header

    def expose(self, events: tuple[Event, ...], numbers: list[int], exposure_ms: float | None) -> None:
        """Have the camera take the frames of events, which `numbers` name in their headers."""
        heights = [event.z_um for event in events if event.z_um is not None]
        channels = [event.channel for event in events]
        taken = self._calls.ask(
            self._camera,
            "take_sequence",
            numbers,
            exposure_ms,
            heights if len(set(heights)) > 1 else [],
            channels if len(set(channels)) > 1 else [],
            self._stage or "",
            self._group or "",
            limit_s=LONGEST_MS * 1e-3 * 2,
            returns=_TAKEN,
        )
        self._taken = {event.number: (event, header) for event, header in zip(events, taken, strict=True)}

    def forget(self) -> None:
        """Know of no frame any more."""
        self._taken = {}

    def remark(self) -> str:
        """Return in words which frames of a sequence nobody has asked for; "" if there are none."""
        left = sum(header is not None for _, header in self._taken.values())
        return f"{left} images of a sequence were taken beyond the last event" if left else ""
