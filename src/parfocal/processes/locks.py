"""Locked files that say who holds them; freed when that process ends. Standard library alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING or __package__:
    from parfocal.processes.identity import this_process
    from parfocal.processes.system import try_lock
else:  # beside the reaper, which is started as a file
    from identity import this_process
    from system import try_lock


FOLDER_LOCK = "rig.lock"
"""The file in a rig's folder whose holder is the rig."""


class FileLock:
    """A file that one process at a time holds. Made by `acquire`; gone after `release`.

    The file is removed at release, so whoever locked it makes sure that it is still the one under that name.
    A fork of the holder lets go of its copy.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd
        _held.add(self)

    @classmethod
    def acquire(cls, path: Path, name: str) -> FileLock | None:
        """Lock `path` under the name of the holder; None if somebody living holds it."""
        while True:
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            if not try_lock(fd):
                os.close(fd)
                return None
            if _is_at(fd, path):
                break
            os.close(fd)
        holder = {"name": name, **this_process()._asdict()}
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, json.dumps(holder).encode())
        return cls(path, fd)

    @property
    def held(self) -> bool:
        """Whether it has not been released."""
        return self._fd >= 0

    def release(self) -> None:
        """Remove the file and let go. Idempotent."""
        if self._fd < 0:
            return
        with suppress(OSError):
            self.path.unlink()
        self.forget()

    def forget(self) -> None:
        """Let go without removing the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


_held: WeakSet[FileLock] = WeakSet()


def _forget_all() -> None:
    for lock in list(_held):
        lock.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def holder_of(path: Path) -> tuple[str, int]:
    """Return name and pid of who locked `path` last; ("", 0) if that can't be told."""
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return str(holder["name"]), int(holder["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0


def sweep(folder: Path) -> list[Path]:
    """Remove the lock files in `folder` that nobody holds any more; return them."""
    swept = []
    for path in sorted(folder.glob("*.lock")):
        lock = FileLock.acquire(path, "sweep")
        if lock is not None:
            lock.release()
            swept.append(path)
    return swept


def empty_folder(folder: Path, keep: Collection[str] = ()) -> None:
    """Remove everything in a locked folder but the lock itself, and what is named in `keep`."""
    entries: list[Path] = []
    with suppress(FileNotFoundError):  # somebody has removed it
        entries = list(folder.iterdir())
    for entry in entries:
        if entry.name == FOLDER_LOCK or entry.name in keep:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def remove_folder(lock: FileLock) -> None:
    """Remove the folder that `lock` locks, the lock last: what has no lock is nobody's to remove."""
    folder = lock.path.parent
    empty_folder(folder)
    lock.release()
    with suppress(OSError):  # somebody has taken it by now
        folder.rmdir()


def lock_leftover(folder: Path, name: str) -> FileLock | None:
    """Lock a folder that was locked before; None if it is gone, was never locked, or somebody holds it."""
    path = folder / FOLDER_LOCK
    if not path.exists():
        return None
    try:
        return FileLock.acquire(path, name)
    except FileNotFoundError:
        return None


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except OSError:
        return False
