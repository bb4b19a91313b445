"""Words of shared memory: in which order stores are seen, and how several words are replaced at once.

On x86-64 an aligned 8-byte store is seen whole, and stores are seen in the order of the program, so plain
stores into `Segment.words` publish what was written before. Only where a store must be seen before a *later
load* of the same process is a `fence` needed. Other processors reorder more; there each publishing store
would need a release fence and each first load an acquire fence, which plain Python doesn't have, so rings
are refused there.
"""

from __future__ import annotations

import platform
import threading
from typing import TYPE_CHECKING

from parfocal.core.errors import StreamError

if TYPE_CHECKING:
    from collections.abc import Sequence

_gate = threading.Lock()
_ORDERED_PROCESSORS = ("x86_64", "amd64")


def check_processor() -> None:
    """Refuse a processor on which plain stores may be seen in another order than the program's.

    Raises
    ------
    StreamError
        If this is one.
    """
    processor = platform.machine()
    if processor.lower() not in _ORDERED_PROCESSORS:
        raise StreamError(
            f"streams need a processor that shows stores in their order (x86-64), not {processor!r}: readers "
            "could take a frame before its pixels are there; run the rig on an x86-64 machine"
        )


def fence() -> None:
    """Let every store before be seen before any load after: taking a lock is a locked instruction."""
    _gate.acquire()
    _gate.release()


def words_of(control: memoryview) -> memoryview:
    """Return the signed 8-byte words of a mapping; a store to one is a single store of the processor."""
    return control.cast("q")


def read_buffered(words: memoryview, version: int, buffers: tuple[int, int], count: int) -> list[int]:
    """Return `count` words of the valid one of two buffers as they were at one instant.

    Parameters
    ----------
    version : int
        The word whose lowest bit says which buffer is valid.
    buffers : tuple of int
        The first word of each.
    """
    while True:
        before = words[version]
        first = buffers[before & 1]
        values: list[int] = words[first : first + count].tolist()
        if words[version] == before:
            return values


def write_buffered(words: memoryview, version: int, buffers: tuple[int, int], values: Sequence[int]) -> None:
    """Write into the buffer that isn't valid, and make it so by one store. One process at a time."""
    after = words[version] + 1
    for offset, value in enumerate(values):
        words[buffers[after & 1] + offset] = value
    words[version] = after
