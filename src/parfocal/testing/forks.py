"""What becomes of something in a fork of a process that has threads."""

from __future__ import annotations

import os
import signal
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_GIVES_UP_S = 120


def exit_code_of_fork(work: Callable[[], object]) -> int:
    """Do `work` in a fork of this process: 0 if it returned, 1 if it raised, negative if it never ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork with threads
        pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(_GIVES_UP_S)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
