"""The workers of a pipeline on the machines of a cluster."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.rig.offline.cluster import Cluster, TaskLostError
from parfocal.rig.offline.cluster_task import FOLDER, AnalysedJobs, analyse, end_processes, warm
from parfocal.rig.offline.shared_folder import shared_folder
from parfocal.runs.pipeline.workers import JobFailedError, JobResult

if TYPE_CHECKING:
    from parfocal.rig.offline.local_workers import JobOutcome
    from parfocal.runs.pipeline.messages import AnalysisJob, Warmed, WorkerSetup

_TASK_S, _TASK_BYTES = 0.5, 64e6
"""What a task takes and leaves at most: a shorter one costs the scheduler as much as the worker."""
_TASKS_OF_EACH = 8
_BYTES_PER_PIXEL = 5
"""Of labels and mask."""


class ClusterWorkers:
    """Satisfies `parfocal.rig.offline.local_workers.OfflineWorkers` with the workers of a dask scheduler.

    They read the images themselves; of a task there travel numbers of frames, columns, and what the linker
    remembers. Labels and masks come through a file in the folder of the new record.

    Parameters
    ----------
    setup : WorkerSetup
        What each is told.
    address : str
        Of the scheduler.
    out : Path
        Folder of the new record, which the workers have to see.
    files : tuple of Path
        By which they are to know the record that they read.

    Attributes
    ----------
    on_restart : callable
        Called with what has happened when a worker is gone.
    versions : dict of str to (dict of str to str)
        Of what each worker has loaded, by its address.
    """

    def __init__(self, setup: WorkerSetup, address: str, out: Path, files: tuple[Path, ...]) -> None:
        self._setup, self._address, self._out = setup, address, out
        self._files = files
        self._stack = ExitStack()
        self.on_restart: Callable[[str], None] = lambda _: None
        self.versions: dict[str, dict[str, str]] = {}
        self._took_s = 0.0
        self._pixels = int(np.prod(setup.spec.shape))

    def begin(self) -> Warmed:
        """Join the cluster, and have each of its workers try the steps; return what the slowest tells.

        Raises
        ------
        BadInputError
            If there is no cluster, a worker of it can't be used, or a step raised in its trial.
        """
        (self._out / FOLDER).mkdir()
        self._stack.callback(shutil.rmtree, self._out / FOLDER, ignore_errors=True)
        self._shared = self._stack.enter_context(shared_folder(self._out, self._files))
        self._cluster = Cluster(self._address, self._shared, self._lost)
        self._stack.callback(self._cluster.close, partial(end_processes, self._shared.token))
        self.versions |= {address: seen.versions for address, seen in self._cluster.seen.items()}
        each = self._cluster.on_each(warm, self._setup, self._shared)
        warmed: Warmed = max(
            (one.result() for one in each), key=lambda one: (one.error is not None, one.took_s)
        )
        if warmed.error is not None:
            failed = warmed.error
            where = f"step {failed.step!r}, tried on an artificial image: " if failed.step else ""
            raise BadInputError(f"the pipeline can't be used: {where}{failed.type}: {failed.message}")
        self._took_s = warmed.took_s
        return warmed

    def at_once(self, time_points: int) -> int:
        """Return how many time points a task should have: no worker is to be idle at the end."""
        most = min(
            _TASK_S / max(self._took_s, 1e-3),
            _TASK_BYTES / (_BYTES_PER_PIXEL * self._pixels),
            time_points / (_TASKS_OF_EACH * self._cluster.threads),
        )
        return max(1, int(most))

    def submit(self, jobs: list[AnalysisJob], done: Callable[[Future[list[JobOutcome]]], None]) -> None:
        """Have jobs of a position done in turn by a worker; `done` is called in a thread of the cluster."""
        future: Future[list[JobOutcome]] = Future()
        future.add_done_callback(done)
        asked = self._cluster.submit(analyse, self._setup, self._shared, jobs)
        asked.add_done_callback(partial(self._take, future))

    def close(self) -> None:
        """Let go of the cluster; what was not done is cancelled. Idempotent."""
        self._stack.close()

    def _lost(self, address: str) -> None:
        self.on_restart(f"worker {address} of the cluster is gone")

    def _take(self, future: Future[list[JobOutcome]], asked: Future[AnalysedJobs]) -> None:
        try:
            outcomes = self._read(asked.result())
        except TaskLostError as error:
            future.set_exception(JobFailedError(str(error)))
        except CancelledError:
            future.cancel()
        except Exception as error:  # noqa: BLE001 (whoever waits for it is told)
            future.set_exception(error)
        else:
            future.set_result(outcomes)

    def _read(self, left: AnalysedJobs) -> list[JobOutcome]:
        """Return what a worker has found, with the labels and masks of the file, which is removed."""
        file, shape, pixels = self._out / FOLDER / left.file, self._setup.spec.shape, self._pixels
        content = np.fromfile(file, np.uint8)
        file.unlink()
        outcomes: list[JobOutcome] = []
        at = 0
        for found in left.found:
            if isinstance(found, str):
                outcomes.append(JobFailedError(found))
            elif found.gone:
                outcomes.append(JobResult(found, np.zeros(shape, np.int32), np.zeros(shape, np.uint8)))
            else:
                labels = content[at : at + 4 * pixels].view(np.int32).reshape(shape)
                mask = content[at + 4 * pixels : at + _BYTES_PER_PIXEL * pixels].reshape(shape)
                outcomes.append(JobResult(found, labels, mask))
                at += _BYTES_PER_PIXEL * pixels
        return outcomes
