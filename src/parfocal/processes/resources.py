"""Things that only one process of this user may own at a time: a serial port, a board, a camera."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from pathlib import Path
from urllib.parse import quote

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import ResourceInUseError
from parfocal.core.files import private_folder
from parfocal.processes import directory
from parfocal.processes.locks import FileLock, holder_of

_LONGEST_NAME = 200
_SWEPT_WITHIN_S = 0.2
"""Whoever looks for leftover locks holds each for a moment."""


@contextmanager
def owned(resources: Iterable[str], owner: str) -> Iterator[None]:
    """Own `resources` inside the ``with`` block, under the name `owner`, against all other processes.

    The locks are the operating system's: a process that dies, however it does, owns nothing any more.

    Raises
    ------
    ResourceInUseError
        If another process owns one of them; names it and its pid. Then none is owned.
    """
    with ExitStack() as stack:
        for resource in sorted(resources):
            stack.callback(_own(resource, owner).release)
        yield


def lock_path(resource: str) -> Path:
    """Return the file whose lock stands for `resource`; two names never share one."""
    name = quote(resource, safe="")
    if len(name) > _LONGEST_NAME:
        name = f"{name[:100]}-{blake2b(name.encode(), digest_size=16).hexdigest()}"
    return directory.locks_folder() / f"{name}.lock"


def _own(resource: str, owner: str) -> FileLock:
    path = lock_path(resource)
    private_folder(path.parent, directory.RUNTIME_DIR)
    end_ns = SYSTEM_CLOCK.monotonic_ns() + int(_SWEPT_WITHIN_S * 1e9)
    while (lock := FileLock.acquire(path, owner)) is None:
        if SYSTEM_CLOCK.monotonic_ns() > end_ns:
            holder, pid = holder_of(path)
            raise ResourceInUseError(
                f"{resource} is owned by {holder} (process {pid}); stop that first, or use the device "
                "through it",
                holder=holder,
                pid=pid,
            )
        SYSTEM_CLOCK.sleep(0.01)
    return lock
