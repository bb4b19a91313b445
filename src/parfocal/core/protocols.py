"""The seams: narrow protocols that siblings meet through. Optional powers are protocols of their own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, get_args, runtime_checkable

import msgspec

from parfocal.core.errors import BadInputError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from parfocal.core.channels import ChannelPreset, ChannelState
    from parfocal.core.frames import FrameHeader, FrameSpec
    from parfocal.core.status import StoredCount

Batch = TypeVar("Batch", contravariant=True)
"""Frames or rows that follow one another, as a reader lends them: a `FrameBatch`, or a structured array."""

Unit = Literal["nm", "um", "mm", "deg", "turn"]
"""Of the axis of a stage."""

LENGTHS: tuple[Unit, ...] = ("nm", "um", "mm")
ANGLES: tuple[Unit, ...] = ("deg", "turn")


@runtime_checkable
class Device(Protocol):
    """Anything that is opened, brought to a safe state, and closed."""

    def open(self) -> None:
        """Take hold of the hardware. Raises `DeviceError` naming what failed; then nothing is held."""
        ...

    def make_safe(self) -> None:
        """Bring every output to its safe value. Idempotent, quick, and never raises for being closed."""
        ...

    def close(self) -> None:
        """Let go of the hardware. Idempotent."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what the device is set to now, as plain values: the record of a run keeps it."""
        ...


@runtime_checkable
class Camera(Device, Protocol):
    """A device that makes frames. Called by one thread at a time."""

    @property
    def spec(self) -> FrameSpec:
        """What its frames look like. While it is open only what is marked `reshapes` may change that."""
        ...

    def start(self, count: int | None = None) -> None:
        """Begin to expose: `count` frames, or until `stop`. Frame numbers go on from the last sequence."""
        ...

    def stop(self) -> None:
        """End the sequence. Idempotent."""
        ...

    def is_running(self) -> bool:
        """Whether a sequence is on: started, and neither stopped nor at its count."""
        ...

    def read_into(self, out: NDArray[Any], timeout_s: float) -> FrameHeader | None:
        """Wait for the next frame and fill `out` (shape and dtype of `spec`) with it.

        Returns
        -------
        FrameHeader or None
            None if no frame came within `timeout_s`; `out` is then unspecified.

        Raises
        ------
        DeviceError
            If the camera failed.
        """
        ...

    def exposure_ms(self) -> float:
        """Return the exposure of one frame, milliseconds."""
        ...

    def set_exposure_ms(self, exposure_ms: float) -> float:
        """Set the exposure; return what the camera made of it."""
        ...


