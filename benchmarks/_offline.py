"""What it takes to analyse a record again: by one process, by two, and by two workers of a dask cluster."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
from _closed_loop import TRACKED
from _report import Row, Size

from parfocal.core.event_layout import EventLayout
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.rig.job import JobProgress
from parfocal.rig.offline.reprocess import reprocess
from parfocal.storage.recording import Recording
from parfocal.storage.requests import RunRequest, Site, StreamRequest
from parfocal.storage.run_manifests import Ended
from parfocal.streams import StreamWriter

POSITIONS = 8
SPEC = FrameSpec(shape=(512, 512), dtype="uint16", pixel_size_um=0.65)
APART_PX = 36
WANTED = ">= 1.6"


def reanalysis(size: Size) -> Iterator[Row]:
    """Measure how many time points a second are analysed, and what a second process or worker brings.

    The steps are Otsu and tracking of 196 cells in 512 x 512 px, at 8 positions; what is found is recorded.
    """
    times = size.of(30, 10, 2)
    with tempfile.TemporaryDirectory() as folder:
        record = recorded(Path(folder), times)
        alone = rate(record, Path(folder) / "one", workers=1)
        yield Row("a record analysed again, by one process", alone, "time points/s")
        yield Row(
            "two processes over one", rate(record, Path(folder) / "two", workers=2) / alone, "ratio", WANTED
        )
        from distributed import LocalCluster

        rates, shares = [], []
        for count in (1, 2):
            with LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None) as cluster:
                out = Path(folder) / f"dask {count}"
                address, cpu = cluster.scheduler_address, CpuTimes()
                rates.append(rate(record, out, dask=address, at_begin=cpu.begin, at_end=cpu.end))
                shares.append(cpu.share_of_others)
        single, double = rates
        yield Row("the same by one worker of dask", single, "time points/s")
        yield Row("two workers of dask over one", double / single, "ratio", WANTED)
        yield Row("two workers of dask over one process", double / alone, "ratio")
        yield Row("part of the CPU time that two workers and their steps take", shares[1], "", ">= 0.67")


class CpuTimes:
    """How much of the time of processors the children of this program take, and it itself.

    It says more of a machine under load than the clock: what this program takes is what two workers cannot
    share. It does not hold them up, where there are cores for all, if they take two thirds or more.
    """

    share_of_others = 0.0

    def begin(self) -> None:
        """Note what all have taken."""
        self._before = self._taken()

    def end(self) -> None:
        """Tell what they have taken since."""
        before, after = self._before, self._taken()
        took = {pid: seconds - before.get(pid, 0.0) for pid, seconds in after.items()}
        self.share_of_others = 1 - took[os.getpid()] / sum(took.values())

    def _taken(self) -> dict[int, float]:
        this = psutil.Process()
        times = {one.pid: one.cpu_times() for one in (this, *this.children(recursive=True))}
        return {pid: each.user + each.system for pid, each in times.items()}


def rate(
    record: Path,
    out: Path,
    *,
    workers: int | None = None,
    dask: str = "",
    at_begin: Callable[[], None] = lambda: None,
    at_end: Callable[[], None] = lambda: None,
) -> float:
    """Return how many time points a second are analysed, once all that does it is warm.

    `at_begin` and `at_end` are called then, and when the last one is done.
    """
    fractions: list[float] = []

    def report(progress: JobProgress) -> None:
        if progress.phase == "analysing":
            if not fractions:
                at_begin()
            elif progress.fraction == 1.0 and fractions[-1] < 1.0:
                at_end()
            fractions.append(progress.fraction)

    done = reprocess(record, TRACKED, out, workers=workers, dask=dask, report=report)
    if done.outcome != "complete":
        raise RuntimeError(f"{done.outcome}: {done.reason} {done.errors}")
    return done.time_points / done.took_s


def recorded(folder: Path, times: int) -> Path:
    """Record images of cells that move; return the folder of the run."""
    layout = EventLayout(axes="tp", sizes=(times, POSITIONS))
    (streams := folder / "streams").mkdir()
    site = Site(streams=streams, rig="none", service="recorder", on_error=print)
    with StreamWriter(streams, "camera", SPEC, slots=16) as camera:
        wanted = [StreamRequest(name="camera", events=layout, policy="block")]
        recording = Recording.begin(folder / "runs", wanted, RunRequest(), site)
        recording.start()
        for event in range(times * POSITIONS):
            camera.write(cells(event // POSITIONS), FrameHeader(frame=event, event=event))
        recording.finish(Ended(ending="complete", asked={"camera": times * POSITIONS}))
    return recording.folder.path


def cells(t: int) -> np.ndarray:
    """Return 14 x 14 round cells over noise, which move by a pixel a time point."""
    y, x = np.indices(SPEC.shape, sparse=True)
    from_centre = np.hypot(y % APART_PX - APART_PX / 2, (x - t % 10) % APART_PX - APART_PX / 2)
    noise = np.random.default_rng(t).normal(0, 10, SPEC.shape)
    image: np.ndarray = (200 + 2000 / (1 + np.exp(from_centre - 6)) + noise).astype(SPEC.dtype)
    return image
