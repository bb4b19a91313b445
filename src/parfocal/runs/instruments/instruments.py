"""What a run needs of instruments and recorder: the only seam between the engine and all that it moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from parfocal.core.errors import ParfocalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from parfocal.core.event_layout import EventLayout
    from parfocal.core.frames import FrameHeader
    from parfocal.core.modulation import PackedMask, ShownMask
    from parfocal.core.run_status import QueueDepth, RunCommand
    from parfocal.runs.acquisition_mode import AcquisitionMode
    from parfocal.runs.forecast.device_times import PlacedParts
    from parfocal.runs.machine.counts import EventCounts
    from parfocal.runs.machine.inputs import CallOutcome
    from parfocal.runs.machine.tasks import Ending
    from parfocal.runs.plans.event import Event
    from parfocal.runs.plans.service_call import ServiceCall


class AbortedError(ParfocalError):
    """What was under way was ended by `Instruments.abort`."""


class InstrumentRestartedError(ParfocalError):
    """An instrument ended meanwhile, and is there again; ``source`` is its name."""

    def __init__(self, message: str, source: str) -> None:
        super().__init__(message)
        self.source = source


class RunStreams(Protocol):
    """Streams that a run writes itself, to be recorded beside those of its camera. Any thread."""

    @property
    def rows(self) -> tuple[str, ...]:
        """Its streams of rows, to be recorded."""
        ...

    @property
    def frames(self) -> dict[str, EventLayout]:
        """Its streams of frames, to be recorded, and where their frames lie."""
        ...

    @property
    def blocking(self) -> tuple[str, ...]:
        """Those whose writer is to wait for a slow disk, so that nothing is lost."""
        ...

    @property
    def losses(self) -> dict[str, int]:
        """How much found no room and was given up, by reason."""
        ...

    def relayout(self, layout: EventLayout) -> AbstractContextManager[dict[str, EventLayout]]:
        """Take the layout of a plan that has grown; lend `frames` while nothing is written."""
        ...


@dataclass(frozen=True, kw_only=True)
class RunStart:
    """With what a run begins.

    Attributes
    ----------
    run : str
        Its name.
    plan : dict
        What was asked, as plain data, for the record.
    layout : EventLayout or None
        Where the frames of its events lie; None if it has none.
    folder : str
        Where records go; "" as the recorder has it.
    continues : str
        Folder of the record that goes on; "" for a new one.
    recovers : bool
        Whether it completes what was cut short there.
    notes : dict
        Of whoever asked for it: the record holds them beside the plan.
    settings : dict
        What the record shall hold beside the settings of the services.
    by_force : bool
        Whether instruments are used that others hold.
    has_masks : bool
        Whether its stimuli have masks; without them they light the whole field.
    rows : tuple of str
        Streams of rows that the record holds.
    mode : AcquisitionMode or None
        What is recorded beside the rows of devices; None: what the recorder's settings name.
    analysis : RunStreams or None
        What the record holds of its pipeline, if it has one.
    """

    run: str
    plan: dict[str, Any]
    layout: EventLayout | None = None
    folder: str = ""
    continues: str = ""
    recovers: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    by_force: bool = False
    has_masks: bool = False
    rows: tuple[str, ...] = ()
    mode: AcquisitionMode | None = None
    analysis: RunStreams | None = None


@dataclass(frozen=True, kw_only=True)
class ExposedFrame:
    """A frame that was taken, and where and with what, as read back; None: not known.

    `light_s` is how long it took to let the light through; None if that was not needed. `sequenced` tells
    that the instruments have timed it themselves, in a sequence with others.
    """

    header: FrameHeader
    x_um: float | None = None
    y_um: float | None = None
    z_um: float | None = None
    power: float | None = None
    light_s: float | None = None
    sequenced: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class StimulusMask:
    """Where a stimulus lights, and the image from which that was decided.

    Attributes
    ----------
    image_event : int
        Number of the event that took the image.
    frame : int
        Number of the image as the camera counts it.
    packed : PackedMask
        In pixels of the camera's image.
    """

    image_event: int
    frame: int
    packed: PackedMask

    @property
    def mask(self) -> NDArray[np.uint8]:
        """The same as an image (y, x), a new one: 0 is dark, 255 is lit."""
        return self.packed.unpacked()


@dataclass(frozen=True, kw_only=True)
class FiredStimulus:
    """A stimulus that was fired, as read back.

    Attributes
    ----------
    exposed : ExposedFrame
        Its frame of the camera.
    shown : ShownMask or None
        What the modulator showed; None without one.
    shutter : bool or None
        Whether the shutter of the light was open; None if it has none.
    fired_ns : int
        When the exposure began, on the monotonic clock.
    """

    exposed: ExposedFrame
    shown: ShownMask | None
    shutter: bool | None
    fired_ns: int


@dataclass(frozen=True, kw_only=True)
class AcquiredFrames:
    """How the camera ran by itself.

    Attributes
    ----------
    frames : int
        How many, those that the camera lost included.
    whole : bool
        Whether to its count, or its own end.
    began_ns : int or None
        When the first exposure began, on the monotonic clock.
    stopped : str
        How it ended before its count although this run did not want that; "" if it did not.
    """

    frames: int
    whole: bool
    began_ns: int | None = None
    stopped: str = ""


@dataclass(frozen=True, kw_only=True)
class CalledService:
    """What a service has done for a run.

    Attributes
    ----------
    began_ns : int
        When it was asked, on the monotonic clock.
    frames : int
        How many were exposed meanwhile.
    outcome : CallOutcome
        How it ended.
    result : object
        What the command returned; None if it did not.
    error : ParfocalError or None
        Why it did not.
    """

    began_ns: int
    frames: int
    outcome: CallOutcome
    result: Any = None
    error: ParfocalError | None = None


@dataclass(frozen=True, kw_only=True)
class EventProgress:
    """How far a task is that takes long.

    Attributes
    ----------
    text, fraction : str, float or None
        Of a call: in words, and from 0 to 1; None: nobody knows.
    frames, lasted_s : int, float
        Of an acquisition.
    """

    text: str = ""
    fraction: float | None = None
    frames: int = 0
    lasted_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class RunStorage:
    """What is stored of the frames of a run, what waits to be, by stream, and why something is not."""

    stored: int = 0
    errors: tuple[str, ...] = ()
    queues: dict[str, QueueDepth] = field(default_factory=dict)

    @property
    def behind(self) -> int:
        """How many frames wait."""
        return sum(queue.depth for queue in self.queues.values())


Interfered = Callable[[str, str, str], None]
"""Takes a command, such as "xy.move", who asked for it, and in words how the run was stopped by it, or ""."""


class Instruments(Protocol):
    """All that one run uses. One thread at a time, but for what says so.

    What waits for an instrument has a limit; past it, it raises. All but `dark` may raise `CommandError`, or
    another `ParfocalError`, saying which instrument failed.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The services that the run claims."""
        ...

    def when_interfered(self, heard: Interfered) -> None:
        """Have `heard` called, in any thread, with what others do to the instruments that are claimed."""
        ...

    def look_ahead(self, events: Callable[[int], Iterator[Event]]) -> None:
        """Take what returns the events of the run from a number on, so that several may be taken as one."""
        ...

    def open(self, opening: RunStart) -> str:
        """Claim everything, lease the light, note how it is set; begin the record and return its folder."""
        ...

    def place(self, event: Event) -> PlacedParts:
        """Bring stages and light path to where an event wants them; what is there already is left.

        Returns how long that took.

        Raises
        ------
        AbortedError
            If it was aborted: where the stages stopped they stay.
        InstrumentRestartedError
            If an instrument ended: it is to be placed again.
        """
        ...

    def expose(self, event: Event, following: Event | None = None) -> ExposedFrame:
        """Take the frame of an event that is no stimulus, in its light.

        What `place` does for the event `following` it is begun as soon as it is over, as far as that can be;
        `place` waits for it.

        Raises as `place`, and `FrameLostError` for a lost frame.

        After `dark` the light is switched on again before.
        """
        ...

    def prepare(self, mask: StimulusMask) -> None:
        """Make a mask ready that is to be shown soon; nothing is lit. Any thread; waits for nothing."""
        ...

    def stimulate(self, event: Event, mask: StimulusMask | None) -> FiredStimulus:
        """Show the mask, light it as a stimulus asks, and take its frame. Raises as `expose`.

        None lights the whole field. It was placed before; after `dark` the light is switched on again.
        """
        ...

    def focus(self, event: Event) -> float:
        """Look for the focus as an autofocus wants it, from where it was placed; return its height, um.

        The stage stands there then. The frames are those of no event. Raises as `expose`, and
        `FocusNotFoundError` if there is none, or it lies beyond the planes.
        """
        ...

    def acquire(self, count: int | None, duration_s: float | None = None) -> AcquiredFrames:
        """Have the camera run for `count` frames or `duration_s`, or to its own end.

        Aborted, return what came until then.
        """
        ...

    def call(self, asked: ServiceCall) -> CalledService:
        """Have a service carry out a command, and return how that ended; aborted, it is cancelled.

        The camera exposes meanwhile, if that is asked for.
        """
        ...

    def hold_call(self) -> None:
        """Have the service hold what it carries out. Any thread; waits for nothing."""
        ...

    def release_call(self) -> None:
        """Have the service go on with what it holds. Any thread; waits for nothing."""
        ...

    def progress(self) -> EventProgress:
        """Return how far an acquisition or a call is. Any thread."""
        ...

    def ready(self) -> None:
        """Forget an earlier `abort`: a new task begins. Any thread."""
        ...

    def abort(self) -> None:
        """End the exposure, autofocus, sequence or move under way. Any thread; waits for nothing."""
        ...

    def cut(self) -> None:
        """Have a sequence of images end with the exposure under way. Any thread; waits for nothing."""
        ...

    def shade(self, *, off: bool = False) -> None:
        """Hold the light back until the next exposure, as quickly as that can be undone; or switch it off."""
        ...

    def dark(self) -> None:
        """Switch all light off. Any thread; waits for nothing, and never raises."""
        ...

    def rest(self) -> None:
        """Bring everything back to how it was found, stages to their rest positions, the light off."""
        ...

    def relayout(self, layout: EventLayout | None, plan: dict[str, Any]) -> None:
        """Take the layout of a plan that has changed; the next `place` tells the recorder. Any thread."""
        ...

    def keep_commands(self, commands: tuple[RunCommand, ...], *, patiently: bool = False) -> None:
        """Have the record hold what was asked of the run, if it has one. Any thread.

        `patiently` waits for a recorder that is started again.
        """
        ...

    def storage(self) -> RunStorage:
        """Return how far the record is. Any thread."""
        ...

    def waits_for(self) -> str:
        """Return what is still to be tracked or stored of what was exposed, in a few words; "" if nothing."""
        ...

    def close(self, ending: Ending, reason: str, counts: EventCounts) -> tuple[str, str]:
        """Close the record and let go of everything; return the outcome and the reason that it holds.

        With `counts` that tell of dropped events, the run is not complete. Takes as long as the disk does.
        """
        ...