@runtime_checkable
class HasLimits(Protocol):
    """A device that declares between which values its settings may lie: its host refuses others."""

    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Return the lowest and the highest value by the name of the argument, such as ``exposure_ms``."""
        ...


@runtime_checkable
class HasTimes(Protocol):
    """A device that declares how long it takes: the time of a run is predicted from that."""

    def times_s(self) -> Mapping[str, float]:
        """Return how long it takes as it is set now, in seconds, by what it does.

        Of a camera "readout": from the end of an exposure until its frame is there. Of a light "shutter": to
        open or to close it.
        """
        ...


@runtime_checkable
class TakesSettings(Protocol):
    """A device whose settings can be changed while it is open."""

    def settings_changed(self, old: Any, new: Any) -> None:
        """Apply settings that were checked; raising refuses the change, and `old` stays."""
        ...


@runtime_checkable
class HasFrameRate(Protocol):
    """A camera whose frame rate can be set."""

    def frame_rate_hz(self) -> float:
        """Return the frames in a second."""
        ...

    def set_frame_rate_hz(self, frame_rate_hz: float) -> float:
        """Set the frame rate; return what the camera made of it. The exposure may be cut to the period."""
        ...


class Axis(msgspec.Struct, frozen=True, kw_only=True):
    """One axis of a stage.

    Parameters
    ----------
    name : str
        Such as "x", "z" or "rotation".
    unit : str
        Of its positions: "nm", "um", "mm", "deg" or "turn".
    low, high : float
        The lowest and the highest position.
    speed : float
        At which it moves, units per second: the time limit of a move is computed from it.

    Examples
    --------
    >>> focus = Axis(name="z", unit="nm", low=0.0, high=1e5, speed=5e4)
    >>> focus.seconds_for(1e4)
    0.2
    """

    name: str
    unit: Unit
    low: float
    high: float
    speed: float

    def __post_init__(self) -> None:
        if self.unit not in get_args(Unit):
            raise BadInputError(
                f"axis {self.name!r}: {nearest(self.unit, get_args(Unit))}, not {self.unit!r}"
            )
        if not self.name.isidentifier():
            raise BadInputError(f"an axis is named like a variable, such as 'x', not {self.name!r}")
        if not self.low < self.high or not 0 < self.speed < math.inf:
            raise BadInputError(
                f"axis {self.name!r}: its limits must go up and its speed be positive, not "
                f"{self.low}, {self.high} {self.unit} and {self.speed} {self.unit}/s"
            )

    def check(self, position: float) -> None:
        """Refuse a position that is beyond the limits, or no number, with `BadInputError`."""
        if not self.low <= position <= self.high:
            raise BadInputError(
                f"{self.name} cannot go to {position} {self.unit}; its limits are {self.low} to {self.high} "
                f"{self.unit}"
            )

    def seconds_for(self, distance: float) -> float:
        """Return how long a move over `distance` lasts at this speed, seconds."""
        return abs(distance) / self.speed


@runtime_checkable
class CountsFrames(Protocol):
    """A camera that counts what it takes, whether anybody gets it or not."""

    def next_frame(self) -> int:
        """Return the number that the next frame will have: frames before it that did not come are lost."""
        ...


@runtime_checkable
class CanResume(Protocol):
    """A camera whose sequence can be taken up where it was interrupted, such as one that plays a movie."""

    @property
    def first_frame(self) -> int:
        """Number of the frame with which the newest sequence began; negative if it began before `open`."""
        ...

    def resume(self, done: int, count: int | None = None) -> None:
        """Go on with a sequence of which `done` frames are done: `count` more, or to its end.

        Nothing is begun if it was over.
        """
        ...


@runtime_checkable
class TakesEvents(Protocol):
    """A camera, simulated or replayed, that wants to know which event of a plan its next frame is for."""

    def next_event(self, event: int, run_time_s: float | None, index: Mapping[str, int]) -> None:
        """Take note of it, before `start`; it counts for the next frame alone.

        Parameters
        ----------
        event : int
            The frame's number in the plan, as its header will tell it.
        run_time_s : float or None
            When the plan has it, seconds of run time: pauses do not count. None if it has no time.
        index : mapping of str to int
            Its place in the plan by axis, such as ``{"t": 3, "p": 0, "c": 1}``; empty if nobody tells.
        """
        ...


@runtime_checkable
class CanAbort(Protocol):
    """A camera that can end an exposure at once."""

    def abort(self) -> None:
        """End the sequence now, the exposure under way with it: its frame never comes. Any thread."""
        ...


@runtime_checkable
class Stage(Device, Protocol):
    """A device that moves something along named axes, each in a unit of its own: a focus, a magnet, x and y.

    Any thread may call it, one at a time, but for `halt` and `make_safe`, which may come at any time.
    """

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Its axes with their limits and speeds as they are now; their names and units stay as they are."""
        ...

    def position(self, axis: str) -> float:
        """Return the position read back now, in the unit of the axis; `BadInputError` for an unknown axis."""
        ...

    def move_to(self, targets: Mapping[str, float]) -> None:
        """Begin to move all axes that `targets` names, together; returns at once.

        Raises
        ------
        BadInputError
            For an unknown axis, or a target beyond the limits of its axis; nothing moves then.
        """
        ...

    def is_moving(self, axis: str) -> bool:
        """Whether `axis` is not yet at its target."""
        ...

    def halt(self) -> None:
        """Stop every axis where it is."""
        ...


@runtime_checkable
class HasSpeed(Protocol):
    """A stage whose speeds can be set."""

    def set_speed(self, axis: str, speed: float) -> float:
        """Set the speed of an axis, units per second; return what the stage made of it."""
        ...


