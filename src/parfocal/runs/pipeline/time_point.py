"""A time point of one position on its way through the pipeline, and what is remembered of the position."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from parfocal.runs.instruments.instruments import ExposedFrame
from parfocal.runs.pipeline.messages import NOBODY, AnalysisJob, FrameOfChannel
from parfocal.runs.plans.event import Event

if TYPE_CHECKING:
    from parfocal.runs.pipeline.analysed import FrameMask
    from parfocal.runs.pipeline.messages import Columns, LinkState

State = Literal["waiting", "running", "there", "failed", "deferred"]
_KEPT = 2
_MASKS = 3
"""Of the wanted time point, of the one after it, whose image may be analysed by then, and an older one."""


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
        Of a deferred one: what is remembered of the position up to it, and the highest number of a particle
        that was given before any later time point was analysed.
    later : dict of arrays or None
        Of a deferred one: the cells of the next time point of the position that was analysed in time.
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
    later: Columns | None = None

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

    @property
    def p(self) -> int:
        """Which position it is, from 0."""
        return self.event.index.get("p", 0)

    def go_on_after(self, before: TimePoint, link: LinkState | None, reference: Columns | None) -> None:
        """Take what is remembered after an earlier deferred one, if nothing was analysed in between."""
        if self.p == before.p and self.link is before.link and self is not before:
            self.link, self.reference = link, reference

    def job(self, position: PositionMemory, time_points: int, folder: str = "") -> AnalysisJob:
        """Return what a worker is to do; with a `folder`, frames are read from the record there."""
        event, is_late = self.event, self.state == "deferred"
        return AnalysisJob(
            images=self.images,
            references=self.references,
            t=self.t,
            p=self.p,
            time_points=time_points,
            position=event.position,
            well=event.well,
            metadata=event.metadata,
            link=self.link if is_late else position.link,
            reference=self.reference if is_late else position.reference,
            picked=position.picked,
            folder=folder,
            is_deferred=is_late,
            highest=self.highest,
            later=self.later,
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
    masks : deque of FrameMask
        The last ones, in order.
    link, reference, highest
        Of the linker, of reference images, and the highest number of a particle so far.
    picked : ndarray of int64
        Particles that a person has picked.
    deferred : list of TimePoint
        Those that were deferred since one was analysed last.
    """

    pending: deque[TimePoint] = field(default_factory=deque)
    running: TimePoint | None = None
    planned: deque[int] = field(default_factory=lambda: deque(maxlen=_KEPT))
    recent: dict[int, TimePoint] = field(default_factory=dict)
    masks: deque[FrameMask] = field(default_factory=lambda: deque(maxlen=_MASKS))
    link: LinkState | None = None
    reference: Columns | None = None
    highest: int = -1
    picked: np.ndarray = field(default_factory=lambda: NOBODY)
    deferred: list[TimePoint] = field(default_factory=list)

    def add(self, point: TimePoint) -> None:
        """Append a time point."""
        self.pending.append(point)
        self.recent[point.t] = point
        while len(self.recent) > _KEPT:
            del self.recent[next(iter(self.recent))]

    def forget_images(self) -> None:
        """Keep nothing but what a run that goes on with this one needs."""
        self.recent.clear()
        self.masks.clear()
        self.pending.clear()
        self.deferred.clear()

    def plan(self, t: int) -> None:
        """Hear of an image that is to be taken, and segmented."""
        if not self.planned or self.planned[-1] != t:
            self.planned.append(t)

    def before(self, t: int) -> TimePoint | None:
        """Return the last time point before `t` that the plan has; None if it has no image."""
        earlier = [number for number in self.planned if number < t]
        return self.recent.get(earlier[-1]) if earlier else None

    def mask_before(self, t: int) -> FrameMask | None:
        """Return the newest mask of a time point before `t`: a later one depends on how soon it was made."""
        return next((mask for mask in reversed(self.masks) if mask.event.index.get("t", 0) < t), None)

    def mark(self, point: TimePoint) -> None:
        """Have a deferred time point remember what is known of the position up to it."""
        point.link, point.reference, point.highest = self.link, self.reference, self.highest
        self.deferred.append(point)

    def remember(self, link: LinkState | None, reference: Columns | None, columns: Columns) -> None:
        """Keep what a worker tells after a time point."""
        self.link, self.reference = link, reference
        particles = columns.get("particle")
        if particles is None:
            return
        self.highest = max(self.highest, int(particles.max(initial=-1)))
        for point in self.deferred:
            point.later = columns
        self.deferred.clear()
