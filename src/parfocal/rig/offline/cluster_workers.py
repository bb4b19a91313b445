"""The workers of a pipeline on the machines of a cluster."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.rig.offline.cluster import Cluster, TaskLostError
from parfocal.rig.offline.cluster_task import FOLDER, AnalysedJob, analyse, end_processes, warm
from parfocal.rig.offline.shared_folder import shared_folder
from parfocal.runs.pipeline.workers import JobFailedError, JobResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.runs.pipeline.messages import AnalysisJob, Warmed, WorkerSetup


class ClusterWorkers:
    """Satisfies `parfocal.runs.pipeline.workers.PipelineWorkers` with the workers of a dask scheduler.

    They read the images themselves; of a job there travel numbers of frames, columns, and what the linker
    remembers. Labels and mask come through files in the folder of the new record.

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
        return warmed

    def submit(self, job: AnalysisJob, done: Callable[[Future[JobResult]], None]) -> Future[JobResult]:
        """Have a job done by a worker that is free; `done` is called in a thread of the cluster."""
        future: Future[JobResult] = Future()
        future.add_done_callback(done)
        asked = self._cluster.submit(analyse, self._setup, self._shared, job)
        asked.add_done_callback(partial(self._take, future))
        return future

    def abort(self) -> None:
        """End what goes on. Any thread."""
        self.close()

    def close(self) -> None:
        """Let go of the cluster; what was not done is cancelled. Idempotent."""
        self._stack.close()

    def _lost(self, address: str) -> None:
        self.on_restart(f"worker {address} of the cluster is gone")

    def _take(self, future: Future[JobResult], asked: Future[AnalysedJob]) -> None:
        try:
            left = asked.result()
            labels, mask = self._read(left)
        except TaskLostError as error:
            future.set_exception(JobFailedError(str(error)))
        except CancelledError:
            future.cancel()
        except Exception as error:  # noqa: BLE001 (whoever waits for it is told)
            future.set_exception(error)
        else:
            future.set_result(JobResult(left.found, labels, mask))

    def _read(self, left: AnalysedJob) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return labels and mask that a worker has left, and remove the file."""
        shape = self._setup.spec.shape
        if not left.file:
            return np.zeros(shape, np.int32), np.zeros(shape, np.uint8)
        file, pixels = self._out / FOLDER / left.file, int(np.prod(shape))
        content = np.fromfile(file, np.uint8)
        file.unlink()
        return content[: 4 * pixels].view(np.int32).reshape(shape), content[4 * pixels :].reshape(shape)