@runtime_checkable
class LightSource(Device, Protocol):
    """A lamp, laser or LED line. Its safe value is off."""

    def power(self) -> float:
        """Return the power read back, as a fraction of the maximum, 0 to 1."""
        ...

    def set_power(self, fraction: float) -> None:
        """Set the power, 0 to 1; raises `BadInputError` outside."""
        ...


@runtime_checkable
class HasShutter(Protocol):
    """A light with a shutter before it: it reaches the sample with power, through an open shutter.

    Its safe value is no power behind a closed shutter; so it is opened and closed with the device, too.
    """

    def shutter_is_open(self) -> bool:
        """Whether light passes, read back."""
        ...

    def set_shutter(self, opened: bool) -> None:
        """Open or close it; returns when it has arrived. Raises `DeviceError` if it does not."""
        ...


@runtime_checkable
class LightModulator(Device, Protocol):
    """A device of many pixels before a light, each of which lets it through or not, such as a DMD.

    Its safe value is that none does, which `make_safe` brings about, and it is so when it is opened. A device
    that `HasLimits` may declare ``lit_fraction``: how many of its pixels may be lit at once, 0 to 1.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Its pixels, (y, x)."""
        ...

    def show(self, pattern: NDArray[np.uint8]) -> None:
        """Show a pattern of `shape`, 0 for dark and else lit; returns when it is shown.

        Raises
        ------
        BadInputError
            For another shape; what was shown stays.
        DeviceError
            If it failed.
        """
        ...

    def shown(self) -> NDArray[np.uint8]:
        """Return what it shows, read back, 0 or 1: an array of the caller's own."""
        ...


@runtime_checkable
class TakesPackedMask(Protocol):
    """A light modulator whose pixels are bits on their way to it: a mask is packed once, before it is shown.

    Bits are those of `parfocal.core.modulation.pack_mask`: row after row, with zeros behind the last pixel.
    """

    def show_packed(self, bits: bytes) -> None:
        """Do as `LightModulator.show` with a packed pattern; raises as that does."""
        ...

    def shown_packed(self) -> bytes:
        """Return what it shows, read back, packed."""
        ...


@runtime_checkable
class TellsMask(Protocol):
    """A light modulator that says whether it can tell its mask: if not, `shown` is what it took last."""

    @property
    def reads_back(self) -> bool:
        """Whether `shown` is read back from it, once it is open."""
        ...


@runtime_checkable
class LightPath(Device, Protocol):
    """A wheel or a turret with filters, one of which is in the way of the light."""

    @property
    def filters(self) -> tuple[str, ...]:
        """Their names."""
        ...

    def filter(self) -> str:
        """Return which one is in the way, read back; "" while it moves."""
        ...

    def select(self, name: str) -> None:
        """Begin to bring another one into the way; returns at once. `BadInputError` for an unknown one."""
        ...


@runtime_checkable
class HasSwitchTimes(Protocol):
    """A light path, or channels, that declare how long it takes to change from one to another."""

    def switch_s(self, before: str, after: str) -> float:
        """Return that in seconds; `before` is "" where nobody knows how it stands."""
        ...


@runtime_checkable
class Channels(Device, Protocol):
    """What makes the channel of an image, set as one thing by the name of a preset.

    Called by one thread at a time, but for `make_safe`, which may come at any time.
    """

    @property
    def presets(self) -> Mapping[str, ChannelPreset]:
        """What can be set, by name."""
        ...

    def set_channel(
        self, name: str, exposure_ms: float | None = None, power: float | None = None
    ) -> ChannelState | None:
        """Begin to set a preset, in the dark; an exposure or a power that is given replaces the preset's own.

        Returns
        -------
        ChannelState or None
            What was read back, if everything has settled by now; None if that has to be waited for.

        Raises
        ------
        BadInputError
            For an unknown name, or a value that it doesn't take; nothing was changed then.
        DeviceError
            If a device failed.
        """
        ...

    def is_settled(self) -> bool:
        """Whether everything has arrived, and settled. Raises `DeviceError` if something never will."""
        ...

    def set_lit(self, lit: bool) -> ChannelState:
        """Let the light of the channel reach the sample, or not; return what is read back when it does."""
        ...

    def channel(self) -> ChannelState:
        """Return what everything stands at, read back."""
        ...

    def restore(self, lit: bool = False) -> None:
        """Put back what was found before the first `set_channel`; light goes on again only if `lit`."""
        ...


