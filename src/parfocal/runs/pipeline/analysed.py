"""What the pipeline has found in the images of a time point and position, and who takes that in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from parfocal.runs.instruments.instruments import (
    ExposedFrame,
    FiredStimulus,
    RunStreams,
    StimulusMask,
)
from parfocal.runs.plans.event import Event

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.event_layout import EventLayout
    from parfocal.core.frames import FrameSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class AnalysedFrame:
    """What was found in one image, and in those of the other channels with it.

    Attributes
    ----------
    event : Event
        Of the image that was segmented.
    exposure : ExposedFrame
        The image, and where the stages stood.
    labels : ndarray of int32, shape (y, x), or None
        0 is background. Memory that is used again: valid until the call returns that hands it over.
    mask : ndarray of uint8, shape (y, x), or None
        Where a stimulus lights, valid as long; None without a step `stimulate`.
    columns : dict of str to ndarray, shape (n,)
        One value for each label in ascending order: "label", "y_px", "x_px", "area_px", features; "particle"
        if they are followed, "parent" if their linker knows it; "chosen"; and "lit", which part of the cell
        the mask lights.
    deferred : bool
        Whether it was analysed after the acquisition. A cell that was new in it has the particle that it got
        in the next image which was analysed in time; -1 if it is not in that.
    done_ns : int
        When the mask was there, on the monotonic clock.
    """

    event: Event
    exposure: ExposedFrame
    labels: NDArray[Any] | None
    mask: NDArray[Any] | None
    columns: dict[str, NDArray[Any]]
    deferred: bool = False
    done_ns: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameMask:
    """A mask, with what is known of the image that it was made from.

    Attributes
    ----------
    stimulus : StimulusMask
        As the modulator is shown it.
    event : Event
        Of the image.
    image_ns, mask_ns : int
        End of its exposure, and when the mask was there, on the monotonic clock.
    columns : dict of str to ndarray, shape (n,)
        Of the cells in the image; see `AnalysedFrame`.
    """

    stimulus: StimulusMask
    event: Event
    image_ns: int
    mask_ns: int
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class StimulusFacts:
    """What is known of a stimulus: the mask that was decided for it, and what was fired.

    None each where there is none: of a stimulus without a pipeline, or one that was left out.
    """

    mask: FrameMask | None = None
    fired: FiredStimulus | None = None


class AnalysisSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What will be handed over, as known from a trial before the first exposure.

    Attributes
    ----------
    frame : FrameSpec
        Of the camera.
    columns : tuple of str
        Names of the columns of the cells.
    labels, masks, tracks : bool
        What is to be kept.
    """

    frame: FrameSpec
    columns: tuple[str, ...]
    labels: bool
    masks: bool
    tracks: bool


class AnalysisSink(RunStreams, Protocol):
    """Takes in what a pipeline finds. Any thread; nothing but `settle` waits."""

    def begin(self, spec: AnalysisSpec, layout: EventLayout) -> None:
        """Make its streams, before the record of the run begins; `layout` is that of the run's frames."""
        ...

    def write_images(self, frame: AnalysedFrame) -> bool:
        """Write labels and mask; return whether there was room: if not, nothing was written."""
        ...

    def write_rows(self, frame: AnalysedFrame) -> None:
        """Write a row for each cell."""
        ...

    def settle(self, timeout_s: float | None) -> bool:
        """Wait until all that was written has found room; return False after `timeout_s`."""
        ...

    def close(self) -> None:
        """End the streams, when the record is closed. Idempotent; it may never have begun."""
        ...
