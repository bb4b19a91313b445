"""Real-time priority: a process that goes before all of ordinary priority, where the system allows that.

On Linux it is the lowest of the scheduler's round robin (sched(7)). The system keeps a twentieth of each
second for all others, so that even a process that goes wrong can be ended.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from parfocal.processes.spec import ServiceSpec

_LOWEST = 1
_THREADS = Path("/proc/self/task")
ALLOW = (
    "allow it with a line such as '@lab - rtprio 1' in /etc/security/limits.conf, where lab is a group of "
    "yours, and log in again"
)


def take_real_time_priority(thread: int = 0) -> None:
    """Have a thread, this one by default, and those that it starts go before all of ordinary priority.

    Raises
    ------
    OSError
        If this user may not.
    """
    os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(_LOWEST))


def take_for_process() -> None:
    """Have all threads of this process go first: also those of a library that was imported before.

    Raises
    ------
    OSError
        If this user may not.
    """
    take_real_time_priority()
    for thread in _THREADS.iterdir() if _THREADS.is_dir() else ():
        with suppress(ProcessLookupError):  # it has ended
            take_real_time_priority(int(thread.name))


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """Have what this thread starts meanwhile, such as a process that computes, not be of real-time priority.

    A lower one than the ordinary, which somebody chose for all of it, stays.
    """
    policy = _policy()
    if policy is None or policy not in (os.SCHED_RR, os.SCHED_FIFO):
        yield
        return
    parameters = os.sched_getparam(0)
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def _policy() -> int | None:
    """Return how this thread is scheduled; None where the system has no word for it, or tells nobody."""
    if not hasattr(os, "sched_getscheduler"):
        return None
    try:
        return os.sched_getscheduler(0)
    except OSError:  # as with the C library musl
        return None


def why_no_real_time() -> str:
    """Return why no process of this user may have real-time priority; "" if they may."""
    if not hasattr(os, "sched_setscheduler"):
        return "this system has none that parfocal knows how to ask for"
    found = ""

    def attempt() -> None:
        nonlocal found
        try:
            take_real_time_priority()
        except OSError as error:
            found = f"this user may not have it ({error.strerror})"

    thread = threading.Thread(target=attempt, name="real-time priority")  # which ends with it
    thread.start()
    thread.join()
    return found


def check_real_time(specs: Iterable[ServiceSpec]) -> None:
    """Check that the services that want real-time priority may have it. Starts nothing.

    Raises
    ------
    ConfigError
        If they may not; names them, and tells what to do.
    """
    names = ", ".join(spec.name for spec in specs if spec.real_time)
    if names:
        check_allowed(names, "leave them out of real_time")


def check_allowed(whom: str, instead: str) -> None:
    """Check that processes of this user may have real-time priority.

    Raises
    ------
    ConfigError
        If they may not; names for `whom`, and tells what to do, or to do `instead`.
    """
    if why := why_no_real_time():
        raise ConfigError(f"real-time priority for {whom}: {why}; {ALLOW}, or {instead}")
