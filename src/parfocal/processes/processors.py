"""Processors: one for the services that a closed loop waits for, the others for the rest of their rig.

Services that ask one another in turn are quicker on one processor than on several: the one that is asked
finds what it needs in that processor's caches, which nobody else of the rig has emptied meanwhile, and no
sleeping processor has to be woken for it. Linux only; where it can't be had, nothing changes.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Processors = Literal["any", "own", "others"]

_THREADS = Path("/proc/self/task")
_TOLD = Path("/sys/devices/system/cpu")
_found: frozenset[int] = frozenset()
"""What this process might use before it took some of them; empty if it has not."""


def take_processors(wanted: Processors) -> None:
    """Have all threads of this process, and those that they start, work on some of its processors only.

    "own" is one of those that the process may use, "others" are all but that, "any" changes nothing. Linear
    algebra and loops that numpy and others share among threads get as many of these as there are processors
    then: more would wait for one another.
    """
    global _found
    if wanted == "any" or why_no_own_processor():
        return
    found = frozenset(os.sched_getaffinity(0))
    own, others = divided(found)
    chosen = frozenset({own}) if wanted == "own" else others
    for thread in _THREADS.iterdir():
        with suppress(ProcessLookupError):  # it has ended
            os.sched_setaffinity(int(thread.name), chosen)
    _found = found
    from threadpoolctl import threadpool_limits  # takes 20 ms, and few services need it

    threadpool_limits(len(chosen))


def divided(
    found: frozenset[int],
    speed_of: Callable[[int], int] | None = None,
    beside: Callable[[int], frozenset[int]] | None = None,
) -> tuple[int, frozenset[int]]:
    """Return which of some processors is a loop's own, and the others.

    It is the last of the quickest. A processor beside it in the same core, which shares its caches, is none
    of the others, unless there is no more.

    Parameters
    ----------
    found : frozenset of int
        Two or more.
    speed_of, beside : callable, optional
        How quick a processor is, in any unit, and which are in its core; by default as the system tells it.

    Examples
    --------
    >>> divided(frozenset({0, 1, 2, 3}), lambda n: 5 if n < 2 else 3, lambda n: frozenset({n}))
    (1, frozenset({0, 2, 3}))
    >>> divided(frozenset({0, 1, 2, 3}), lambda n: 5, lambda n: frozenset({n, n ^ 1}))
    (3, frozenset({0, 1}))
    """
    speed_of, beside = speed_of or _speed_of, beside or _beside
    own = max(found, key=lambda number: (speed_of(number), number))
    return own, (found - beside(own)) - {own} or found - {own}


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
    found = os.sched_getaffinity(0)
    if len(found) < 2:
        return "there is one for everything"
    try:
        os.sched_setaffinity(0, found)
    except OSError as error:
        return f"this user may not choose ({error.strerror})"
    return ""


def _speed_of(number: int) -> int:
    """Return the highest frequency of a processor, or what the system tells instead; 0 if nothing."""
    for told in ("cpufreq/cpuinfo_max_freq", "cpu_capacity"):
        with suppress(OSError, ValueError):
            return int((_TOLD / f"cpu{number}" / told).read_text())
    return 0


def _beside(number: int) -> frozenset[int]:
    """Return the processors in the core of one: that, and those that share its caches."""
    try:
        told = (_TOLD / f"cpu{number}" / "topology" / "thread_siblings_list").read_text()
    except OSError:
        return frozenset()
    return numbers_in(told)


def numbers_in(told: str) -> frozenset[int]:
    """Return the numbers in a list as Linux writes it.

    Examples
    --------
    >>> sorted(numbers_in("0-1,8"))
    [0, 1, 8]
    """
    ranges = (part.partition("-") for part in told.strip().split(","))
    return frozenset(number for low, _, high in ranges for number in range(int(low), int(high or low) + 1))
