"""Memory that a step has freed stays with its process for the next image: new pages cost 0.5 ms for a MB."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
"""As in malloc.h of the GNU C library."""
_LARGEST_BYTES = 32 * 2**20
"""Larger arrays go back to the system all the same: the library allows no more."""
_KEPT_BYTES = 512 * 2**20


def keep_freed_memory() -> bool:
    """Have this process keep what it frees, up to 512 MB; return whether the C library does that.

    Without it, each large array of each image is made of pages that the system has to clear first. Of other
    C libraries than that of GNU nothing is asked.

    Examples
    --------
    >>> keep_freed_memory() in (True, False)
    True
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    asked = (
        (_M_MMAP_THRESHOLD, _LARGEST_BYTES),
        (_M_TRIM_THRESHOLD, _KEPT_BYTES),
        (_M_TOP_PAD, _LARGEST_BYTES),
    )
    return all(mallopt(name, value) == 1 for name, value in asked)
