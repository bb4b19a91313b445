"""The folders of rigs: claimed by the process that starts one, and cleaned up after those that died."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from parfocal.core.clock import poll_until
from parfocal.core.errors import AlreadyRunningError, BadInputError
from parfocal.core.files import files_in, private_folder
from parfocal.processes.directory import (
    RUNTIME_DIR,
    SERVICES_FOLDER,
    SHM_DIR,
    ServiceRecord,
    locks_folder,
    read_record,
    rig_folders,
    runtime_folder,
    runtime_root,
    shm_folder,
    shm_root,
)
from parfocal.processes.identity import this_process
from parfocal.processes.locks import (
    FOLDER_LOCK,
    FileLock,
    empty_folder,
    holder_of,
    lock_leftover,
    remove_folder,
    sweep,
)

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_GRACE_S = 1.0
_FRESH_FOR_NS = 3600 * 10**9


class RigFolders:
    """The two folders of a rig, held by this process: made by `claim`, removed by `release`."""

    def __init__(self, rig: str, runtime: Path, streams: Path, locks: tuple[FileLock, ...]) -> None:
        self.rig = rig
        self.runtime = runtime
        self.streams = streams
        self._locks = locks
        self._fresh_until_ns = 0

    @classmethod
    def claim(cls, rig: str, timeout_s: float = 0.5, *, keep: Collection[str] = ()) -> RigFolders:
        """Take the folders of `rig`, and clean up after one of that name that did not.

        Files that are named in `keep` stay.

        Raises
        ------
        AlreadyRunningError
            If a rig of that name runs; names its pid.
        BadInputError
            If a folder of that name is there which no rig made.
        """
        locks: list[FileLock] = []
        folders = runtime_folder(rig), shm_folder(rig)
        try:
            for folder in folders:
                locks.append(_hold(folder, rig, timeout_s, keep))  # noqa: PERF401 (those held so far are released)
            for folder in folders:
                _end_leftovers(folder)
                empty_folder(folder, keep)
        except BaseException:
            for lock in locks:
                _let_go(lock)
            raise
        return cls(rig, *folders, tuple(locks))

    def keep_fresh(self, now_ns: int) -> None:
        """Touch the files once an hour: systems remove what is days old from folders like ``/tmp``."""
        if now_ns < self._fresh_until_ns:
            return
        self._fresh_until_ns = now_ns + _FRESH_FOR_NS
        for folder in (self.runtime, self.streams):
            with suppress(OSError):
                for path in (folder, *folder.iterdir()):
                    os.utime(path)

    def release(self) -> None:
        """Remove both folders and let go of the name. Idempotent."""
        with ExitStack() as stack:
            stack.callback(sweep, locks_folder())
            for lock in self._locks:
                if lock.held:
                    stack.callback(remove_folder, lock)


def stale() -> tuple[Path, ...]:
    """Return the folders that dead rigs left. Changes nothing."""
    found = []
    roots = [root / below for root in (runtime_root(), shm_root()) for below in ("", SERVICES_FOLDER)]
    for folder in (folder for root in roots for folder in rig_folders(root)):
        lock = lock_leftover(folder, "look")
        if lock is not None:
            lock.forget()
            found.append(folder)
    return tuple(found)


def clean() -> tuple[Path, ...]:
    """End the processes and remove the folders and locks that dead rigs left; return what was removed."""
    removed: list[Path] = []
    for folder in stale():
        lock = lock_leftover(folder, "clean")
        if lock is not None:
            _end_leftovers(folder)
            remove_folder(lock)
            removed.append(folder)
    removed.extend(sweep(locks_folder()))
    return tuple(removed)


def _hold(folder: Path, rig: str, timeout_s: float, keep: Collection[str]) -> FileLock:
    found = {path.name for path in files_in(folder)}
    if not found <= {*keep} and FOLDER_LOCK not in found:
        raise BadInputError(f"{folder} is not empty and no rig's folder; choose another name for the rig")
    lock = lock_folder(folder, rig, timeout_s)
    if lock is None:
        _, pid = holder_of(folder / FOLDER_LOCK)
        raise AlreadyRunningError(
            f"a rig {rig!r} is running already as process {pid}; attach to it, stop it, or open yours under "
            "another name (`name=`, `--name`)",
            pid=pid,
        )
    return lock


def lock_folder(folder: Path, name: str, timeout_s: float) -> FileLock | None:
    """Make a folder and lock it under the name of the holder; None if somebody holds it for `timeout_s`.

    A reaper or `clean` may be at it for a moment, and remove it.
    """
    held: list[FileLock] = []
    chosen_by = SHM_DIR if folder.parent == shm_root() else RUNTIME_DIR

    def try_it() -> bool:
        with suppress(FileNotFoundError):  # it was removed between the two
            private_folder(folder.parent, chosen_by)
            lock = FileLock.acquire(private_folder(folder, chosen_by) / FOLDER_LOCK, name)
            held.extend([lock] if lock is not None else [])
        return bool(held)

    return held[0] if poll_until(try_it, timeout_s) else None


def _let_go(lock: FileLock) -> None:
    if list(lock.path.parent.iterdir()) == [lock.path]:
        remove_folder(lock)
    else:
        lock.forget()  # what a dead rig left there stays to be found


def _end_leftovers(folder: Path) -> None:
    """End children of a rig whose process died: they have a moment to do it themselves."""
    found = [
        read_record(path, ServiceRecord) for path in files_in(folder, "*.json") if path.name != "rig.json"
    ]
    mine = this_process()
    left = [record.process for record in found if record is not None and record.process.alive]
    left = [process for process in left if process != mine]
    if not poll_until(lambda: not any(process.alive for process in left), _GRACE_S):
        for process in left:
            process.kill()
