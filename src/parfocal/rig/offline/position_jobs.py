"""Has the time points of each position analysed one after the other, and the positions side by side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial

from parfocal.rig.offline.local_workers import JobOutcome, OfflineWorkers
from parfocal.runs.pipeline.time_point import PositionMemory, TimePoint
from parfocal.runs.pipeline.workers import JobFailedError

Keep = Callable[[Sequence[tuple[TimePoint, JobOutcome]]], None]
_LOOK_S = 0.1


class PositionJobs:
    """The positions of a record on their way through a pipeline.

    Each one has at most one task at a worker, of some time points in turn: what is remembered of its cells
    goes on with the next.

    Parameters
    ----------
    positions : mapping of int to list of TimePoint
        What is to be analysed, each position in the order of time.
    workers : OfflineWorkers
        Who does it; they have begun.
    keep : callable
        Called with the time points of a task that is done, each with its result, or the error of a job that
        its worker did not survive; in a thread of the workers, never two at once. If it raises, nothing more
        is begun.
    time_points : int
        How many the plan has, for steps that ask.
    folder : str
        Of the record.
    """

    def __init__(
        self,
        positions: Mapping[int, list[TimePoint]],
        workers: OfflineWorkers,
        keep: Keep,
        *,
        time_points: int,
        folder: str,
    ) -> None:
        self._workers, self._keep = workers, keep
        self._time_points, self._folder = time_points, folder
        self._memories = {p: PositionMemory(pending=deque(points)) for p, points in positions.items()}
        self._total = sum(map(len, positions.values()))
        self._at_once = dict.fromkeys(positions, workers.at_once(self._total))
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
        for p in self._memories:
            self._send_next(p)
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

    def _send_next(self, p: int) -> None:
        with self._changed:
            pending = self._memories[p].pending
            if self._stopped or self._failure is not None or not pending:
                return
            points = [pending.popleft() for _ in range(min(self._at_once[p], len(pending)))]
            jobs = [point.job(self._memories[p], self._time_points, self._folder) for point in points]
        self._workers.submit(jobs, partial(self._finished, p, points))

    def _finished(self, p: int, points: list[TimePoint], future: Future[list[JobOutcome]]) -> None:
        try:
            outcomes = future.result()
        except JobFailedError as error:
            if len(points) > 1:  # whichever of them ends its worker shall cost itself alone
                self._take_apart(p, points)
                return
            outcomes = [error]
        except CancelledError:
            return
        except BaseException as error:  # noqa: BLE001 (the border of a worker's thread: raised by `run`)
            self._fail(error)
            return
        self._take(p, list(zip(points, outcomes, strict=True)))

    def _take_apart(self, p: int, points: list[TimePoint]) -> None:
        """Have the time points of a task that was lost done each by itself, and those after them."""
        with self._changed:
            self._memories[p].pending.extendleft(reversed(points))
            self._at_once[p] = 1
        self._send_next(p)

    def _take(self, p: int, done: list[tuple[TimePoint, JobOutcome]]) -> None:
        with self._changed:
            if self._stopped:
                return
            for _, outcome in done:
                if not isinstance(outcome, JobFailedError) and not outcome.found.gone:
                    found = outcome.found
                    self._memories[p].remember(found.link, found.reference, found.columns)
            self._send_next(p)  # a worker goes on with it while this is written
            try:
                self._keep(done)
            except BaseException as error:  # noqa: BLE001 (the border of a worker's thread: raised by `run`)
                self._fail(error)
            self._done += len(done)
            self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()
