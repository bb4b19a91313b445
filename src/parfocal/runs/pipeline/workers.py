"""The workers of one run: processes that take jobs in turn, and are started again when they end."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple, Protocol

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError, ParfocalError
from parfocal.runs.pipeline.messages import AnalysisJob, Found, Warmed, WorkerSetup
from parfocal.runs.pipeline.start_watch import LOOK_S
from parfocal.runs.pipeline.worker_process import WorkerEndedError, WorkerProcess

if TYPE_CHECKING:
    import logging
    from typing import Any

    from numpy.typing import NDArray

_START_S = 120.0
_STARTS = 3
"""How often a worker that ends before it is warm is started in a row."""
_LEAST_S, _DEADLINES = 10.0, 10.0


class JobFailedError(ParfocalError):
    """A job was tried twice, and its worker ended both times."""


class JobResult(NamedTuple):
    """What a worker has found: the arrays are its memory, and used again once `done` returns."""

    found: Found
    labels: NDArray[Any]
    mask: NDArray[Any]


_Job = tuple[AnalysisJob, Future[JobResult]]


class ImageWorkers(Protocol):
    """Who analyses images, of a run or of a record.

    Attributes
    ----------
    on_restart : callable
        Called with what has happened when a worker is to be started again.
    """

    on_restart: Callable[[str], None]

    def begin(self) -> Warmed:
        """Get ready for the first job; return how one is. Raises what keeps them from that."""
        ...

    def close(self) -> None:
        """End them all; what was not begun is cancelled. Idempotent."""
        ...


class PipelineWorkers(ImageWorkers, Protocol):
    """Who analyses images for a run."""

    def submit(self, job: AnalysisJob, done: Callable[[Future[JobResult]], None]) -> Future[JobResult]:
        """Have a job done by the next one that is free; `done` is called in its thread, never in this one."""
        ...

    def abort(self) -> None:
        """End `begin`. Any thread."""
        ...


def limit_s(deadline_s: float) -> float:
    """Return how long a worker may take for a job before it counts as hanging.

    Examples
    --------
    >>> limit_s(0.2), limit_s(3.0)
    (10.0, 30.0)
    """
    return max(_LEAST_S, _DEADLINES * deadline_s)


class ProcessWorkers:
    """Satisfies `PipelineWorkers` with a process each, and a thread for each that asks it.

    Parameters
    ----------
    setup : WorkerSetup
        What each is told first.
    limit_s : float
        How long a job may take before its worker is killed.
    log : logging.Logger
        Told of those that are started again.

    Attributes
    ----------
    on_restart : callable
        Called with what has happened when a worker is to be started again, in its thread.
    """

    def __init__(
        self,
        setup: WorkerSetup,
        *,
        limit_s: float,
        log: logging.Logger,
    ) -> None:
        self._limit_s, self._log = limit_s, log
        self.on_restart: Callable[[str], None] = lambda _: None
        self._workers = [WorkerProcess(number, setup) for number in range(setup.pipeline.workers)]
        self._inboxes: list[SimpleQueue[_Job | None]] = [SimpleQueue() for _ in self._workers]
        self._lock = threading.Lock()  # of:
        self._idle: list[WorkerProcess] = []
        self._waiting: deque[_Job] = deque()  # jobs, as long as none is idle
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()

    def begin(self) -> Warmed:
        """Start all of them; return how long a job takes the slowest.

        Raises
        ------
        BadInputError
            If a step can't be imported in a worker, or raised in its trial.
        WorkerEndedError
            If one ends meanwhile, each time that it is started again, or `abort` ended it.
        """
        started: list[Future[Warmed]] = []
        for worker in self._workers:
            ready: Future[Warmed] = Future()
            started.append(ready)
            self._thread(f"pipeline {worker.number}", self._serve, worker, ready)
        self._thread("pipeline limits", self._watch)
        warmed = [ready.result() for ready in started]
        return max(warmed, key=lambda one: one.took_s)

    def submit(self, job: AnalysisJob, done: Callable[[Future[JobResult]], None]) -> Future[JobResult]:
        """Have a job done by the next one that is free; `done` is called in its thread."""
        future: Future[JobResult] = Future()
        future.add_done_callback(done)
        with self._lock:
            worker = self._idle.pop() if self._idle else None
            if worker is None:
                self._waiting.append((job, future))
        if worker is not None:  # it has the job before its thread has woken
            worker.begin(job, self._limit_s)
            self._inboxes[worker.number].put((job, future))
        return future

    def abort(self) -> None:
        """Kill them. Any thread."""
        self._closed.set()
        for worker in self._workers:
            worker.kill()

    def close(self) -> None:
        """End them all. Idempotent."""
        self.abort()
        for inbox in self._inboxes:
            inbox.put(None)
        for thread in self._threads:
            thread.join()
        while self._waiting:
            self._waiting.popleft()[1].cancel()

    def _thread(self, name: str, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, worker: WorkerProcess, ready: Future[Warmed]) -> None:
        try:
            ready.set_result(self._started(worker))
        except Exception as error:  # noqa: BLE001 (whoever waits for it is told)
            ready.set_exception(error)
        else:
            while (item := self._next(worker)) is not None:
                self._do(worker, *item)
        finally:
            worker.end()

    def _next(self, worker: WorkerProcess) -> _Job | None:
        """Return the next job, which the worker has begun; None at the end."""
        with self._lock:
            item = self._waiting.popleft() if self._waiting and not self._closed.is_set() else None
            if item is None:
                self._idle.append(worker)
        if item is None:
            return self._inboxes[worker.number].get()
        worker.begin(item[0], self._limit_s)
        return item

    def _started(self, worker: WorkerProcess) -> Warmed:
        warmed = self._warmed(worker)
        if warmed.error is not None:
            failed = warmed.error
            where = f"step {failed.step!r}, tried on an artificial image: " if failed.step else ""
            raise BadInputError(f"the pipeline can't be used: {where}{failed.type}: {failed.message}")
        return warmed

    def _warmed(self, worker: WorkerProcess) -> Warmed:
        """Start a worker until it is warm, a few times if it ends before."""
        for tries in range(1, _STARTS + 1):
            if self._closed.is_set():
                raise WorkerEndedError("the workers of the pipeline were ended")
            try:
                return worker.start(_START_S)
            except WorkerEndedError as error:
                if self._closed.is_set():
                    raise
                if tries == _STARTS:
                    raise WorkerEndedError(f"{error}, {_STARTS} times in a row before it was warm") from error
                self._log.error("%s before it was warm; it is started again", error)
                self.on_restart(str(error))
        raise AssertionError("unreachable")

    def _do(self, worker: WorkerProcess, job: AnalysisJob, future: Future[JobResult]) -> None:
        try:
            found = self._tried_twice(worker, job)
        except Exception as error:  # noqa: BLE001 (whoever waits for it is told)
            future.set_exception(error)
        else:
            future.set_result(JobResult(found, worker.labels, worker.mask))

    def _tried_twice(self, worker: WorkerProcess, job: AnalysisJob) -> Found:
        for again in (False, True):
            try:
                return worker.finish()
            except WorkerEndedError as error:
                if self._closed.is_set():
                    raise
                self._log.error("%s at t=%d, p=%d; it is started again", error, job.t, job.p)
                self.on_restart(str(error))
                self._started(worker)
                if again:
                    raise JobFailedError(f"{error}, twice in a row") from error
                worker.begin(job, self._limit_s)
        raise AssertionError("unreachable")

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_S):
            for worker in self._workers:
                worker.kill_if_overdue(SYSTEM_CLOCK.monotonic_s())
