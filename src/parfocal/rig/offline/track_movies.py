"""``parfocal track MOVIE MOVIE ...``: several movies at once, in processes here or on a cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError
from parfocal.rig.job import JobProgress
from parfocal.rig.offline.cluster import Cluster, TaskLostError
from parfocal.rig.offline.cluster_movie import end_movies, track_one
from parfocal.rig.offline.movie_process import MovieProcess, encoded
from parfocal.rig.offline.movies import MovieResult, MoviesSummary, plans_of, summary_of
from parfocal.rig.offline.shared_folder import facts_of, shared_folder
from parfocal.rig.track_plan import TrackPlan
from parfocal.storage.catalogue import list_runs
from parfocal.storage.folder import check_place
from parfocal.storage.recorder_settings import LEAST_FREE_MB, MB

_LOOK_S = 0.2


def track_movies(
    movies: Sequence[Path],
    make: Callable[[Path], TrackPlan],
    out: Path,
    *,
    workers: int = 1,
    dask: str = "",
    report: Callable[[JobProgress], None] = lambda _: None,
) -> MoviesSummary:
    """Track movies, each by itself: one that fails costs no other.

    Parameters
    ----------
    movies : sequence of Path
        Files, folders, or recorded runs.
    make : callable
        Returns the plan of one of them.
    out : Path
        Folder for their records.
    workers : int
        How many are tracked at once here.
    dask : str
        Address of a dask scheduler, whose workers track one each; they have to see the movies and `out`.
    report : callable
        Told how far it is, in the thread of the caller.

    Returns
    -------
    MoviesSummary
        Also after Ctrl-C: what was tracked until then is in the records.

    Raises
    ------
    BadInputError
        If none of them can be tracked, or the cluster can't be used.
    """
    if workers < 1:
        raise BadInputError(f"workers must be 1 or more, not {workers}")
    check_place(out, int(LEAST_FREE_MB * MB), remedy="name another folder with --out")
    plans = plans_of(movies, make)
    before = {run.folder for run in list_runs(out)} if out.is_dir() else set()
    began_s = SYSTEM_CLOCK.monotonic_s()
    with ExitStack() as stack:
        tracking: _Tracking = _OnCluster(stack, dask, out, report) if dask else _Here(stack, workers)
        results = _all_of(plans, tracking, report)
    took_s = SYSTEM_CLOCK.monotonic_s() - began_s
    named = {str(Path(result.run).absolute()) for result in results if result.run}
    left = [run.folder for run in list_runs(out) if run.folder not in before] if out.is_dir() else []
    return summary_of(results, [run for run in left if str(Path(run).absolute()) not in named], took_s)


def _all_of(
    plans: list[TrackPlan | MovieResult], tracking: _Tracking, report: Callable[[JobProgress], None]
) -> list[MovieResult]:
    """Return what became of all; an interrupt cancels those that go on, and waits for their records."""
    begun = {n: tracking.begin(plan) for n, plan in enumerate(plans) if isinstance(plan, TrackPlan)}
    while left := [one for one in begun.values() if not one.done()]:
        try:
            text = f"{len(plans) - len(left)} of {len(plans)} movies"
            done = 1 - (len(left) - tracking.fraction) / len(plans)
            report(JobProgress(phase="tracking", fraction=min(1.0, max(0.0, done)), text=text))
            wait(left, _LOOK_S)
        except KeyboardInterrupt:
            tracking.cancel()
    return [
        _settled(str(plan.movie), begun[n]) if isinstance(plan, TrackPlan) else plan
        for n, plan in enumerate(plans)
    ]


def _settled(movie: str, future: Future[MovieResult]) -> MovieResult:
    if future.cancelled():
        return MovieResult(movie=movie, outcome="cancelled", reason="it had not been begun", tries=0)
    try:
        return future.result()
    except (BadInputError, TaskLostError) as error:
        return MovieResult(movie=movie, outcome="failed", reason=str(error))
    except Exception as error:  # noqa: BLE001 (one movie's, told in its result)
        return MovieResult(movie=movie, outcome="failed", reason=f"{type(error).__name__}: {error}")


class _Here:
    """Tracks movies in processes here, so many at once."""

    def __init__(self, stack: ExitStack, workers: int) -> None:
        self._pool = stack.enter_context(ThreadPoolExecutor(workers, thread_name_prefix="movie"))
        self._running: dict[MovieProcess, float] = {}
        self._lock = threading.Lock()
        self._futures: list[Future[MovieResult]] = []

    @property
    def fraction(self) -> float:
        """How much is done of those that go on, in movies."""
        with self._lock:
            return sum(self._running.values())

    def begin(self, plan: TrackPlan) -> Future[MovieResult]:
        """Have a movie tracked when its turn comes."""
        process = MovieProcess(encoded(plan), str(plan.movie))
        future = self._pool.submit(self._run, process)
        self._futures.append(future)
        return future

    def cancel(self) -> None:
        """Cancel the runs that go on; begin no other."""
        for future in self._futures:
            future.cancel()
        with self._lock:
            running = list(self._running)
        for process in running:
            process.cancel()

    def _run(self, process: MovieProcess) -> MovieResult:
        def note(fraction: float) -> None:
            with self._lock:
                self._running[process] = fraction

        note(0.0)
        try:
            return process.run(note)
        finally:
            with self._lock:
                del self._running[process]


class _OnCluster:
    """Tracks movies on the workers of a cluster."""

    fraction = 0.0

    def __init__(
        self, stack: ExitStack, address: str, out: Path, report: Callable[[JobProgress], None]
    ) -> None:
        if not out.exists():
            out.mkdir(parents=True)
            stack.callback(_remove_empty, out)
        self._shared = stack.enter_context(shared_folder(out, ()))
        self._cluster = Cluster(address, self._shared)
        self._end = partial(end_movies, self._shared.token)
        stack.callback(self._cluster.close, self._end)
        report(JobProgress(phase="tracking", fraction=0.0, text=f"{len(self._cluster.seen)} workers"))

    def begin(self, plan: TrackPlan) -> Future[Any]:
        """Have a movie tracked by a worker that is free, and sees what is seen here."""
        movie = facts_of(plan.movie) if plan.movie.exists() else None
        return self._cluster.submit(track_one, encoded(plan), str(plan.movie), movie, self._shared)

    def cancel(self) -> None:
        """Cancel the runs that go on; begin no other."""
        self._cluster.cancel(self._end)


_Tracking = _Here | _OnCluster


def _remove_empty(folder: Path) -> None:
    """Remove a folder, unless there is something in it."""
    with suppress(OSError):
        folder.rmdir()
