"""Has a camera take events that follow one another as one sequence, and hands their frames out."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from parfocal.core.counted import counted
from parfocal.core.errors import FrameLostError
from parfocal.core.frames import FrameHeader
from parfocal.core.sequences import ExpectedSequence, SequenceLimits
from parfocal.runs.instruments.sequenced_events import LONGEST_MS

if TYPE_CHECKING:
    from parfocal.ipc import Call
    from parfocal.runs.instruments.calling import InstrumentCalls
    from parfocal.runs.plans.event import Event

T = TypeVar("T")
_TAKEN = list[FrameHeader | None]


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
        call = self._calls.begin(
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
        taken = counted(left, "image of a sequence was", "images of a sequence were")
        return f"{taken} taken beyond the last event" if left else ""


def _changing(values: list[T]) -> tuple[T, ...]:
    """Return values that differ; none if they do not."""
    return tuple(values) if len(set(values)) > 1 else ()
