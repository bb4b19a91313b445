"""A worker as the browser holds it: started when it is asked, started again when it has died or hangs."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress

from parfocal.app.browser.messages import Answer, Request
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.ipc.message_pipe import MessageReader, MessageWriter, PipeClosedError
from parfocal.processes.session import start_module

_MODULE = "parfocal.app.browser.worker"


class BrowserWorker:
    """Has one request answered at a time. Thread-safe; `tell` is called in a thread of its own.

    Parameters
    ----------
    tell : callable
        ``tell(answer)`` is called with each answer, ``tell(reason)`` (a str) when the process has ended
        before it had answered all of its request.

    Attributes
    ----------
    asked_ns : int
        When the request that is under way was last answered, or asked; 0 if none is.
    """

    def __init__(self, tell: Callable[[Answer | str], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: MessageWriter | None = None
        self._closed = False
        self.asked_ns = 0

    def ask(self, request: Request) -> None:
        """Send a request; its answers are told. Returns at once."""
        with self._lock:
            if self._closed:
                return
            if self._process is None:
                self._start()
            self.asked_ns = SYSTEM_CLOCK.monotonic_ns()
            assert self._requests is not None
            try:
                self._requests.send(request)
            except PipeClosedError:
                return  # its reader tells that it has ended

    def kill(self) -> None:
        """End the process at once; that is told as any other end of it."""
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """Have the process end by itself, and tell nothing more. Idempotent."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                _end_of_requests(self._process)

    def _start(self) -> None:
        with tempfile.TemporaryFile() as log:
            self._process = start_module(_MODULE, stdout=subprocess.PIPE, stderr=log)
        assert self._process.stdin is not None
        self._requests = MessageWriter(self._process.stdin)
        threading.Thread(
            target=self._receive, args=(self._process,), name="browser-worker", daemon=True
        ).start()

    def _receive(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        reader: MessageReader[Answer] = MessageReader(process.stdout, Answer)
        try:
            while True:
                answer = reader.receive()
                self.asked_ns = 0 if answer.last else SYSTEM_CLOCK.monotonic_ns()
                if not self._closed:
                    self._tell(answer)
        except PipeClosedError:
            process.stdout.close()
            code = process.wait()
        with self._lock:
            _end_of_requests(process)
            self._process = None
            was_asked, self.asked_ns = self.asked_ns != 0, 0
        if was_asked and not self._closed:
            self._tell(_words(code))


def _end_of_requests(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe to a process; what it can no longer read is nothing that anybody waits for."""
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()


def _words(code: int) -> str:
    """Return how a process ended.

    Examples
    --------
    >>> _words(-11), _words(1)
    ('was ended by signal 11', 'ended with code 1')
    """
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
