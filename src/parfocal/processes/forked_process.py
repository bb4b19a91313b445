"""A child of this process that another one forked for it, by a handle that no later process can take over."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import IO


class ForkedProcess:
    """A child with pipes, to be used as a `subprocess.Popen`. Its `wait` is for one thread, once.

    Parameters
    ----------
    pid : int
        Its process: a child of this one that nobody has collected.
    stdin, stdout : binary file
        This process's ends of its pipes.

    Raises
    ------
    OSError
        If this process has no descriptor left for it.
    """

    def __init__(self, pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid = pid
        self.stdin: IO[bytes] | None = stdin
        self.stdout: IO[bytes] | None = stdout
        self._handle = os.pidfd_open(pid)
        self._lock = threading.Lock()

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it has ended. Any thread."""
        with self._lock, suppress(ProcessLookupError):
            if self._handle >= 0:
                signal.pidfd_send_signal(self._handle, sig)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def wait(self) -> int:
        """Block until it has ended; return its exit code, a signal's number as a negative one.

        As with `subprocess`, the code is 0 if something else in this process has collected it.
        """
        code = 0
        with suppress(ChildProcessError):
            result = os.waitid(os.P_PIDFD, self._handle, os.WEXITED)
            if result is not None:
                code = result.si_status if result.si_code == os.CLD_EXITED else -result.si_status
        with self._lock:
            os.close(self._handle)
            self._handle = -1
        return code
