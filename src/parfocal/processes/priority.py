"""Real-time priority: a process that goes before all of ordinary priority, where the system allows that.

On Linux it is the lowest of the scheduler's round robin (sched(7)). The system keeps a twentieth of each
second for all others, so that even a process that goes wrong can be ended.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from parfocal.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from parfocal.processes.spec import ServiceSpec

_LOWEST = 1
ALLOW = (
    "allow it with a line such as '@lab - rtprio 1' in /etc/security/limits.conf, where lab is a group of "
    "yours, and log in again"
)


def take_real_time_priority() -> None:
    """Have this thread, and those that it starts, go before all of ordinary priority.

    Raises
    ------
    OSError
        If this user may not.
    """
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_LOWEST))


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """Have what this thread starts meanwhile be of ordinary priority, such as a process that computes."""
    if not hasattr(os, "sched_getscheduler") or os.sched_getscheduler(0) == os.SCHED_OTHER:
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


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
    if names and (why := why_no_real_time()):
        raise ConfigError(f"real-time priority for {names}: {why}; {ALLOW}, or leave them out of real_time")
