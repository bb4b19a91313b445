"""The pipeline of one run: takes its images as they are exposed, and has the masks for its stimuli."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.counted import counted
from parfocal.core.run_status import QueueDepth
from parfocal.runs.instruments.instruments import AbortedError, ExposedFrame, StimulusMask
from parfocal.runs.pipeline.analysed import AnalysedFrame, AnalysisSpec, FrameMask
from parfocal.runs.pipeline.image_group import KINDS, ImageGroup, field_of
from parfocal.runs.pipeline.messages import RememberedPosition
from parfocal.runs.pipeline.pipeline import pipeline_to_data
from parfocal.runs.pipeline.time_point import PositionMemory, TimePoint
from parfocal.runs.pipeline.waiting_images import WaitingImages
from parfocal.runs.pipeline.worker_process import WorkerEndedError
from parfocal.runs.plans.event import Event, is_stimulus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parfocal.core.clock import Clock
    from parfocal.core.frames import FrameSpec
    from parfocal.core.run_status import LatePolicy
    from parfocal.runs.instruments.instruments import RunStart
    from parfocal.runs.pipeline.analysed import AnalysisSink
    from parfocal.runs.pipeline.held_frames import HeldFrames
    from parfocal.runs.pipeline.messages import Found
    from parfocal.runs.pipeline.request import PipelineRequest
    from parfocal.runs.pipeline.workers import JobResult, PipelineWorkers

_SOURCE = "pipeline"
_LIGHT_FIRST_S = 0.05
"""While a stimulus is in hand nothing is written, so long at most: its light goes first."""


@dataclass(frozen=True, kw_only=True)
class MaskAnswer:
    """How it is with the mask of a stimulus.

    Attributes
    ----------
    state : "there", "awaited", "never" or "gone"
        "gone": its image was taken before the run was cut short, and is not analysed again. `why` tells what
        is known of one that is not there.
    mask, older : FrameMask or None
        The one that is wanted, and the newest of the position from before it.
    until_ns : int
        When it is late.
    """

    state: Literal["there", "awaited", "never", "gone"]
    mask: FrameMask | None = None
    older: FrameMask | None = None
    until_ns: int = 0
    why: str = ""


class LiveAnalysis:
    """Has the images of a run analysed, each position in order, and keeps the newest masks. Any thread.

    Parameters
    ----------
    request : PipelineRequest
        The pipeline, and from which image the mask of a stimulus is made.
    workers : PipelineWorkers
        Who does it.
    held : HeldFrames
        Keeps frames until they are read.
    sink : AnalysisSink or None
        Takes what is found; None for a run without a record.
    clock : Clock
        Of the deadlines.
    frame : FrameSpec
        Of the camera.
    channel : str
        The one that is segmented.
    time_points : callable
        Returns how many the plan has.
    keep : callable
        Called as ``keep(p, remembered)`` with what is remembered of a position after an image; may not block.
    completes : bool
        Whether it goes on with the plan of a run that was cut short.
    cut : frozenset of tuple of int
        Time points and positions of which some images were taken before that: what is left of them is not
        analysed, as a step would decide on other images than in the rest of the run.
    """

    def __init__(
        self,
        request: PipelineRequest,
        *,
        workers: PipelineWorkers,
        held: HeldFrames,
        sink: AnalysisSink | None,
        clock: Clock,
        frame: FrameSpec,
        channel: str = "",
        time_points: Callable[[], int] = lambda: 1,
        keep: Callable[[int, RememberedPosition], None] = lambda *_: None,
        completes: bool = False,
        cut: frozenset[tuple[int, int]] = frozenset(),
    ) -> None:
        self.request = request
        self._completes, self._cut = completes, cut
        self._keep_memory = keep
        self.took_s = 0.0
        self._pipeline, self._mode = request.pipeline, request.mode
        self._workers, self._held, self._sink, self._clock = workers, held, sink, clock
        self._images = None if sink is None else WaitingImages(sink)
        self._frame, self._channel, self._time_points = frame, channel, time_points
        self._wake: Callable[[], None] = lambda: None
        self._note: Callable[[str, str, str, int], None] = lambda *_: None
        self._prepare: Callable[[StimulusMask], None] = lambda _: None
        self._lock = threading.Lock()
        self._positions: defaultdict[int, PositionMemory] = defaultdict(PositionMemory)
        self._group: ImageGroup | None = None
        self._waiting = 0
        self._going_on: set[TimePoint] = set()  # until what was found is written
        self._deferred: deque[TimePoint] = deque()
        self._late_ones: set[TimePoint] = set()  # deferred ones at a worker
        self._folder: str | None = None  # of the record, once deferred ones may be analysed
        self._awaited: TimePoint | None = None
        self._no_stimulus = threading.Event()  # is in hand
        self._no_stimulus.set()
        self._newest_ns = 0  # of the frame after which none were let go of yet
        self._begun: RunStart | None = None
        self._aborted = self._stopped = False
        self._given_up = 0

    @property
    def late(self) -> LatePolicy:
        """What becomes of a stimulus whose mask is not there in time."""
        return self._pipeline.late

    @property
    def has_masks(self) -> bool:
        """Whether its stimuli have masks."""
        return self._pipeline.stimulate is not None

    @property
    def warning(self) -> str:
        """What a person should know of how long an image took in the trial; "" if it is soon enough."""
        deadline_s = self._pipeline.deadline_s
        if not self.has_masks or self._mode != "current" or self.late == "hold" or self.took_s <= deadline_s:
            return ""
        return (
            f"an image takes {self.took_s:.2g} s to be analysed, and its mask may take {deadline_s:g} s: "
            "masks will be late; give a longer deadline_s, or late = 'hold'"
        )

    def connect(
        self,
        wake: Callable[[], None],
        note: Callable[[str, str, str, int], None],
        prepare: Callable[[StimulusMask], None] = lambda _: None,
    ) -> None:
        """Have `wake` called when an awaited mask is there, `note` with source, type, message and event.

        `prepare` is called with a mask that the stimulus in hand is to have, as soon as it is there.
        """
        self._wake, self._note, self._prepare = wake, note, prepare
        self._workers.on_restart = lambda told: note(_SOURCE, "WorkerEndedError", told, -1)

    def go_on_from(self, before: LiveAnalysis) -> None:
        """Take over what an earlier part of the run remembers of its positions."""
        for p, known in before._positions.items():
            self._positions[p] = PositionMemory(
                link=known.link, reference=known.reference, highest=known.highest, picked=known.picked
            )

    def remember(self, positions: Mapping[int, RememberedPosition]) -> None:
        """Take over what a process that was killed remembered of the positions of the run."""
        for p, known in positions.items():
            self._positions[p] = PositionMemory(
                link=known.link, reference=known.reference, highest=known.highest
            )

    def begin(self, start: RunStart) -> RunStart:
        """Have the workers warm, and the streams made; return with what the run begins then.

        All that is done once: called again, as the instruments had to be opened again, it returns the same.

        Raises
        ------
        AbortedError
            If it was aborted.
        BadInputError, WorkerEndedError
            If a step raised in its trial, or a worker ended.
        """
        if self._begun is not None:
            return self._begun
        try:
            warmed = self._workers.begin()
        except WorkerEndedError as error:
            if self._aborted:
                raise AbortedError("the run was ended before its pipeline was warm") from error
            raise
        self.took_s = warmed.took_s
        self._held.open()
        saved = self._pipeline.save
        spec = AnalysisSpec(
            frame=self._frame,
            columns=warmed.columns,
            labels="labels" in saved,
            masks="masks" in saved and self.has_masks,
            tracks="tracks" in saved,
        )
        if self._sink is not None and start.layout is not None:
            self._sink.begin(spec, start.layout)
        told = {"pipeline": pipeline_to_data(self._pipeline), "stim_mode": self._mode}
        self._begun = replace(
            start,
            has_masks=self.has_masks,
            analysis=self._sink,
            notes={**start.notes, **told, "pipeline_took_ms": round(1e3 * warmed.took_s, 3)},
        )
        return self._begun

    def abort(self) -> None:
        """End `begin`. Any thread."""
        self._aborted = True
        self._workers.abort()

    def pick(self, p: int, particles: list[int]) -> None:
        """Have these particles of position `p` be the picked ones, from its next image on."""
        with self._lock:
            self._positions[p].picked = np.asarray(particles, np.int64)

    # --- the run's thread

    def fetched(self, event: Event | None) -> None:
        """Hear of the event that the run has in hand next: images before it may be complete now."""
        if is_stimulus(event):
            self._no_stimulus.clear()
        else:
            self._no_stimulus.set()
        with self._lock:
            self._take_complete(event)
            if event is not None and event.kind == "image" and event.channel == self._channel:
                t, p = field_of(event)
                self._positions[p].plan(t)
        if self._newest_ns and self._no_stimulus.is_set():  # the stimulus after it was left out
            self._let_go()

    def exposed(self, event: Event, exposure: ExposedFrame, following: Event | None = None) -> None:
        """Take an image, or a reference; frames that are not wanted may leave the ring.

        If the event `following` it is of something else, the images before are complete. Before a stimulus no
        frame is let go of: that takes time, and is done once it is over.
        """
        light_is_next = is_stimulus(following)
        if light_is_next:
            self._no_stimulus.clear()
        with self._lock:
            if event.kind in KINDS:
                if self._group is None:
                    self._group = ImageGroup(event)
                self._group.add(event, exposure)
            if following is not None:
                self._take_complete(following)
        self._newest_ns = exposure.header.time_ns
        if not light_is_next:
            self._let_go()

    def mask_for(self, event: Event) -> MaskAnswer:
        """Return how it is with the mask of a stimulus; who asks is woken when an awaited one has come."""
        t = event.index.get("t", 0)
        with self._lock:
            self._awaited = None
            position = self._positions[event.index.get("p", 0)]
            point = position.recent.get(t) if self._mode == "current" else position.before(t)
            if point is None:
                is_current = self._mode == "current"
                which = "of its time point" if is_current else "of the time point before"
                planned = [each for each in position.planned if (each == t if is_current else each < t)]
                is_cut = (t if is_current else max(planned, default=-1), event.index.get("p", 0)) in self._cut
                return MaskAnswer(
                    state="gone" if is_cut or (self._completes and not planned) else "never",
                    older=position.mask_before(t),
                    why=f"was not made: an image {which} was taken before the run was cut short"
                    if is_cut
                    else f"has no image {which}",
                )
            older = position.mask_before(point.t)
            if point.mask is not None:
                return MaskAnswer(state="there", mask=point.mask, older=older)
            if point.state in ("failed", "deferred"):
                return MaskAnswer(state="never", older=older, why=point.why)
            self._awaited = point
            until_ns = point.image_ns + round(self._pipeline.deadline_s * 1e9)
            return MaskAnswer(state="awaited", older=older, until_ns=until_ns, why=point.why)

    def _let_go(self) -> None:
        """Have frames leave the ring that nobody is to read any more."""
        with self._lock:
            unread = (point for point in self._going_on if point.state in ("waiting", "running"))
            wanted = [point.oldest_ns for point in unread]
            if self._group is not None:
                wanted.append(self._group.oldest_ns)
            newest_ns, self._newest_ns = self._newest_ns, 0
        self._held.keep_from(min(wanted, default=newest_ns + 1))

    # --- any thread

    def queues(self) -> dict[str, QueueDepth]:
        """Return what waits for the workers, and for the end of the acquisition."""
        with self._lock:
            return {
                "pipeline": QueueDepth(depth=self._waiting, maximum=self._pipeline.queue),
                "deferred": QueueDepth(depth=len(self._deferred) + len(self._late_ones)),
            }

    @property
    def is_analysing(self) -> bool:
        """Whether images are being analysed whose cells are not written yet; deferred ones do not count."""
        with self._lock:
            return bool(self._going_on) or self._group is not None

    def waits_for(self, folder: str) -> str:
        """Return what is still to be analysed, in a few words; "" if nothing.

        Nothing more is exposed, and all frames are stored in `folder`: deferred ones are analysed now.
        """
        with self._lock:
            self._folder = folder
            if self._group is not None:
                self._take(self._group)
                self._group = None
            if self._going_on:
                return f"{len(self._going_on)} time points to be analysed"
            self._send_deferred()
            left = len(self._deferred) + len(self._late_ones)
        if left:
            return f"{left} deferred time points to be analysed"
        if self._images is not None and not self._images.settle():
            return f"labels of {len(self._images)} images to be written"
        is_written = self._sink is None or self._sink.settle(0.0)
        return "" if is_written else "cells to be written"

    def stop(self) -> str:
        """End the workers; return what was not analysed, in words. Idempotent."""
        with self._lock:
            self._stopped = True
        self._no_stimulus.set()
        self._workers.close()
        self._held.close()
        with self._lock:
            left = self._given_up + len(self._going_on) + len(self._deferred) + len(self._late_ones)
            for position in self._positions.values():
                left += sum(point.state == "deferred" for point in position.pending)
            if self._group is not None and self._group.time_point(self._channel) is not None:
                left += 1
        unwritten = 0 if self._images is None else len(self._images)
        told = []
        if left:
            told.append(counted(left, "time point was not analysed", "time points were not analysed"))
        if unwritten:
            told.append(f"{counted(unwritten, 'image has', 'images have')} no labels in the record")
        return "; ".join(told)

    def close(self) -> None:
        """End the streams, now that the record is closed, and forget all images. Idempotent."""
        if self._sink is not None:
            self._sink.close()
        if self._images is not None:
            self._images.forget()
        with self._lock:
            for position in self._positions.values():
                position.forget_images()

    # --- under the lock

    def _take_complete(self, event: Event | None) -> None:
        """Take the images that are there, unless an event goes on with them."""
        if self._group is not None and not self._group.goes_on_with(event):
            self._take(self._group)
            self._group = None

    def _take(self, group: ImageGroup) -> None:
        """Take a time point whose images are all there; defer it if too many wait."""
        if group.field in self._cut:
            self._given_up += 1
            return
        point = group.time_point(self._channel)
        if point is None:  # the image that is segmented was lost, or is not taken at this time point
            return
        if not self._has_room(point):
            point.state, point.why = "deferred", "was deferred, as the pipeline had too much to do"
        else:
            self._waiting += 1
            self._going_on.add(point)
        position = self._positions[group.p]
        position.add(point)
        self._send_next(position)

    def _send_next(self, position: PositionMemory) -> None:
        while position.pending and position.running is None and not self._stopped:
            point = position.pending.popleft()
            if point.state == "deferred":
                position.mark(point)
                self._deferred.append(point)
                continue
            self._waiting -= 1
            point.state, position.running = "running", point
            job = point.job(position, self._time_points())
            self._workers.submit(job, partial(self._done, position, point))

    def _send_deferred(self) -> None:
        """Send deferred time points to the workers, as many as there are workers: a position's in order."""
        assert self._folder is not None
        for point in tuple(self._deferred):
            if self._stopped or len(self._late_ones) >= self._pipeline.workers:
                return
            if point.p in {other.p for other in self._late_ones}:
                continue
            self._deferred.remove(point)
            self._late_ones.add(point)
            job = point.job(self._positions[point.p], self._time_points(), self._folder)
            self._workers.submit(job, partial(self._done_late, point))

    # --- the threads of the workers

    def _done(self, position: PositionMemory, point: TimePoint, future: Future[JobResult]) -> None:
        """Take what was found: first for the decision, then, after the light that follows, for the record."""
        found, frame = self._result_of(point, future)
        with self._lock:
            if position.running is not point:  # it was delivered before
                return
            if found is None:
                point.state = "failed"
            elif found.gone:
                point.state, point.why = "deferred", "was deferred, as its image had left the ring"
                position.mark(point)
                self._deferred.append(point)
            else:
                position.remember(found.link, found.reference, found.columns)
                self._keep_memory(
                    point.p,
                    RememberedPosition(link=found.link, reference=found.reference, highest=position.highest),
                )
                self._decide(position, point, frame, found)
            position.running = None
            is_awaited = self._awaited is point
            self._send_next(position)
        try:
            if is_awaited:
                self._wake()
            elif point.mask is not None and self._mode == "current" and not self._no_stimulus.is_set():
                self._prepare(point.mask.stimulus)
            if found is not None and not found.gone:
                SYSTEM_CLOCK.wait(self._no_stimulus, _LIGHT_FIRST_S)
                self._keep(point, found, frame)
        finally:
            with self._lock:
                self._going_on.discard(point)

    def _done_late(self, point: TimePoint, future: Future[JobResult]) -> None:
        """Take what was found in a deferred time point: for the record alone."""
        found, frame = self._result_of(point, future)
        try:
            if found is not None and found.gone:
                message = "its images are neither in the ring nor stored"
                self._note(_SOURCE, "FrameGoneError", message, point.event.number)
            elif found is not None:
                self._keep(point, found, frame)
        finally:
            with self._lock:
                self._late_ones.discard(point)
                if found is not None and not found.gone:
                    for other in self._deferred:
                        other.go_on_after(point, found.link, found.reference)
                self._send_deferred()

    def _result_of(
        self, point: TimePoint, future: Future[JobResult]
    ) -> tuple[Found, AnalysedFrame] | tuple[None, None]:
        try:
            result = future.result()
            return result.found, self._frame_of(point, result)
        except CancelledError:
            self._give_up()
        except Exception as error:  # noqa: BLE001 (whatever kept it from being there is told)
            if self._stopped:
                self._give_up()
                return None, None
            point.why = f"could not be made: {error}"
            self._note(_SOURCE, type(error).__name__, str(error), point.event.number)
        return None, None

    def _give_up(self) -> None:
        """Count a time point whose analysis the end of the run has broken off."""
        with self._lock:
            self._given_up += 1

    def _frame_of(self, point: TimePoint, result: JobResult) -> AnalysedFrame:
        found = result.found
        return AnalysedFrame(
            event=point.event,
            exposure=point.exposure,
            labels=result.labels if found.has_labels else None,
            mask=result.mask if found.has_mask else None,
            columns=dict(found.columns),
            deferred=point.state == "deferred",
            done_ns=self._clock.monotonic_ns(),
        )

    def _decide(
        self, position: PositionMemory, point: TimePoint, frame: AnalysedFrame | None, found: Found
    ) -> None:
        """Have the mask of a time point for its stimulus. Under the lock."""
        if frame is None or found.error is not None or found.packed is None:
            point.state = "failed"
            failed = "" if found.error is None else f": step {found.error.step!r} raised"
            point.why = f"was not made{failed}"
            return
        mask = StimulusMask(
            image_event=point.event.number,
            frame=point.exposure.header.frame,
            packed=found.packed,
        )
        point.mask = FrameMask(
            stimulus=mask,
            event=point.event,
            image_ns=point.image_ns,
            mask_ns=frame.done_ns,
            columns=frame.columns,
        )
        position.masks.append(point.mask)
        point.state = "there"
        self._decided(point.mask)

    def _has_room(self, point: TimePoint) -> bool:
        """Return whether a time point can be analysed in time. Under the lock."""
        del point
        return self._waiting < self._pipeline.queue

    def _decided(self, mask: FrameMask) -> None:
        """Hear of a mask that is there. Under the lock."""

    def _tell(self, point: TimePoint, found: Found) -> None:
        if found.error is not None:
            failed = found.error
            self._note(f"{_SOURCE}: {failed.step}", failed.type, failed.message, point.event.number)

    def _keep(self, point: TimePoint, found: Found, frame: AnalysedFrame | None) -> None:
        """Tell and save what was found. What can't be saved is an error."""
        try:
            self._tell(point, found)
            if frame is not None and self._sink is not None and self._images is not None:
                self._images.write(frame)
                self._sink.write_rows(frame)
        except Exception as error:  # noqa: BLE001 (nobody else hears of it, and the run goes on)
            self._note(_SOURCE, type(error).__name__, str(error), point.event.number)
