"""Events that follow one another and that the instruments take by themselves, one timed by the other."""

from __future__ import annotations

import threading
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from parfocal.core.errors import FrameLostError
from parfocal.core.frames import FrameHeader
from parfocal.core.sequences import ExpectedSequence, SequenceLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from parfocal.ipc import Call
    from parfocal.runs.instruments.calling import InstrumentCalls
    from parfocal.runs.plans.event import Event

T = TypeVar("T")
LONGEST_MS = 1000.0
"""How long a sequence lasts at most: so often the light is looked at, and the run tells how far it is."""
_SHORTEST_MS = 1.0
_LOOKED_AT = 10_000
_TAKEN = list[FrameHeader | None]
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


class HardwareSequences:
    """The frames of events that a camera has taken in a sequence, until they are asked for.

    One thread, but for `cut`.

    Parameters
    ----------
    calls : InstrumentCalls
        Calls the camera.
    camera : str
        A service that takes sequences; "" if there is none.
    stage, xy_stage, group : str or None
        The stages that it may step, and the channels that it may change, as the camera's service calls them;
        None: none.
    """

    def __init__(
        self,
        calls: InstrumentCalls,
        camera: str,
        stage: str | None,
        xy_stage: str | None = None,
        group: str | None = None,
    ) -> None:
        self._calls, self._camera = calls, camera
        self._stage, self._xy_stage, self._group = stage, xy_stage, group
        self._limits = SequenceLimits()
        self._taken: dict[int, tuple[Event, FrameHeader | None]] = {}
        self._lock = threading.Lock()
        self._under_way: Call | None = None
        self._is_cut = False

    def learn(self) -> None:
        """Ask what the camera takes."""
        if self._camera:
            limits: SequenceLimits = self._calls.ask(
                self._camera,
                "sequence_limits",
                self._stage or "",
                self._xy_stage or "",
                self._group or "",
                returns=SequenceLimits,
            )
            self._limits = SequenceLimits(
                frames=limits.frames,
                heights=0 if self._stage is None else limits.heights,
                places=0 if self._xy_stage is None else limits.places,
                channels=0 if self._group is None else limits.channels,
                exposures=limits.exposures,
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

    def ready(self) -> None:
        """Forget an earlier wish to cut one short."""
        self._is_cut = False

    def cut(self) -> None:
        """Have the sequence under way, or the next one until `ready`, end with the exposure under way.

        Any thread; waits for nothing.
        """
        with self._lock:
            self._is_cut, call = True, self._under_way
        if call is not None:
            self._calls.tell(self._camera, "cut_sequence", call.id)

    def expose(self, events: tuple[Event, ...], numbers: list[int], exposures_ms: list[float]) -> bool:
        """Have the camera take the frames of events, which `numbers` name in their headers.

        Returns whether it has: of a sequence that was cut short, or aborted, the last events are not known to
        `has`.
        """
        channels = [event.channel for event in events]
        heights = [event.z_um for event in events if event.z_um is not None]
        places = [(e.x_um, e.y_um) for e in events if e.x_um is not None and e.y_um is not None]
        expected = ExpectedSequence(
            events=tuple(numbers),
            exposures_ms=tuple(exposures_ms if _changing(exposures_ms) else exposures_ms[:1]),
            stage=self._stage or "",
            heights_um=_changing(heights),
            xy_stage=self._xy_stage or "",
            places_um=_changing(places),
            group=self._group or "",
            presets=_changing(channels),
        )
        call = self._calls.begin_whole(
            self._camera,
            "take_sequence",
            expected,
            end=lambda call: self._calls.tell(self._camera, "cut_sequence", call.id, True),
            limit_s=LONGEST_MS * 1e-3 * 2,
            returns=_TAKEN,
        )
        with self._lock:
            self._under_way, is_cut = call, self._is_cut
        if is_cut:
            self.cut()
        try:
            taken = self._calls.result(call)
        finally:
            self._under_way = None
        known = zip(events, taken, strict=False)
        self._taken = {event.number: (event, header) for event, header in known}
        return len(taken) == len(events)

    def forget(self) -> None:
        """Know of no frame any more."""
        self._taken = {}

    def remark(self) -> str:
        """Return in words which frames of a sequence nobody has asked for; "" if there are none."""
        left = sum(header is not None for _, header in self._taken.values())
        what = "image of a sequence was" if left == 1 else "images of a sequence were"
        return f"{left} {what} taken beyond the last event" if left else ""


def _changing(values: list[T]) -> tuple[T, ...]:
    """Return values that differ; none if they do not."""
    return tuple(values) if len(set(values)) > 1 else ()
