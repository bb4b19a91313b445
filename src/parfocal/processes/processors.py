"""Processors: one for the services that a closed loop waits for, the others for the rest of their rig.

Services that ask one another in turn are quicker on one processor than on several: the one that is asked
finds what it needs in that processor's caches, which nobody else of the rig has emptied meanwhile, and no
sleeping processor has to be woken for it. Linux only; where there is one processor, nothing changes.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Processors = Literal["any", "own", "others"]

_THREADS = Path("/proc/self/task")
_found: frozenset[int] = frozenset()
"""What this process might use before it took some of them; empty if it has not."""


def take_processors(wanted: Processors) -> None:
    """Have all threads of this process, and those that they start, work on some of its processors only.

    "own" is the last of those that the process may use, "others" are all but that, "any" changes nothing.
    """
    global _found
    if wanted == "any" or why_no_own_processor():
        return
    _found = frozenset(os.sched_getaffinity(0))
    own = {max(_found)}
    chosen = own if wanted == "own" else _found - own
    os.sched_setaffinity(0, chosen)
    for thread in _THREADS.iterdir():
        with suppress(ProcessLookupError):  # it has ended
            os.sched_setaffinity(int(thread.name), chosen)


@contextmanager
def any_processor() -> Iterator[None]:
    """Have what this thread starts meanwhile, such as a process that computes, work on all processors."""
    if not _found:
        yield
        return
    chosen = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _found)
    try:
        yield
    finally:
        os.sched_setaffinity(0, chosen)


def why_no_own_processor() -> str:
    """Return why services of a rig can't have a processor of their own here; "" if they can."""
    if sys.platform != "linux":
        return "parfocal knows how to ask for that on Linux only"
    return "" if len(os.sched_getaffinity(0)) > 1 else "there is one for everything"
