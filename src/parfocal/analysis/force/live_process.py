"""The service's end of the worker of live forces: started, asked, killed if overdue, started again."""

from __future__ import annotations

import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from parfocal.analysis.force.live_messages import LiveAsk, LiveFound, LiveSetup
from parfocal.core.errors import ServiceUnavailableError
from parfocal.ipc.message_pipe import MessageReader, MessageWriter, PipeClosedError
from parfocal.processes.session import start_module

if TYPE_CHECKING:
    from collections.abc import Callable

_MODULE = "parfocal.analysis.force.live_worker"
_ENDS_WITHIN_S = 2.0


class LiveForceProcess:
    """The worker, which runs from the first question on. Any thread: questions are asked one after the other.

    Parameters
    ----------
    setup : LiveSetup
        What it is told first.
    limit_s : float
        One that has not answered after so long is killed.
    on_restart : callable
        Called with what happened, when one is started in place of one that ended.

    Attributes
    ----------
    restarts : int
        How often one was started in place of one that ended.
    pid : int
        Of the one that runs; 0 if none does.
    """

    def __init__(self, setup: LiveSetup, limit_s: float, on_restart: Callable[[str], None]) -> None:
        self._setup, self._limit_s, self._on_restart = setup, limit_s, on_restart
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self.restarts = 0

    @property
    def pid(self) -> int:
        """Of the process that runs; 0 if none does."""
        process = self._process
        return 0 if process is None else process.pid

    def ask(self, ask: LiveAsk) -> LiveFound:
        """Return its answer; one that ended, or took too long, is started again and asked once more.

        Raises
        ------
        ServiceUnavailableError
            If the next one ends as well.
        """
        with self._lock:
            for again in (False, True):
                if self._process is None:
                    self._start()
                try:
                    return self._answer(ask)
                except PipeClosedError:
                    why = self._ended()
                    if again:
                        raise ServiceUnavailableError(
                            f"the worker of live forces {why}, twice in a row", service="live force"
                        ) from None
                    self.restarts += 1
                    self._on_restart(f"the worker of live forces {why}; it is started again")
        raise AssertionError("unreachable")

    def end(self) -> None:
        """End it; idempotent."""
        with self._lock:
            self._ended()

    def _start(self) -> None:
        with open(2, "wb", closefd=False) as stderr:
            self._process = start_module(_MODULE, stdout=subprocess.PIPE, stderr=stderr)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._writer = MessageWriter(self._process.stdin)
        self._reader: MessageReader[LiveFound] = MessageReader(self._process.stdout, LiveFound)
        with suppress(PipeClosedError):  # the question finds it ended, too
            self._writer.send(self._setup)

    def _answer(self, ask: LiveAsk) -> LiveFound:
        assert self._process is not None
        overdue = threading.Timer(self._limit_s, self._process.kill)
        overdue.daemon = True
        overdue.start()
        try:
            self._writer.send(ask)
            return self._reader.receive()
        finally:
            overdue.cancel()

    def _ended(self) -> str:
        """Have it ended, and return how it was, in words."""
        process, self._process = self._process, None
        if process is None:
            return "was ended"
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        try:
            code = process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        return f"ended with exit code {code}"
