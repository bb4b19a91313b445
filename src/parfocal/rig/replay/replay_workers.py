"""The steps of a pipeline in threads of this process, on recorded images."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.rig.offline.reading import stored_image
from parfocal.runs.pipeline.messages import AnalysisJob, Warmed
from parfocal.runs.pipeline.running import PipelineRunner
from parfocal.runs.pipeline.workers import JobResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader
    from parfocal.rig.offline.source import SourceRecord
    from parfocal.runs.pipeline.pipeline import Pipeline

_LATEST_S = 0.01


class ReplayWorkers:
    """Satisfies `parfocal.runs.pipeline.workers.PipelineWorkers`.

    Parameters
    ----------
    pipeline : Pipeline
        Its steps; as many threads as it has workers, each with steps of its own.
    source : SourceRecord
        Where the images are.
    shuffled : Random, optional
        Have results come in another order than they were asked for: each a little later, as is drawn.
    """

    def __init__(self, pipeline: Pipeline, source: SourceRecord, shuffled: Random | None = None) -> None:
        self._source, self._shuffled = source, shuffled
        self.on_restart: Callable[[str], None] = lambda _: None
        self._jobs: SimpleQueue[tuple[AnalysisJob, Future[JobResult]] | None] = SimpleQueue()
        self._reading = threading.Lock()
        self._threads = [
            threading.Thread(target=self._serve, args=(PipelineRunner(pipeline),), daemon=True)
            for _ in range(pipeline.workers)
        ]

    def begin(self) -> Warmed:
        """Begin; the columns are of no use, as nothing is written."""
        for thread in self._threads:
            thread.start()
        return Warmed()

    def submit(self, job: AnalysisJob, done: Callable[[Future[JobResult]], None]) -> Future[JobResult]:
        """Have a job done by the next thread that is free; `done` is called in its thread."""
        future: Future[JobResult] = Future()
        future.add_done_callback(done)
        self._jobs.put((job, future))
        return future

    def abort(self) -> None:
        """There is nothing to warm."""

    def close(self) -> None:
        """End all threads. Idempotent."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        while not self._jobs.empty():
            if (left := self._jobs.get()) is not None:
                left[1].cancel()

    def _serve(self, runner: PipelineRunner) -> None:
        shape = self._source.frame.shape
        labels, mask = np.zeros(shape, np.int32), np.zeros(shape, np.uint8)
        while (item := self._jobs.get()) is not None:
            job, future = item
            try:
                images = {one.channel: self._image(one.header) for one in job.images}
                references = {one.channel: self._image(one.header) for one in job.references}
                found = runner.run(job, images, references, labels, mask)
            except Exception as error:  # noqa: BLE001 (whoever waits for it is told)
                future.set_exception(error)
                continue
            if self._shuffled is not None:
                SYSTEM_CLOCK.sleep(self._shuffled.uniform(0.0, _LATEST_S))
            future.set_result(JobResult(found, labels, mask))

    def _image(self, header: FrameHeader) -> NDArray[np.generic]:
        with self._reading:  # one record is open at a time
            return stored_image(self._source.folder, self._source.stream, header)
