"""A process that runs the steps of a pipeline: ``python -m parfocal.runs.pipeline.worker``.

It reads images from the ring of the camera, answers through what was its stdout, and ends when what was its
stdin does: so it never outlives the engine, whatever a step does just then. What steps print goes to stderr,
and what they ask of a person, or of a debugger, has no answer.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import ParfocalError, StorageError, StreamError, kind_and_text
from parfocal.ipc.message_pipe import MessageReader, MessageWriter, PipeClosedError
from parfocal.processes.loading import load_object
from parfocal.processes.priority import check_allowed, take_for_process
from parfocal.runs.pipeline.freed_memory import keep_freed_memory
from parfocal.runs.pipeline.messages import AnalysisJob, Found, StepError, ToWorker, Warmed, WorkerSetup
from parfocal.runs.pipeline.running import PipelineRunner, StepFailedError
from parfocal.runs.pipeline.trial import trial_image
from parfocal.runs.pipeline.worker_memory import WorkerMemory
from parfocal.streams import open_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader
    from parfocal.runs.pipeline.messages import FrameOfChannel
    from parfocal.streams import Stream

_TRIALS = 2
"""The first one is slower: libraries are loaded, code is compiled."""


class FrameGoneError(Exception):
    """A frame has left the ring, and is not in the record either."""


class FrameSource:
    """Finds frames in the ring of the camera, else in the record. One thread."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._streams, self._camera = Path(setup.streams), setup.camera
        self._stream: Stream | None = None
        self._stored: Callable[[str, str, FrameHeader], NDArray[Any]] | None = None
        if setup.stored_frames:
            self._stored = load_object(setup.stored_frames, "the reader of stored frames")

    def read(self, wanted: FrameOfChannel, folder: str) -> NDArray[Any]:
        """Return a copy of the pixels of a frame; raises `FrameGoneError`."""
        for again in (False, True):  # its ring may be a newer one than that which is mapped
            if self._stream is None or again:
                try:
                    self._stream = open_stream(self._streams, self._camera)
                except StreamError:
                    break
            found = self._stream.find_frame(wanted.header)
            if found is not None:
                return found.data
        if self._stored is None or not folder:
            raise FrameGoneError
        try:
            return np.asarray(self._stored(folder, self._camera, wanted.header))
        except StorageError as error:
            raise FrameGoneError from error


class PipelineWorker:
    """What a worker does with each job. One thread.

    Parameters
    ----------
    setup : WorkerSetup
        Its pipeline, and where the frames come from.
    """

    def __init__(self, setup: WorkerSetup) -> None:
        self._setup = setup
        self._runner = PipelineRunner(setup.pipeline, self._show)
        self._shown: StepError | None = None  # the last error whose traceback was shown
        self._results = WorkerMemory(Path(setup.shared), setup.spec.shape)
        self._frames = FrameSource(setup)

    def warm(self) -> Warmed:
        """Run everything on an artificial image, as two time points; tell how long the second one took."""
        job, image = self._setup.trial, trial_image(self._setup.spec)
        images = {one.channel: image for one in job.images}
        references = {one.channel: image for one in job.references}
        took_s, found = 0.0, Found()
        for _ in range(_TRIALS):
            began_s = SYSTEM_CLOCK.monotonic_s()
            found = self._runner.run(job, images, references, self._results.labels, self._results.mask)
            took_s = SYSTEM_CLOCK.monotonic_s() - began_s
            job = msgspec.structs.replace(job, link=found.link, reference=found.reference)
        return Warmed(columns=tuple(found.columns), took_s=took_s, error=found.error)

    def run(self, job: AnalysisJob) -> Found:
        """Analyse the images of a job, and answer with its number."""
        return msgspec.structs.replace(self._found(job), number=job.number)

    def _show(self, error: StepFailedError) -> None:
        """Write where a step has failed to stderr; of the same error in image after image once."""
        told = error.told()
        if told != self._shown:
            self._shown = told
            with suppress(Exception):  # an exception of somebody else may not know what to say
                traceback.print_exception(error.cause)

    def _found(self, job: AnalysisJob) -> Found:
        try:
            images = {one.channel: self._frames.read(one, job.folder) for one in job.images}
            references = {one.channel: self._frames.read(one, job.folder) for one in job.references}
        except FrameGoneError:
            return Found(gone=True, link=job.link, reference=job.reference)
        return self._runner.run(job, images, references, self._results.labels, self._results.mask)


def main() -> None:
    """Serve jobs until stdin ends."""
    jobs_from, answers = os.dup(0), MessageWriter(os.fdopen(os.dup(1), "wb"))
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    threading.Thread(target=_end_with_the_engine, args=(jobs_from,), name="end", daemon=True).start()
    jobs: MessageReader[ToWorker] = MessageReader(
        os.fdopen(jobs_from, "rb", buffering=0, closefd=False), ToWorker
    )
    with suppress(PipeClosedError):
        _serve(jobs, answers)


def _serve(jobs: MessageReader[ToWorker], answers: MessageWriter) -> None:
    setup = cast("WorkerSetup", jobs.receive())
    keep_freed_memory()
    sys.path += [folder for folder in setup.search_path if folder not in sys.path]
    try:
        worker = PipelineWorker(setup)
        warmed = worker.warm()
        if setup.real_time:
            _go_first()
        answers.send(warmed)
    except (ParfocalError, OSError) as error:
        kind, message = kind_and_text(error)
        answers.send(Warmed(error=StepError(step="", type=kind, message=message)))
        return
    while True:
        answers.send(worker.run(cast("AnalysisJob", jobs.receive())))


def _go_first() -> None:
    """Have this process go before all of ordinary priority; `ConfigError` if it may not."""
    check_allowed("the workers of the pipeline", "leave out runs.real_time_workers")
    take_for_process()


def _end_with_the_engine(jobs_from: int) -> None:
    """End the process when the pipe of its jobs has no other end any more, also in the middle of a step.

    Where the system does not tell that, it ends after the step.
    """
    if not hasattr(select, "poll"):
        return
    watch = select.poll()
    watch.register(jobs_from, 0)  # that the other end is gone is told unasked
    watch.poll()
    os._exit(0)


if __name__ == "__main__":
    main()
