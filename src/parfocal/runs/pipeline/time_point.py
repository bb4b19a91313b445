"""A time point of one position on its way through the pipeline, and what is remembered of the position."""

from __future__ import annotations

import zlib
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from parfocal.runs.instruments.instruments import ExposedFrame
from parfocal.runs.pipeline.messages import AnalysisJob, FrameOfChannel
from parfocal.runs.plans.event import Event

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.runs.pipeline.analysed import FrameMask
    from parfocal.runs.pipeline.messages import Columns, LinkState

State = Literal["waiting", "running", "there", "failed", "deferred"]
_KEPT = 2


@dataclass(eq=False, kw_only=True)
class TimePoint:
    """One time point of one position.

    Attributes
    ----------
    event, exposure : Event, ExposedFrame
        Of the image that is segmented.
    images, references : tuple of FrameOfChannel
        Those of all channels; the segmented one comes first.
    state : State
        How far it is; `why` says what is known of it.
    mask : FrameMask or None
        What was found.
    link, reference, highest
        Of a deferred one: what was remembered of the position when its turn would have come, and the highest
        number of a particle until then.
    labels_only : bool
        Whether all but its labels and mask is stored.
    packed_mask : bytes or None
        Of such a one its mask, compressed: made again it might be another one.
    """

    event: Event
    exposure: ExposedFrame
    images: tuple[FrameOfChannel, ...]
    references: tuple[FrameOfChannel, ...]
    state: State = "waiting"
    why: str = "is not there yet"
    mask: FrameMask | None = None
    link: LinkState | None = None
    reference: Columns | None = None
    highest: int = -1
    labels_only: bool = False
    packed_mask: bytes | None = None

    @property
    def t(self) -> int:
        """Which time point it is, from 0."""
        return self.event.index.get("t", 0)

    @property
    def image_ns(self) -> int:
        """End of the exposure of the segmented image."""
        return self.exposure.header.time_ns

    @property
    def oldest_ns(self) -> int:
        """End of the exposure of the first of its images."""
        return min(one.header.time_ns for one in (*self.images, *self.references))

    def without_room(self, mask: NDArray[np.uint8] | None) -> TimePoint:
        """Return it, to be analysed later for its labels alone; its mask is kept."""
        packed = None if mask is None else zlib.compress(mask.tobytes(), level=1)
        return replace(self, state="deferred", labels_only=True, mask=None, packed_mask=packed)

    def kept_mask(self, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
        """Return the mask that was kept for later, shape (y, x); None without one."""
        if self.packed_mask is None:
            return None
        return np.frombuffer(zlib.decompress(self.packed_mask), np.uint8).reshape(shape)

    def job(self, position: PositionMemory, time_points: int, folder: str = "") -> AnalysisJob:
        """Return what a worker is to do; with a `folder`, frames are read from the record there."""
        event, is_late = self.event, self.state == "deferred"
        return AnalysisJob(
            images=self.images,
            references=self.references,
            t=self.t,
            p=event.index.get("p", 0),
            time_points=time_points,
            position=event.position,
            well=event.well,
            metadata=event.metadata,
            link=self.link if is_late else position.link,
            reference=self.reference if is_late else position.reference,
            picked=position.picked,
            folder=folder,
            labels_only=self.labels_only,
        )


@dataclass(eq=False)
class PositionMemory:
    """One position: its time points in order, one after the other, and what is remembered between them.

    Attributes
    ----------
    pending : deque of TimePoint
        Not begun; deferred ones among them only mark their place in the order.
    running : TimePoint or None
        At a worker.
    planned : deque of int
        Of the last ones that the plan has, t: also of one whose image was lost, or left out.
    recent : dict of int to TimePoint
        The last ones that have an image, by t.
    newest : FrameMask or None
        The newest mask.
    link, reference, highest
        Of the linker, of reference images, and the highest number of a particle so far.
    picked : ndarray of int64
        Particles that a person has picked.
    """

    pending: deque[TimePoint] = field(default_factory=deque)
    running: TimePoint | None = None
    planned: deque[int] = field(default_factory=lambda: deque(maxlen=_KEPT))
    recent: dict[int, TimePoint] = field(default_factory=dict)
    newest: FrameMask | None = None
    link: LinkState | None = None
    reference: Columns | None = None
    highest: int = -1
    picked: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def add(self, point: TimePoint) -> None:
        """Append a time point."""
        self.pending.append(point)
        self.recent[point.t] = point
        while len(self.recent) > _KEPT:
            del self.recent[next(iter(self.recent))]

    def plan(self, t: int) -> None:
        """Hear of an image that is to be taken, and segmented."""
        if not self.planned or self.planned[-1] != t:
            self.planned.append(t)

    def before(self, t: int) -> TimePoint | None:
        """Return the last time point before `t` that the plan has; None if it has no image."""
        earlier = [number for number in self.planned if number < t]
        return self.recent.get(earlier[-1]) if earlier else None

    def mark(self, point: TimePoint) -> None:
        """Have a deferred time point remember what is known of the position up to it."""
        point.link, point.reference, point.highest = self.link, self.reference, self.highest

    def remember(self, link: LinkState | None, reference: Columns | None, columns: Columns) -> None:
        """Keep what a worker tells after a time point."""
        self.link, self.reference = link, reference
        particles = columns.get("particle")
        if particles is not None and particles.size:
            self.highest = max(self.highest, int(particles.max()))
