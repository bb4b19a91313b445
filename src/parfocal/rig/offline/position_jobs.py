"""Has the time points of each position analysed one after the other, and the positions side by side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from functools import partial

from parfocal.runs.pipeline.time_point import PositionMemory, TimePoint
from parfocal.runs.pipeline.workers import JobFailedError, JobResult, PipelineWorkers

Keep = Callable[[TimePoint, JobResult | JobFailedError], None]
_LOOK_S = 0.1


class PositionJobs:
    """The positions of a record on their way through a pipeline.

    Each one has at most one time point at a worker: what is remembered of its cells goes on with the next.

    Parameters
    ----------
    positions : mapping of int to list of TimePoint
        What is to be analysed, each position in the order of time.
    workers : PipelineWorkers
        Who does it.
    keep : callable
        Called with each time point that is done, and its result, or the error of a job that its worker did
        not survive; in a thread of the workers, never two at once. If it raises, nothing more is begun.
    time_points : int
        How many the plan has, for steps that ask.
    folder : str
        Of the record.
    """

    def __init__(
        self,
        positions: Mapping[int, list[TimePoint]],
        workers: PipelineWorkers,
        keep: Keep,
        *,
        time_points: int,
        folder: str,
    ) -> None:
        self._workers, self._keep = workers, keep
        self._time_points, self._folder = time_points, folder
        self._memories = {p: PositionMemory(pending=deque(points)) for p, points in positions.items()}
        self._total = sum(map(len, positions.values()))
        self._done = 0
        self._failure: BaseException | None = None
        self._stopped = False
        self._changed = threading.Condition(threading.RLock())

    @property
    def done(self) -> int:
        """How many time points are done."""
        return self._done

    def run(self, report: Callable[[int, int], None]) -> None:
        """Return when all are done; `report` is called with how many are, of how many, as it goes on.

        Raises
        ------
        Exception
            What `keep` or the workers raised.
        """
        for position in self._memories.values():
            self._send_next(position)
        with self._changed:
            while self._done < self._total and self._failure is None:
                report(self._done, self._total)
                self._changed.wait(_LOOK_S)
        report(self._done, self._total)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Begin nothing more, and take in nothing more. Any thread."""
        with self._changed:
            self._stopped = True

    def _send_next(self, position: PositionMemory) -> None:
        with self._changed:
            if self._stopped or self._failure is not None or not position.pending:
                return
            point = position.pending.popleft()
            job = point.job(position, self._time_points, self._folder)
        self._workers.submit(job, partial(self._finished, position, point))

    def _finished(self, position: PositionMemory, point: TimePoint, future: Future[JobResult]) -> None:
        try:
            result: JobResult | JobFailedError = future.result()
        except JobFailedError as error:
            result = error
        except CancelledError:
            return
        except BaseException as error:  # noqa: BLE001 (the border of a worker's thread: raised by `run`)
            self._fail(error)
            return
        self._take(position, point, result)
        self._send_next(position)

    def _take(self, position: PositionMemory, point: TimePoint, result: JobResult | JobFailedError) -> None:
        with self._changed:
            if self._stopped:
                return
            if not isinstance(result, JobFailedError) and not result.found.gone:
                found = result.found
                position.remember(found.link, found.reference, found.columns)
            try:
                self._keep(point, result)
            except BaseException as error:  # noqa: BLE001 (the border of a worker's thread: raised by `run`)
                self._fail(error)
            self._done += 1
            self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()
