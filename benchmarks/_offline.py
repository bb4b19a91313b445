"""What it takes to analyse a record again: by one process, by two, and by two workers of a dask cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from _closed_loop import TRACKED
from _report import Row, Size

from parfocal.core.event_layout import EventLayout
from parfocal.core.frames import FrameHeader, FrameSpec
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

        rates = []
        for count in (1, 2):
            with LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None) as cluster:
                out = Path(folder) / f"dask {count}"
                rates.append(rate(record, out, dask=cluster.scheduler_address))
        single, double = rates
        yield Row("the same by one worker of dask", single, "time points/s")
        yield Row("two workers of dask over one", double / single, "ratio", WANTED)
        yield Row("two workers of dask over one process", double / alone, "ratio")


def rate(record: Path, out: Path, *, workers: int | None = None, dask: str = "") -> float:
    """Return how many time points a second are analysed, once all that does it is warm."""
    done = reprocess(record, TRACKED, out, workers=workers, dask=dask)
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
