"""What a worker of a cluster does of a pipeline: it has a process of its own run the steps.

That process imports the steps anew for each record, so that none runs in an older version that a long-lived
worker has loaded; it ends with its worker, also if that is killed. Labels and mask are left in a file.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import uuid
from pathlib import Path

import msgspec

from parfocal.rig.offline.shared_folder import SharedFolder, check_folder_is
from parfocal.runs.pipeline.messages import AnalysisJob, Found, Warmed, WorkerSetup
from parfocal.runs.pipeline.worker_process import WorkerEndedError, WorkerProcess

FOLDER = ".cluster"
"""In the new record: what workers leave there, until it is taken in."""
_NO_LIMIT_S = float("inf")
_IDLE_S = 300.0
"""A process that had nothing to do for so long is ended: whoever asked is gone."""


class AnalysedJobs(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in some time points of a position.

    Attributes
    ----------
    found : tuple
        For each of them what was found, or why its process ended twice, in words.
    file : str
        With labels and mask of each one whose images were there, one after the other.
    """

    found: tuple[Found | str, ...]
    file: str


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
            return self._process.start()

    def analyse(self, jobs: list[AnalysisJob]) -> AnalysedJobs:
        """Have it analyse time points of a position, each with what is remembered after the one before."""
        with self:
            name = uuid.uuid4().hex
            found: list[Found | str] = []
            link, reference = jobs[0].link, jobs[0].reference
            with Path(self._shared.folder, FOLDER, name).open("wb") as left:
                for job in jobs:
                    now = self._analysed(msgspec.structs.replace(job, link=link, reference=reference))
                    found.append(now)
                    if isinstance(now, Found) and not now.gone:
                        link, reference = now.link, now.reference
                        self._process.labels.tofile(left)
                        self._process.mask.tofile(left)
            return AnalysedJobs(found=tuple(found), file=name)

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

    def _analysed(self, job: AnalysisJob) -> Found | str:
        """Have it analyse a time point; if it ends meanwhile it is started again, once."""
        for again in (False, True):
            try:
                if not self._process.starts or again:
                    self._process.start()
                self._process.begin(job, _NO_LIMIT_S)
                return self._process.finish()
            except WorkerEndedError as error:
                told = f"{error}, twice in a row"
        return told


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


def analyse(setup: WorkerSetup, shared: SharedFolder, jobs: list[AnalysisJob]) -> AnalysedJobs:
    """Analyse time points of a position in turn; a task that is begun again leaves another file."""
    return _own(setup, shared).analyse(jobs)


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
