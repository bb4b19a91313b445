"""What a worker of a cluster does of a pipeline: it has a process of its own run the steps.

That process imports the steps anew for each record, so that none runs in an older version that a long-lived
worker has loaded; it ends with its worker, also if that is killed. Labels and mask are left in a file.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import uuid
from pathlib import Path

import msgspec

from parfocal.rig.offline.shared_folder import SharedFolder, check_folder_is
from parfocal.runs.pipeline.messages import AnalysisJob, Found, Warmed, WorkerSetup
from parfocal.runs.pipeline.worker_process import WorkerEndedError, WorkerProcess
from parfocal.runs.pipeline.workers import JobFailedError

FOLDER = ".cluster"
"""In the new record: what workers leave there, until it is taken in."""
_NO_LIMIT_S = float("inf")
_IDLE_S = 300.0
"""A process that had nothing to do for so long is ended: whoever asked is gone."""


class AnalysedJob(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and the file with labels and mask, one after the other; "" if nothing was."""

    found: Found
    file: str = ""


class _StepProcess:
    """The process that runs the steps for one thread of a worker."""

    def __init__(self, setup: WorkerSetup, shared: SharedFolder) -> None:
        check_folder_is(shared)
        self.token, self._shared = shared.token, shared
        self._folder = tempfile.mkdtemp(prefix="parfocal-")
        here = msgspec.structs.replace(setup, streams=self._folder, shared=f"{self._folder}/worker")
        self._process = WorkerProcess(0, here)
        self._idle: threading.Timer | None = None

    def warm(self) -> Warmed:
        """Start the process; return what it tells once it is warm."""
        with self:
            return self._process.start(_NO_LIMIT_S)

    def analyse(self, job: AnalysisJob) -> AnalysedJob:
        """Have it analyse a time point; one that ends meanwhile is started again, once."""
        with self:
            for again in (False, True):
                try:
                    if not self._process.starts or again:
                        self._process.start(_NO_LIMIT_S)
                    self._process.begin(job, _NO_LIMIT_S)
                    return self._left(self._process.finish())
                except WorkerEndedError as error:
                    if again:
                        raise JobFailedError(f"{error}, twice in a row") from error
        raise AssertionError("unreachable")

    def end(self) -> None:
        """End it. Idempotent."""
        if self._idle is not None:
            self._idle.cancel()
        self._process.kill()
        self._process.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> None:
        if self._idle is not None:
            self._idle.cancel()

    def __exit__(self, *_: object) -> None:
        self._idle = threading.Timer(_IDLE_S, _forget, (self,))
        self._idle.daemon = True
        self._idle.start()

    def _left(self, found: Found) -> AnalysedJob:
        if found.gone:
            return AnalysedJob(found=found)
        file = Path(self._shared.folder, FOLDER, uuid.uuid4().hex)
        with file.open("wb") as written:
            self._process.labels.tofile(written)
            self._process.mask.tofile(written)
            os.fsync(written.fileno())
        return AnalysedJob(found=found, file=file.name)


_LOCK = threading.Lock()
_PROCESSES: dict[int, _StepProcess] = {}
"""By the thread of the worker that uses it."""


def warm(setup: WorkerSetup, shared: SharedFolder) -> Warmed:
    """Try the steps on an artificial image; tell what cells have, and how long it took."""
    process = _own(setup, shared)
    warmed = process.warm()
    if warmed.error is not None:
        _forget(process)
    return warmed


def analyse(setup: WorkerSetup, shared: SharedFolder, job: AnalysisJob) -> AnalysedJob:
    """Analyse the images of a time point; a task that is begun again leaves another file."""
    return _own(setup, shared).analyse(job)


def end_processes(token: str) -> None:
    """End the processes that this worker has for a record."""
    with _LOCK:
        processes = [one for one in _PROCESSES.values() if one.token == token]
    for process in processes:
        _forget(process)


def _own(setup: WorkerSetup, shared: SharedFolder) -> _StepProcess:
    """Return the process of this thread; one of another record is ended."""
    thread = threading.get_ident()
    with _LOCK:
        known = _PROCESSES.get(thread)
    if known is not None and known.token == shared.token:
        return known
    if known is not None:
        _forget(known)
    made = _StepProcess(setup, shared)
    with _LOCK:
        _PROCESSES[thread] = made
    return made


def _forget(process: _StepProcess) -> None:
    with _LOCK:
        for thread, known in tuple(_PROCESSES.items()):
            if known is process:
                del _PROCESSES[thread]
    process.end()
