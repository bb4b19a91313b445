"""Who runs where: a folder for each rig, with a record of its process and of each service's.

::

    <runtime root>/<rig>/    rig.lock  rig.json  rig.log  <service>.json  .beat  .log  .sock  .notices
    <runtime root>/locks/    one file for each resource that a service owns
    <shm root>/<rig>/        rig.lock  streams

Whoever holds ``rig.lock`` is the rig; the system lets go of the lock when its process ends, however it does.
A process is told by its pid and its start mark, so a recycled pid never counts as alive.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from parfocal.core.errors import AlreadyRunningError, BadInputError, RigNotFoundError, nearest
from parfocal.core.files import replace_file
from parfocal.core.status import ProcessState
from parfocal.processes.locks import (
    FOLDER_LOCK,
    FileLock,
    empty_folder,
    holder_of,
    lock_leftover,
    remove_folder,
    sweep,
)
from parfocal.processes.system import (
    is_alive,
    kill,
    private_folder,
    shared_memory_root,
    start_mark,
    user_runtime_root,
)

if TYPE_CHECKING:
    from parfocal.ipc import Client

RIG_SERVICE = "rig"
LOCKS_FOLDER = "locks"
_GRACE_S = 1.0

R = TypeVar("R", bound=msgspec.Struct)


class RigRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A rig as its folder tells it: its process, since when, its services and where its streams lie."""

    rig: str
    pid: int
    mark: str
    started_utc_ns: int
    services: tuple[str, ...]
    streams: str


class ServiceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A service's process as the supervisor last saw it; `pid` is 0 while there is none."""

    service: str
    state: ProcessState
    pid: int = 0
    mark: str = ""
    restarts: int = 0
    exit_code: int | None = None
    error: str = ""


def runtime_root() -> Path:
    """Return the folder of all rigs' runtime folders: ``$PARFOCAL_RUNTIME_DIR``, or one of this user's."""
    chosen = os.environ.get("PARFOCAL_RUNTIME_DIR")
    return Path(chosen) if chosen else user_runtime_root()


def shm_root() -> Path:
    """Return the folder of all rigs' streams: ``$PARFOCAL_SHM_DIR``, or one in shared memory."""
    chosen = os.environ.get("PARFOCAL_SHM_DIR")
    return Path(chosen) if chosen else shared_memory_root()


def locks_folder() -> Path:
    """Return the folder of the locks that stand for resources."""
    return runtime_root() / LOCKS_FOLDER


def runtime_folder(rig: str) -> Path:
    """Return the folder of `rig` for records, sockets and logs."""
    return runtime_root() / rig


def shm_folder(rig: str) -> Path:
    """Return the folder of `rig` for streams."""
    return shm_root() / rig


def rigs() -> tuple[RigRecord, ...]:
    """Return the rigs of this user that run now, by name."""
    found = (_read(folder / "rig.json", RigRecord) for folder in _folders(runtime_root()))
    return tuple(record for record in found if record is not None and is_alive(record.pid, record.mark))


def rig_record(rig: str) -> RigRecord:
    """Return the record of the running rig `rig`.

    Raises
    ------
    RigNotFoundError
        If none of that name runs; names those that do.
    """
    record = _read(runtime_folder(rig) / "rig.json", RigRecord)
    if record is None or not is_alive(record.pid, record.mark):
        raise RigNotFoundError(f"no rig {rig!r} is running ({nearest(rig, [r.rig for r in rigs()])})")
    return record


def record(rig: str, service: str) -> ServiceRecord | None:
    """Return the record of a service, or None if it has none (yet, or any more)."""
    return _read(runtime_folder(rig) / f"{service}.json", ServiceRecord)


def connect(rig: str, service: str = RIG_SERVICE) -> Client:
    """Return a client of one service of a rig; close it when done. Does not wait for the service.

    If the service ends, pending calls fail at once with the exit code that the supervisor saw.
    """
    from parfocal.ipc import Client

    return Client(runtime_folder(rig), service, death=lambda: exit_code(rig, service))


def exit_code(rig: str, service: str) -> int | None:
    """Return how the last process of `service` ended; None if it runs, or if nobody knows."""
    known = record(rig, service)
    return None if known is None or known.pid else known.exit_code


def wait_until_gone(rig: str, timeout_s: float) -> bool:
    """Block until `rig` has ended and removed its folder; return False if `timeout_s` passed first."""
    end = time.monotonic() + timeout_s
    while (runtime_folder(rig) / "rig.json").exists():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def write_record(path: Path, content: RigRecord | ServiceRecord) -> None:
    """Replace a record in one step, so that a reader finds the old one or the new one, never half."""
    replace_file(path, msgspec.json.encode(content))


class RigFolders:
    """The two folders of a rig, held by this process: made by `claim`, removed by `release`."""

    def __init__(self, rig: str, runtime: Path, streams: Path, locks: tuple[FileLock, ...]) -> None:
        self.rig = rig
        self.runtime = runtime
        self.streams = streams
        self._locks = locks

    @classmethod
    def claim(cls, rig: str, timeout_s: float = 0.5) -> RigFolders:
        """Take the folders of `rig`, and clean up after one of that name that did not.

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
                locks.append(_hold(folder, rig, timeout_s))  # noqa: PERF401 (those held so far are released)
            for folder in folders:
                _end_leftovers(folder)
                empty_folder(folder)
        except BaseException:
            for lock in locks:
                _let_go(lock)
            raise
        return cls(rig, *folders, tuple(locks))

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
    for folder in (folder for root in (runtime_root(), shm_root()) for folder in _folders(root)):
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


def _hold(folder: Path, rig: str, timeout_s: float) -> FileLock:
    if folder.exists() and any(folder.iterdir()) and not (folder / FOLDER_LOCK).exists():
        raise BadInputError(f"{folder} is not empty and no rig's folder; choose another name for the rig")
    end = time.monotonic() + timeout_s  # a reaper or `clean` may be at it for a moment
    while True:
        with suppress(FileNotFoundError):  # it was removed between the two
            private_folder(folder.parent)
            lock = FileLock.acquire(private_folder(folder) / FOLDER_LOCK, rig)
            if lock is not None:
                return lock
        if time.monotonic() > end:
            _, pid = holder_of(folder / FOLDER_LOCK)
            raise AlreadyRunningError(
                f"a rig {rig!r} is running already as process {pid}; stop it, or choose another name", pid=pid
            )
        time.sleep(0.02)


def _let_go(lock: FileLock) -> None:
    if list(lock.path.parent.iterdir()) == [lock.path]:
        remove_folder(lock)
    else:
        lock.forget()  # what a dead rig left there stays to be found


def _end_leftovers(folder: Path) -> None:
    """End children of a rig whose process died: they have a moment to do it themselves."""
    found = [_read(path, ServiceRecord) for path in folder.glob("*.json") if path.name != "rig.json"]
    left = [(r.pid, r.mark) for r in found if r is not None and is_alive(r.pid, r.mark)]
    end = time.monotonic() + _GRACE_S
    while left and time.monotonic() < end:
        time.sleep(0.02)
        left = [process for process in left if is_alive(*process)]
    for process in left:
        kill(*process)


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name != LOCKS_FOLDER)


def _read(path: Path, kind: type[R]) -> R | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def new_rig_record(rig: str, services: tuple[str, ...], streams: Path) -> RigRecord:
    """Return the record of a rig in this process."""
    pid = os.getpid()
    return RigRecord(
        rig=rig,
        pid=pid,
        mark=start_mark(pid),
        started_utc_ns=time.time_ns(),
        services=services,
        streams=str(streams),
    )
