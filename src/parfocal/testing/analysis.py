"""PipelineWorkers of a pipeline without a process, and what takes in their results: for tests of runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.frames import FrameSpec
from parfocal.runs.pipeline.messages import AnalysisJob, Found, Warmed
from parfocal.runs.pipeline.running import PipelineRunner
from parfocal.runs.pipeline.workers import JobResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.event_layout import EventLayout
    from parfocal.runs.pipeline.analysed import AnalysedFrame, AnalysisSpec
    from parfocal.runs.pipeline.pipeline import Pipeline

MEMORY_FRAMES = FrameSpec(shape=(32, 32), dtype="uint16")
"""Of the images that `MemoryWorkers` see."""


class MemoryWorkers:
    """Satisfies `parfocal.runs.pipeline.workers.PipelineWorkers` with a thread for each job.

    Parameters
    ----------
    pipeline : Pipeline
        Its steps run in this process.
    image_of : callable
        Returns the image of a frame by its number, or None for one that is gone; by default a square that
        moves by a pixel from frame to frame.

    Attributes
    ----------
    held : set of (int, int)
        Time points and positions whose results are kept back until `let_go`.
    jobs : list of AnalysisJob
        All that were asked for, in order.
    took_s : float
        What they tell that an image takes; a test sets it.
    """

    def __init__(
        self, pipeline: Pipeline, image_of: Callable[[int], NDArray[Any] | None] | None = None
    ) -> None:
        self._runner = PipelineRunner(pipeline)
        self._image_of = image_of or moving_square
        self._lock = threading.Lock()
        self._may_end = threading.Condition(self._lock)
        self._closed = False
        self._threads: list[threading.Thread] = []
        self.on_restart: Callable[[str], None] = lambda _: None
        self.held: set[tuple[int, int]] = set()
        self.jobs: list[AnalysisJob] = []
        self.took_s = 0.001

    def begin(self) -> Warmed:
        """Tell the columns, found in an image with a square."""
        image = moving_square(0)
        labels, mask = np.zeros(image.shape, np.int32), np.zeros(image.shape, np.uint8)
        found = self._runner.run(AnalysisJob(images=()), {"": image}, {}, labels, mask)
        return Warmed(columns=tuple(found.columns), took_s=self.took_s)

    def submit(self, job: AnalysisJob, done: Callable[[Future[JobResult]], None]) -> Future[JobResult]:
        """Do a job in a thread of its own."""
        future: Future[JobResult] = Future()
        future.add_done_callback(done)
        self.jobs.append(job)
        thread = threading.Thread(target=self._do, args=(job, future), daemon=True)
        self._threads.append(thread)
        thread.start()
        return future

    def let_go(self) -> None:
        """Have all results that were kept back come."""
        with self._may_end:
            self.held.clear()
            self._may_end.notify_all()

    def abort(self) -> None:
        """Do nothing: these are ready at once."""

    def close(self) -> None:
        """Cancel what is kept back, and wait for what is not."""
        with self._may_end:
            self._closed = True
            self._may_end.notify_all()
        for thread in self._threads:
            thread.join()

    def _do(self, job: AnalysisJob, future: Future[JobResult]) -> None:
        with self._may_end:
            self._may_end.wait_for(lambda: (job.t, job.p) not in self.held or self._closed)
            if self._closed:
                future.cancel()
                return
        labels, mask = (np.zeros(MEMORY_FRAMES.shape, kind) for kind in (np.int32, np.uint8))
        images = {one.channel: self._image_of(one.header.frame) for one in job.images}
        references = {one.channel: self._image_of(one.header.frame) for one in job.references}
        there = {name: image for name, image in images.items() if image is not None}
        if len(there) < len(images):
            future.set_result(JobResult(Found(gone=True, link=job.link), labels, mask))
            return
        known = {name: image for name, image in references.items() if image is not None}
        with self._lock:  # one runner: one thread at a time
            found = self._runner.run(job, there, known, labels, mask)
        future.set_result(JobResult(found, labels, mask))


class MemorySink:
    """Satisfies `parfocal.runs.pipeline.analysed.AnalysisSink` in memory.

    Attributes
    ----------
    images, cells : list of AnalysedFrame
        What was written as images, and as rows, in order.
    room : int
        For how many images there still is room.
    begun_with : AnalysisSpec or None
        What it was told to expect.
    """

    rows: tuple[str, ...] = ()
    blocking: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.images: list[AnalysedFrame] = []
        self.cells: list[AnalysedFrame] = []
        self.frames: dict[str, EventLayout] = {}
        self.losses: dict[str, int] = {}
        self.room = 1 << 30
        self.begun_with: AnalysisSpec | None = None
        self.closed = False

    def begin(self, spec: AnalysisSpec, layout: EventLayout) -> None:
        """Note what will come."""
        del layout
        self.begun_with = spec

    def write_images(self, frame: AnalysedFrame) -> bool:
        """Keep a copy of an image if there is room."""
        if not self.room:
            return False
        self.room -= 1
        labels, mask = (None if image is None else image.copy() for image in (frame.labels, frame.mask))
        self.images.append(replace(frame, labels=labels, mask=mask))
        return True

    def write_rows(self, frame: AnalysedFrame) -> None:
        """Keep the rows."""
        self.cells.append(frame)

    def settle(self, timeout_s: float | None) -> bool:
        """Return True: everything is kept at once."""
        del timeout_s
        return True

    @contextmanager
    def relayout(self, layout: EventLayout) -> Iterator[dict[str, EventLayout]]:
        """Lend nothing."""
        del layout
        yield {}

    def close(self) -> None:
        """Note it."""
        self.closed = True


class NothingHeld:
    """Satisfies `parfocal.runs.pipeline.held_frames.HeldFrames`; notes from when on frames are kept."""

    def __init__(self) -> None:
        self.kept_from_ns: list[int] = []

    def open(self) -> None:
        """Do nothing."""

    def keep_from(self, time_ns: int) -> None:
        """Note it."""
        self.kept_from_ns.append(time_ns)

    def close(self) -> None:
        """Do nothing."""


def moving_square(frame: int) -> NDArray[np.uint16]:
    """Return a bright square of 4 by 4 pixels, one further to the right with each frame, in 32 by 32."""
    image = np.full(MEMORY_FRAMES.shape, 10, np.uint16)
    left = 2 + frame % 24
    image[8:12, left : left + 4] = 1000
    return image
