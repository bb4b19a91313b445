"""Starts a module of parfocal in a process and a session of its own, with the same Python."""

from __future__ import annotations

import subprocess
import sys
from typing import IO, Protocol

from parfocal.processes.permissions import nothing_taken


class ChildHandle(Protocol):
    """A child of this process with pipes: a `subprocess.Popen`, or a `ForkedProcess`."""

    pid: int
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it has ended."""
        ...

    def terminate(self) -> None:
        """Ask the operating system to end it."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...

    def wait(self) -> int:
        """Block until it has ended; return its exit code, a signal's as a negative number."""
        ...


def start_module(module: str, *, stdout: int, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start ``python -m module``; it is told through its stdin what to do.

    It neither finds modules in the folder where it is started, nor hears the Ctrl-C of whoever starts it. Nor
    has it the real-time priority of that, nor is it kept to its processors.

    Parameters
    ----------
    module : str
        Full name, such as "parfocal.processes.child".
    stdout : int
        `subprocess.PIPE` or `subprocess.DEVNULL`.
    stderr : binary file
        Where it writes what goes wrong.
    """
    with nothing_taken():
        return subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
