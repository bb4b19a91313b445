"""What stands in the journal of a run, from which a run is recovered that nobody has ended. Plain data."""

from __future__ import annotations

from typing import Any, Self

import msgspec
import numpy as np

from parfocal.core.event_layout import EventLayout
from parfocal.core.modulation import PackedMask
from parfocal.runs.acquisition_mode import AcquisitionMode
from parfocal.runs.instruments.instruments import StimulusMask
from parfocal.runs.instruments.rig_facts import RigFacts
from parfocal.runs.pipeline.analysed import FrameMask, StimulusFacts
from parfocal.runs.pipeline.request import PipelineRequest
from parfocal.runs.plans.event import Event

FILE_NAME = "run.journal"
"""In the folder of a run."""
_LABEL, _PARTICLE = np.dtype("<i4"), np.dtype("<i8")
_NONE = np.empty(0, _PARTICLE)


class JournalRequest(msgspec.Struct, frozen=True, kw_only=True):
    """With what a run was started.

    Attributes
    ----------
    notes, parts, pipeline, mode, interlocks
        As `RunService.start` was given them.
    facts : RigFacts
        What the instruments were like: presets, limits, the modulator's calibration, where the stages stood.
    search_path : tuple of str
        From where the run's process imported, beside what every Python has.
    """

    notes: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    pipeline: PipelineRequest | None = None
    mode: AcquisitionMode | None = None
    interlocks: tuple[dict[str, Any], ...] = ()
    facts: RigFacts = RigFacts()
    search_path: tuple[str, ...] = ()


class Began(msgspec.Struct, frozen=True, kw_only=True, tag="began"):
    """The run began, or went on.

    Attributes
    ----------
    run : str
        Its name.
    at : float
        When, seconds since 1970 UTC.
    boot : str
        Which start of the computer it was; "" if the system does not tell.
    first : int
        Number of its first event: 0, or of that with which it went on.
    plan : dict
        What was asked from there on; empty for a run that was recovered, whose plan is the one before.
    layout : EventLayout or None
        Where the frames of its events lie; None if it has none.
    request : JournalRequest
        With what else it was started.
    """

    run: str
    at: float
    boot: str = ""
    first: int = 0
    plan: dict[str, Any] = {}
    layout: EventLayout | None = None
    request: JournalRequest = JournalRequest()


class Replanned(msgspec.Struct, frozen=True, kw_only=True, tag="replanned"):
    """The plan has changed: `plan` stands in place of all events from `first` on; -1: it was appended."""

    first: int
    plan: dict[str, Any]
    layout: EventLayout | None = None


class Announced(msgspec.Struct, frozen=True, tag="announced", omit_defaults=True):
    """The event may begin from now on; on stable storage before that. Of events that are done once alone."""

    number: int


class JournalledMask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From which image the mask of a stimulus was made, and the cells in that.

    Attributes
    ----------
    image_event, frame : int
        Of the image, as in `StimulusMask`.
    image_ns, mask_ns : int
        As in `FrameMask`.
    is_older : bool
        Whether the stimulus had to take an older mask than it wanted.
    labels, particles : bytes
        Of the cells: 4 and 8 bytes each, the lowest first; no particles where cells are not followed.
    """

    image_event: int
    frame: int
    image_ns: int
    mask_ns: int
    is_older: bool = False
    labels: bytes = b""
    particles: bytes = b""

    @classmethod
    def of(cls, mask: FrameMask, *, is_older: bool) -> Self:
        """Return what is kept of a mask."""
        label, particle = mask.columns.get("label", _NONE), mask.columns.get("particle", _NONE)
        return cls(
            image_event=mask.stimulus.image_event,
            frame=mask.stimulus.frame,
            image_ns=mask.image_ns,
            mask_ns=mask.mask_ns,
            is_older=is_older,
            labels=label.astype(_LABEL, copy=False).tobytes(),
            particles=particle.astype(_PARTICLE, copy=False).tobytes(),
        )

    def facts(self, image: Event) -> StimulusFacts:
        """Return what is known of the stimulus, whose image was taken by event `image`; no pixel of its mask.

        Examples
        --------
        >>> kept = JournalledMask(image_event=4, frame=9, image_ns=0, mask_ns=1, labels=bytes([1, 0, 0, 0]))
        >>> kept.facts(Event(number=4, kind="image")).mask.columns
        {'label': array([1], dtype=int32)}
        """
        columns = {"label": np.frombuffer(self.labels, _LABEL)}
        if self.particles:
            columns["particle"] = np.frombuffer(self.particles, _PARTICLE)
        pixels = PackedMask(mask=b"", shape=(0, 0), hash=0)
        return StimulusFacts(
            mask=FrameMask(
                stimulus=StimulusMask(image_event=self.image_event, frame=self.frame, packed=pixels),
                event=image,
                image_ns=self.image_ns,
                mask_ns=self.mask_ns,
                columns=columns,
            )
        )


class Begun(msgspec.Struct, frozen=True, tag="begun", omit_defaults=True):
    """The event begins now. Of events that are done once alone; `mask` is that of a stimulus that has one."""

    number: int
    mask: JournalledMask | None = None


class EndedRun(msgspec.Struct, frozen=True, tag="ended"):
    """The run has ended in order: what was announced, and has not begun, did not."""


class Settled(msgspec.Struct, frozen=True, tag="settled", omit_defaults=True):
    """The event is done, or declared dropped.

    Attributes
    ----------
    number : int
        Of the event.
    row : bytes
        Its row in the log of the run's events.
    frames : int
        Of the camera, meanwhile.
    is_done : bool
        Whether it counts as acquired: also an autofocus that has found no focus.
    mask_is_older : bool
        Whether a stimulus had to take an older mask than it wanted.
    """

    number: int
    row: bytes
    frames: int = 0
    is_done: bool = True
    mask_is_older: bool = False


class DecidedCondition(msgspec.Struct, frozen=True, kw_only=True, tag="decided", omit_defaults=True):
    """A condition of the plan was decided; on stable storage before anything follows from that.

    Attributes
    ----------
    number : int
        Of the event at which the condition is asked for.
    met, text : bool, str
        Whether it was met, and what was known of its values.
    then : str
        What follows where it was not met: "go on", "skip", "end" or "fail"; "" before the run has come to it.
    first, until : int
        It leaves out the events from `first` on that come before `until`.
    """

    number: int
    met: bool
    text: str
    then: str = ""
    first: int = 0
    until: int = 0


class Remembered(msgspec.Struct, frozen=True, tag="remembered"):
    """What a pipeline remembers of position `p` after an image: the parts of a `RememberedPosition`."""

    p: int
    parts: tuple[bytes, ...]


Entry = Began | Replanned | Announced | Begun | EndedRun | Settled | DecidedCondition | Remembered


def may_repeat(event: Event) -> bool:
    """Return whether an event may be carried out again when nobody knows how far it came.

    Examples
    --------
    >>> [
    ...     may_repeat(Event(number=0, kind=kind))
    ...     for kind in ("image", "autofocus", "wait", "stimulus", "acquire")
    ... ]
    [True, True, True, False, False]
    """
    if event.call is not None:
        return event.call.may_repeat
    return event.kind not in ("stimulus", "acquire")
