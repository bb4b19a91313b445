"""Who analyses the images of a record: some time points of a position in turn, as one task."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Protocol

from parfocal.runs.pipeline.workers import ImageWorkers, JobFailedError, JobResult

if TYPE_CHECKING:
    from parfocal.runs.pipeline.messages import AnalysisJob, Warmed
    from parfocal.runs.pipeline.workers import ProcessWorkers

JobOutcome = JobResult | JobFailedError


class OfflineWorkers(ImageWorkers, Protocol):
    """Who does it."""

    def at_once(self, time_points: int) -> int:
        """Return how many time points of a position a task should have, of so many; they have begun."""
        ...

    def submit(self, jobs: list[AnalysisJob], done: Callable[[Future[list[JobOutcome]]], None]) -> None:
        """Have the jobs of a position done in turn, each with what is remembered after the one before.

        `done` is called in a thread of theirs, with an outcome for each; a `JobFailedError` instead tells
        that the task was lost as a whole.
        """
        ...


class LocalWorkers:
    """Processes here, as `OfflineWorkers`: a task is one time point, as nothing is saved by more.

    Parameters
    ----------
    workers : ProcessWorkers
        The processes.
    """

    def __init__(self, workers: ProcessWorkers) -> None:
        self._workers = workers
        self.on_restart: Callable[[str], None] = lambda _: None

    def begin(self) -> Warmed:
        """Start them."""
        self._workers.on_restart = self.on_restart
        return self._workers.begin()

    def at_once(self, time_points: int) -> int:
        """Return 1."""
        del time_points
        return 1

    def submit(self, jobs: list[AnalysisJob], done: Callable[[Future[list[JobOutcome]]], None]) -> None:
        """Have the one job done."""
        (job,) = jobs
        several: Future[list[JobOutcome]] = Future()
        several.add_done_callback(done)
        self._workers.submit(job, partial(_take, several))

    def close(self) -> None:
        """End them."""
        self._workers.close()


def _take(several: Future[list[JobOutcome]], one: Future[JobResult]) -> None:
    """Settle a future of several outcomes by the only one, in this thread: its arrays last no longer."""
    if one.cancelled():
        several.cancel()
    elif (error := one.exception()) is not None:
        several.set_exception(error)
    else:
        several.set_result([one.result()])
