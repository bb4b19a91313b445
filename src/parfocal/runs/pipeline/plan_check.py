"""Whether a plan goes with a pipeline, found in one pass over its events. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from parfocal.core.counted import counted
from parfocal.core.errors import BadInputError, nearest
from parfocal.runs.pipeline.image_group import KINDS, field_of
from parfocal.runs.pipeline.messages import AnalysisJob, FrameOfChannel
from parfocal.runs.preflight import told_event

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.core.frames import FrameHeader
    from parfocal.runs.pipeline.request import PipelineRequest
    from parfocal.runs.plans.event import Event


class PlanForPipeline(msgspec.Struct, frozen=True, kw_only=True):
    """What a pipeline finds in a plan.

    Attributes
    ----------
    channel : str
        The channel that is segmented.
    channels, references : tuple of str
        All channels of images, and those of references.
    first : Event or None
        The first image.
    masked : tuple of Event
        The first stimulus in each channel that is to have a mask.
    warnings : tuple of str
        What a person should know.
    """

    channel: str = ""
    channels: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    first: Event | None = None
    masked: tuple[Event, ...] = ()
    warnings: tuple[str, ...] = ()

    def warning_of(self, text: str) -> PlanForPipeline:
        """Return it with one more warning, or as it is if that is ""."""
        return msgspec.structs.replace(self, warnings=(*self.warnings, text)) if text else self

    def trial(self, header: FrameHeader) -> AnalysisJob:
        """Return a job with all channels, for an artificial image."""
        first = self.first
        ordered = (self.channel, *(name for name in self.channels if name != self.channel))
        return AnalysisJob(
            images=tuple(FrameOfChannel(channel=name, header=header) for name in ordered),
            references=tuple(FrameOfChannel(channel=name, header=header) for name in self.references),
            position="" if first is None else first.position,
            well="" if first is None else first.well,
            metadata={} if first is None else first.metadata,
        )


def check_plan(
    events: Iterable[Event], request: PipelineRequest, *, completes: bool = False
) -> PlanForPipeline:
    """Refuse events that the pipeline can't be used with; return what it finds in them.

    Parameters
    ----------
    events : iterable of Event
        All that are to come.
    request : PipelineRequest
        The pipeline.
    completes : bool
        Whether they are left of a run that was cut short: nobody can plan them in another way.

    Raises
    ------
    BadInputError
        Naming the event by number and index, and what to do.
    """
    look = _Look(request)
    for event in events:
        if event.kind in KINDS:
            look.image(event)
        elif event.kind == "stimulus":
            look.stimulus(event)
    return look.found(completes=completes)


class _Look:
    """What a pass over the events has seen so far."""

    def __init__(self, request: PipelineRequest) -> None:
        self._request = request
        self._wanted = request.pipeline.channel
        self._current: tuple[int, int] | None = None
        self._last: dict[int, int] = {}  # the last time point of each position
        self._imaged: dict[int, int] = {}  # the last one in which the channel was imaged that is segmented
        self._twice: set[int] = set()  # positions in which it was imaged at more than one
        self._channels: dict[str, dict[str, None]] = {kind: {} for kind in KINDS}
        self._first: Event | None = None
        self._channel: str | None = self._wanted or None
        self._masked: dict[str, Event] = {}  # the first stimulus of each channel
        self._without_image: list[int] = []  # time points of stimuli
        self._checked: set[int] = set()  # identities of mappings that the plan keeps alive

    def image(self, event: Event) -> None:
        """Take an image or a reference in."""
        t, p = field_of(event)
        if (t, p) != self._current:
            if self._last.get(p) == t:
                raise BadInputError(
                    f"{told_event(event)}: for a pipeline, the images of a position at a time point "
                    "have to follow one another; write axis_order with t and p before c and z, such as 'tpcz'"
                )
            self._current = t, p
            self._last[p] = t
        self._channels[event.kind][event.channel] = None
        if event.kind == "image":
            self._metadata(event)
            self._first = self._first or event
            if self._channel is None:
                self._channel = event.channel
            if event.channel == self._channel:
                if self._imaged.get(p, t) != t:
                    self._twice.add(p)
                self._imaged[p] = t

    def stimulus(self, event: Event) -> None:
        """Take a stimulus in; what is imaged there after it would come too late."""
        self._current = None
        if self._request.pipeline.stimulate is None:
            return
        self._masked.setdefault(event.channel, event)
        t, p = field_of(event)
        if self._request.mode == "current" and self._imaged.get(p) != t:
            raise BadInputError(
                f"{told_event(event)}: its mask is made from an image in channel {self._channel or ''!r} "
                "at the same time point and position, and the plan has none before it; image that channel "
                "there, or choose stim_mode 'previous'"
            )
        if self._request.mode == "previous" and p not in self._twice and self._imaged.get(p, t) == t:
            self._without_image.append(t)

    def found(self, *, completes: bool) -> PlanForPipeline:
        """Return what was found."""
        images = self._channels["image"]
        if self._wanted and images and self._wanted not in images:
            raise BadInputError(
                f"the pipeline segments channel {self._wanted!r}, which the plan does not image; "
                f"{nearest(self._wanted, images)}"
            )
        return PlanForPipeline(
            channel=self._channel or "",
            channels=tuple(images),
            references=tuple(self._channels["reference"]),
            first=self._first,
            masked=tuple(self._masked.values()),
            warnings=(_told_without_image(self._without_image, completes),) if self._without_image else (),
        )

    def _metadata(self, event: Event) -> None:
        if id(event.metadata) in self._checked:
            return
        self._checked.add(id(event.metadata))
        for name in self._request.required_metadata:
            if name not in event.metadata:
                raise BadInputError(
                    f"{told_event(event)}: a step of the pipeline needs {name!r} in its metadata; "
                    f"{nearest(name, event.metadata)}"
                )


def _told_without_image(times: list[int], completes: bool) -> str:
    """Return what is told of stimuli at these time points that no image comes before."""
    at = ", ".join(map(str, sorted(set(times))))
    which = counted(len(times), "stimulus has no image before it", "stimuli have no image before them")
    if completes:
        return f"{which} since the run was cut short (t={at}), and no mask"
    if at == "0":
        return f"{which}: leave t=0 out of stim_frames"
    return f"{which} (t={at}): leave that out of stim_frames"
