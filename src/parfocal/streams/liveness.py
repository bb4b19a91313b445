"""A `parfocal.processes.identity.Identity` in two words of shared memory: its mark as a number."""

from __future__ import annotations

from typing import NamedTuple

from parfocal.processes import identity


class Owner(NamedTuple):
    """A process: its number, and its mark as a number; 0 for none."""

    pid: int
    started: int


def this_process() -> Owner:
    """Return the calling process."""
    pid, mark = identity.this_process()
    return Owner(pid, int(mark or "0", 16))


def is_alive(owner: Owner) -> bool:
    """Return whether `owner` runs; a stopped process does, and so does one that cannot be looked at.

    Examples
    --------
    >>> is_alive(this_process()), is_alive(Owner(this_process().pid, started=1))
    (True, False)
    """
    return identity.Identity(owner.pid, f"{owner.started:015x}").alive