@runtime_checkable
class SwitchesChannels(Protocol):
    """Channels that can change no more than differs, for somebody who uses lights and camera alone."""

    def switch_channel(
        self, name: str, exposure_ms: float | None = None, power: float | None = None
    ) -> ChannelState | None:
        """Begin to set a preset as `Channels.set_channel` does, but ask neither the camera nor what is dark.

        A light that was left dark by the channels, with the power that it is to have, is not asked again. The
        exposure is set by whoever exposes; what is read back from then on is without it.
        """
        ...


@runtime_checkable
class HasVersions(Protocol):
    """A device that knows the versions of what it drives: a firmware, a vendor's library, a serial number."""

    def versions(self) -> dict[str, str]:
        """Return them; the record of a run keeps them. Called by any thread: touch no hardware."""
        ...


@runtime_checkable
class SavesRecord(Protocol):
    """A device that gives files to the record of a run, such as the calibration that it goes by."""

    def save_record(self, folder: Path, *, at_end: bool) -> None:
        """Write them into `folder`, when a run begins and when it ends. Any thread: touch no hardware."""
        ...


@runtime_checkable
class CanFail(Protocol):
    """A simulated device that can be told to fail."""

    def inject_fault(self, kind: str, **details: Any) -> None:
        """Make the fault `kind` happen; raises `BadInputError` naming the kinds that exist."""
        ...


@runtime_checkable
class KnowsTruth(Protocol):
    """A simulated camera that knows what its frames show."""

    @property
    def truth_dtype(self) -> np.dtype[Any]:
        """The structured type of the rows that `ground_truth` returns."""
        ...

    def ground_truth(self, frame: int) -> NDArray[Any]:
        """Return a structured array of what frame number `frame` shows, one row for each object."""
        ...


class Sink(Protocol[Batch]):
    """Where the frames or the rows of one stream go, such as an image or a table on disk.

    The sink decides where each of them lies: by its number in the run, or by the plan's event that it was
    taken for. It is used by one thread at a time, which may be another one after a restart of the recorder.

    Attributes
    ----------
    patience_s : float
        What waits in the stream is appended after so long, even if it is less than `batch`.
    """

    patience_s: float

    @property
    def next_sequence(self) -> int:
        """Number in the stream of the frame or row that is expected next."""
        ...

    @property
    def batch(self) -> int:
        """How many frames or rows the next `append` should bring, if there are so many."""
        ...

    def append(self, items: Batch, sequence: int, *, more: bool = False) -> None:
        """Store frames or rows that follow one another; those that were stored before are left out.

        Parameters
        ----------
        items : batch
            Read during the call and not after it: whoever lends them takes them back.
        sequence : int
            Number in the stream of the first one.
        more : bool
            Whether others follow at once: then copies may be kept until an `append` without `more`, or
            `tend`. Without it, a crash of this process after the call loses none of them.

        Raises
        ------
        BadInputError
            If they have another shape or type than the sink; nothing was stored.
        StorageError
            If they could not be stored; what was stored before stays readable.
        """
        ...

    def count(self, end: int = 0, next_number: int = -1) -> StoredCount:
        """Return what is stored of all that the run should hold. Any thread.

        Parameters
        ----------
        end : int
            Number in the stream at which the run ends.
        next_number : int
            Number that the producer would give its next frame; -1 if it does not tell.
        """
        ...

    def tend(self) -> None:
        """Do what is due without new data, and store what was kept. Called several times a second."""
        ...

    def close(self) -> None:
        """Return when everything is on stable storage. Idempotent."""
        ...

    def abandon(self) -> None:
        """Let go of the files as they are, after an error; what was stored stays readable. Never raises."""
        ...
