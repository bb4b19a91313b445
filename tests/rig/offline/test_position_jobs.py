"""How time points of positions become tasks of workers, and what a task that is lost costs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from parfocal.core.frames import FrameHeader
from parfocal.rig.offline.local_workers import JobOutcome
from parfocal.rig.offline.position_jobs import PositionJobs
from parfocal.runs.instruments.instruments import ExposedFrame
from parfocal.runs.pipeline.messages import AnalysisJob, Found
from parfocal.runs.pipeline.time_point import TimePoint
from parfocal.runs.pipeline.workers import JobFailedError, JobResult
from parfocal.runs.plans.event import Event

NOTHING = np.zeros((1, 1))


class Workers:
    """Does each task at once, in a thread; loses those that have a time point of `deadly`."""

    def __init__(self, at_once: int, deadly: tuple[int, ...] = ()) -> None:
        self.at_once, self.deadly = lambda _: at_once, deadly
        self.tasks: list[tuple[int, list[int]]] = []
        self.began_with: list[dict[str, Any] | None] = []
        self.on_restart = print
        self.thread = ThreadPoolExecutor(1)

    def submit(self, jobs: list[AnalysisJob], done: Any) -> None:
        self.tasks.append((jobs[0].p, [job.t for job in jobs]))
        self.began_with.append(jobs[0].link)
        future: Future[list[JobOutcome]] = Future()
        future.add_done_callback(done)
        if any(job.t in self.deadly for job in jobs):
            self.thread.submit(future.set_exception, JobFailedError("its worker ended each time"))
        else:
            found = [JobResult(Found(link={"t": job.t}), NOTHING, NOTHING) for job in jobs]
            self.thread.submit(future.set_result, found)


def done_by(workers: Workers, places: int, times: int) -> list[tuple[int, int, bool]]:
    def point(t: int, p: int) -> TimePoint:
        event = Event(number=t, kind="image", index={"t": t, "p": p})
        return TimePoint(
            event=event, exposure=ExposedFrame(header=FrameHeader(frame=t)), images=(), references=()
        )

    kept: list[tuple[int, int, bool]] = []

    def keep(done: Sequence[tuple[TimePoint, JobOutcome]]) -> None:
        kept.extend((at.p, at.t, isinstance(outcome, JobFailedError)) for at, outcome in done)

    jobs = PositionJobs(
        {p: [point(t, p) for t in range(times)] for p in range(places)},
        workers,  # type: ignore[arg-type]
        keep,
        time_points=times,
        folder="",
    )
    with workers.thread:
        jobs.run(lambda *_: None)
    return kept


def test_a_task_has_as_many_time_points_as_workers_want_in_order() -> None:
    workers = Workers(at_once=3)
    kept = done_by(workers, 2, 14)
    for p in range(2):
        assert [one for one in kept if one[0] == p] == [(p, t, False) for t in range(14)]
    assert [times for p, times in workers.tasks if p == 0] == [
        [0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11], [12, 13],
    ]  # fmt: skip
    began_with = [link for (p, _), link in zip(workers.tasks, workers.began_with, strict=True) if p == 0]
    assert began_with == [None, {"t": 2}, {"t": 5}, {"t": 8}, {"t": 11}]


def test_a_time_point_that_ends_its_worker_costs_itself_alone() -> None:
    workers = Workers(at_once=3, deadly=(4,))
    kept = done_by(workers, 1, 12)
    assert kept == [(0, t, t == 4) for t in range(12)]
    assert [times for _, times in workers.tasks[:5]] == [[0, 1, 2], [3, 4, 5], [3], [4], [5]]
    assert workers.began_with[2:5] == [{"t": 2}, {"t": 3}, {"t": 3}]
