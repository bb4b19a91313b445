"""Who a process is, in two words of shared memory, and whether it still lives.

The number of a process is given again after its end, so what marks its start is kept beside it.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import NamedTuple

from parfocal.processes.system import start_mark


class Owner(NamedTuple):
    """A process: its number, and a digest of what marks its start."""

    pid: int
    started: int


def this_process() -> Owner:
    """Return the calling process."""
    pid = os.getpid()
    return Owner(pid, _digest(start_mark(pid)))


def is_alive(owner: Owner) -> bool:
    """Return whether `owner` still runs; a stopped process does, a zombie doesn't.

    Examples
    --------
    >>> is_alive(this_process()), is_alive(Owner(os.getpid(), started=1))
    (True, False)
    """
    if owner.pid <= 0:
        return False
    mark = start_mark(owner.pid)
    return mark != "" and _digest(mark) == owner.started


def _digest(mark: str) -> int:
    return int.from_bytes(blake2b(mark.encode(), digest_size=7).digest(), "little")
