"""Starts a module of parfocal in a process and a session of its own, with the same Python."""

from __future__ import annotations

import subprocess
import sys
from typing import IO


def start_module(module: str, *, stdout: int, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start ``python -m module``; it is told through its stdin what to do.

    It neither finds modules in the folder where it is started, nor hears the Ctrl-C of whoever starts it.

    Parameters
    ----------
    module : str
        Full name, such as "parfocal.processes.child".
    stdout : int
        `subprocess.PIPE` or `subprocess.DEVNULL`.
    stderr : binary file
        Where it writes what goes wrong.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )
