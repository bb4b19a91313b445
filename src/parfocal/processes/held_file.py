"""A locked file that is waited for: several processes, or threads, change something one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parfocal.core.clock import poll_until
from parfocal.processes.locks import FileLock

_LOOK_S = 0.002


@contextmanager
def held_file(path: Path, name: str, within_s: float) -> Iterator[bool]:
    """Hold the lock at `path`, in a folder that exists, while the block runs.

    Lends whether it is held: False if somebody else has had it for `within_s`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "settings.lock"
    >>> with held_file(path, "a", 1.0) as first, held_file(path, "b", 0.01) as second:
    ...     first, second
    (True, False)
    """
    held: list[FileLock] = []

    def try_it() -> bool:
        lock = FileLock.acquire(path, name)
        held.extend([lock] if lock is not None else [])
        return bool(held)

    is_held = poll_until(try_it, within_s, every_s=_LOOK_S)
    try:
        yield is_held
    finally:
        for lock in held:
            lock.release()
