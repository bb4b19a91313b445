"""The engine's end of one worker: its process, started, asked, killed when it is overdue, started again."""

from __future__ import annotations

import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import ParfocalError
from parfocal.ipc.message_pipe import MessageReader, MessageWriter, PipeClosedError, packed
from parfocal.processes.session import start_module
from parfocal.runs.pipeline.messages import AnalysisJob, Found, FromWorker, ToWorker, Warmed, WorkerSetup
from parfocal.runs.pipeline.start_watch import StartWatch
from parfocal.runs.pipeline.worker_memory import WorkerMemory

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MODULE = "parfocal.runs.pipeline.worker"
_ENDS_WITHIN_S = 2.0


class WorkerEndedError(ParfocalError):
    """A worker has ended, or was ended because it took too long."""


class WorkerProcess:
    """One worker. One thread at a time, but for `kill` and `kill_if_overdue`.

    Whoever has a job may begin it, and another thread wait for its answer.

    Parameters
    ----------
    number : int
        Its number among the workers of a run, from 0.
    setup : WorkerSetup
        What it is told first; `shared` is the name of a file beside the streams, and gets the number.

    Attributes
    ----------
    starts : int
        How often it was started.
    """

    def __init__(self, number: int, setup: WorkerSetup) -> None:
        path = Path(f"{setup.shared}{number}")
        self._setup = msgspec.structs.replace(setup, shared=str(path))
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None
        self._results: WorkerMemory | None = None
        self._lock = threading.Lock()
        self._due_s = float("inf")
        self._start: StartWatch | None = None  # until it is warm
        self._why = ""
        self._is_over = False
        self._jobs = 0
        self._unsent: bytes | None = None  # of the job that was begun
        self.number, self.starts = number, 0

    @property
    def labels(self) -> NDArray[Any]:
        """The labels that it has found last."""
        assert self._results is not None
        return self._results.labels

    @property
    def mask(self) -> NDArray[Any]:
        """The mask that it has found last."""
        assert self._results is not None
        return self._results.mask

    def start(self, limit_s: float | None = None) -> Warmed:
        """Start it anew, and return what it tells once it is warm.

        Raises
        ------
        WorkerEndedError
            If it ends meanwhile; also as `kill_if_overdue` finds that it stands still, or took `limit_s`.
        """
        self.end()
        self._path.unlink(missing_ok=True)  # of an earlier process: it may write to it still
        self._results = WorkerMemory(self._path, self._setup.spec.shape)
        try:
            return self._warmed(limit_s)
        finally:
            self._path.unlink(missing_ok=True)  # both have it mapped; a file that is left behind is nobody's

    def begin(self, job: AnalysisJob, limit_s: float) -> None:
        """Have it analyse the images of a job; waits for nothing.

        A job that its pipe may not take at once, as it may stand still, is sent by `finish`.
        """
        self._jobs += 1
        self._job = msgspec.structs.replace(job, number=self._jobs)
        message = packed(self._job)
        is_sent_now = len(message) <= self._room
        self._unsent = None if is_sent_now else message
        self._due_in(limit_s)
        if is_sent_now:
            self._send(message)

    def finish(self) -> Found:
        """Return what it has found of the job that was begun; raises as `start`.

        An answer to an earlier job that comes twice is none to this one: its mask is of another image.
        """
        if self._unsent is not None:
            self._send(self._unsent)
        answer = self._answer_to(self._job)
        assert isinstance(answer, Found)
        return answer

    def kill_if_overdue(self, now_s: float) -> None:
        """Kill it if it should have answered by now, or stands still before it is warm. Any thread."""
        with self._lock:
            if self._process is None:
                return
            wrong = "took too long" if now_s > self._due_s else ""
            if self._start is not None:
                wrong = self._start.verdict(int(now_s * 1e9))
            if wrong:
                self._why = f"{wrong}, and was killed"
                self._process.kill()

    def kill(self) -> None:
        """Kill it for good, if it runs: who waits for its answer is told so. Any thread."""
        with self._lock:
            self._is_over = True
            if self._process is not None:
                self._why = self._why or "was ended"
                self._process.kill()

    def end(self) -> None:
        """End it, let go of its memory, and wait until it has ended. Idempotent."""
        self._results = None
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close(pipe)
        try:
            process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _warmed(self, limit_s: float | None) -> Warmed:
        """Start its process, and return what it tells once it is warm."""
        with open(2, "wb", closefd=False) as stderr, self._lock:
            if self._is_over:
                raise WorkerEndedError(f"worker {self.number} of the pipeline was ended")
            self._why = ""
            self._process = start_module(_MODULE, stdout=subprocess.PIPE, stderr=stderr)
            if limit_s is not None:
                self._start = StartWatch(self._process.pid, limit_s, SYSTEM_CLOCK.monotonic_ns())
        self.starts += 1
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._writer = MessageWriter(self._process.stdin)
        self._room = self._writer.room
        self._reader: MessageReader[FromWorker] = MessageReader(self._process.stdout, FromWorker)
        self._send(packed(self._setup))
        answer = self._answer_to(self._setup)
        assert isinstance(answer, Warmed)
        return answer

    def _due_in(self, limit_s: float) -> None:
        self._due_s = SYSTEM_CLOCK.monotonic_s() + limit_s

    def _send(self, message: bytes) -> None:
        with suppress(PipeClosedError):  # told by the answer that does not come
            self._writer.write(message)

    def _answer_to(self, message: ToWorker) -> FromWorker:
        try:
            while not _answers(answer := self._reader.receive(), message):
                pass
            return answer
        except PipeClosedError as error:
            raise WorkerEndedError(f"worker {self.number} of the pipeline {self._ended()}") from error
        finally:
            self._due_s, self._start = float("inf"), None

    def _ended(self) -> str:
        """Return how it has ended, in words."""
        with self._lock:
            process = self._process
        if process is None:
            return "was ended"
        try:
            code = process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            return "closed its pipe and goes on"
        return self._why or f"ended with exit code {code}"


def _answers(answer: FromWorker, message: ToWorker) -> bool:
    if isinstance(message, WorkerSetup):
        return isinstance(answer, Warmed)
    return isinstance(answer, Found) and answer.number == message.number


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except OSError:  # what was not written yet has no reader any more
        return
