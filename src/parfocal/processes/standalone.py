"""Services without a rig: started by whoever needs one first, found by all, ended with their owner.

::

    start_service(spec) ──(one at a time, by a lock)──> python -m parfocal.processes.standalone_process
        returns at once: "starting"                        its own session, lock, record, log, token

    <runtime root>/services/<name>/   rig.lock  <name>.json  .sock  .notices  .beat  .log
    <runtime root>/services/          <name>.lock while somebody starts it

A record names its process by pid and mark, and by a token that no other start has; whoever ends a service
ends that process or none.
"""

from __future__ import annotations

import math
import subprocess
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK, Clock, poll_until
from parfocal.core.errors import ProcessError, ServiceUnavailableError
from parfocal.core.files import private_folder
from parfocal.processes import directory
from parfocal.processes.directory import SERVICES_FOLDER, ServiceRecord, read_record, write_record
from parfocal.processes.folders import lock_folder
from parfocal.processes.heartbeat import read_stamps, step_over_at
from parfocal.processes.held_file import held_file
from parfocal.processes.identity import Identity, identity_of, wants_processor
from parfocal.processes.locks import FOLDER_LOCK, FileLock, holder_of, remove_folder
from parfocal.processes.permissions import check_permitted
from parfocal.processes.process import search_path
from parfocal.processes.session import start_module
from parfocal.processes.spec import ServiceSpec, check_name
from parfocal.processes.system import run_on

if TYPE_CHECKING:
    from parfocal.ipc import Client

State = Literal["starting", "ready", "hung", "exited"]

_START_LOCK_WITHIN_S = 5.0
_ENDS_WITHIN_S = 5.0
_CLEARED_WITHIN_S = 2.0


class StandaloneRecord(ServiceRecord, frozen=True, kw_only=True):
    """A standalone service as its folder tells it.

    Attributes
    ----------
    token : str
        No other start of this or any other service has it.
    factory : str
        Its class.
    version : str
        Of the parfocal that runs it.
    owner : tuple of int and str, optional
        The process that it ends with, by pid and mark; None if it persists.
    """

    token: str
    factory: str
    version: str
    started_utc_ns: int
    owner: tuple[int, str] | None = None


class StandaloneStart(msgspec.Struct, frozen=True, kw_only=True):
    """What the process of a standalone service is given: one JSON line on its stdin."""

    spec: ServiceSpec
    token: str
    search_path: list[str]
    owner: tuple[int, str] | None
    idle_after_s: float


def start_service(
    spec: ServiceSpec, *, owner: Identity | None = None, idle_after_s: float = math.inf
) -> StandaloneRecord:
    """Return the running service of that name, started if there was none; never waits until it is ready.

    Exactly one is started, however many threads and processes ask at once.

    Parameters
    ----------
    spec : ServiceSpec
        Its name, class and settings; those of one that runs already stay as they are.
    owner : Identity, optional
        The process that it ends with, however that one ends; without, it persists.
    idle_after_s : float
        It ends when nobody has called a command for so long.

    Raises
    ------
    ConfigError
        If it wants real-time priority, or to keep processors awake, and this user may not.
    ProcessError
        If somebody else is about to start it, and does not get on with it.
    """
    check_name(spec.name, "service")
    found = find_service(spec.name)
    if found is not None and found.process.alive:
        return found
    check_permitted((spec,))
    root = private_folder(private_folder(directory.runtime_root(), directory.RUNTIME_DIR) / SERVICES_FOLDER)
    with held_file(root / f"{spec.name}.lock", "start", _START_LOCK_WITHIN_S) as held:
        if not held:
            raise ProcessError(
                f"service {spec.name!r} is being started by a process that does not get on with it"
            )
        found = find_service(spec.name)
        if found is not None and found.process.alive:
            return found
        if found is not None:  # or its reaper would take the folder from the one that is started now
            poll_until(lambda: _is_cleared(found), _CLEARED_WITHIN_S)
        return _start(spec, owner, idle_after_s)


def find_service(name: str) -> StandaloneRecord | None:
    """Return the record of a standalone service, which may have ended; None if there is none."""
    return read_record(record_path(name), StandaloneRecord)


def services() -> tuple[StandaloneRecord, ...]:
    """Return the standalone services that run, by name."""
    folders = directory.rig_folders(directory.runtime_root() / SERVICES_FOLDER)
    found = (find_service(folder.name) for folder in folders)
    return tuple(record for record in found if record is not None and record.process.alive)


def state_of(record: StandaloneRecord, clock: Clock = SYSTEM_CLOCK, silent_after_s: float = 1.0) -> State:
    """Return what a service is doing, by its process and what it stamps. Nobody is asked or waited for.

    It is hung if its process is silent and does not work either, or if its main thread has been in one step,
    or one turn of a window system's loop, for longer than its class allows.
    """
    if not record.process.alive:
        return "exited"
    now = find_service(record.service)
    if now is None or now.token != record.token:
        return "exited"  # it is on its very last way out
    if now.state == "starting":
        return "starting"
    stamps, now_ns = read_stamps(record_path(record.service).with_suffix(".beat")), clock.monotonic_ns()
    if stamps is None:
        return "starting"
    silent = now_ns - stamps.beat > silent_after_s * 1e9 and not wants_processor(record.pid)
    return "hung" if silent or now_ns >= step_over_at(stamps, 0) else "ready"


def connect_service(name: str) -> Client:
    """Return a client of a standalone service; close it when done. Does not wait for the service."""
    return directory.connect(rig_of(name), name)


def end_service(record: StandaloneRecord, *, force: bool = False) -> None:
    """End one service and wait until it has ended: this process of it, or none.

    Parameters
    ----------
    force : bool
        Whether to kill it at once; without, it is asked to end in order, and killed if it does not.
    """
    process = record.process
    if not force and state_of(record) == "ready":
        with connect_service(record.service) as client:
            try:
                if client.hello().details.get("token") == record.token:
                    client.call("end", timeout_s=_ENDS_WITHIN_S)
            except (ServiceUnavailableError, TimeoutError):
                pass  # it ends, or it does not: seen below
        poll_until(lambda: not process.alive, _ENDS_WITHIN_S)
    process.kill()
    poll_until(lambda: not process.alive, _ENDS_WITHIN_S)
    poll_until(lambda: _is_cleared(record), _CLEARED_WITHIN_S)


def _is_cleared(record: StandaloneRecord) -> bool:
    """Remove what a service that was killed has left, unless another one has its name by now.

    Its locks last until the last of its threads has ended; one that was killed at its start holds none yet.
    """
    left = find_service(record.service)
    if left is None or left.token != record.token or left.process.alive:
        return True
    rig = rig_of(record.service)
    for folder in (directory.shm_folder(rig), directory.runtime_folder(rig)):
        if not folder.exists():
            continue
        try:
            lock = FileLock.acquire(folder / FOLDER_LOCK, "end")
        except FileNotFoundError:  # its reaper was faster by a moment
            continue
        if lock is None:
            return False
        remove_folder(lock)
    return True


def rig_of(name: str) -> str:
    """Return what stands for the name of a rig where a standalone service is meant."""
    return f"{SERVICES_FOLDER}/{name}"


def record_path(name: str) -> Path:
    """Return where the record of a standalone service lies."""
    return directory.runtime_folder(rig_of(name)) / f"{name}.json"


def _start(spec: ServiceSpec, owner: Identity | None, idle_after_s: float) -> StandaloneRecord:
    from importlib.metadata import version

    start = StandaloneStart(
        spec=spec,
        token=uuid.uuid4().hex,
        search_path=search_path(),
        owner=None if owner is None else (owner.pid, owner.mark),
        idle_after_s=min(idle_after_s, 1e9),
    )
    lock = _hold_folder(spec.name)
    try:
        with (lock.path.parent / f"{spec.name}.log").open("ab") as log:
            child = start_module(
                "parfocal.processes.standalone_process", stdout=subprocess.DEVNULL, stderr=log
            )
        pid, mark = identity_of(child.pid)
        record = StandaloneRecord(
            service=spec.name,
            state="starting",
            pid=pid,
            mark=mark,
            token=start.token,
            factory=spec.factory,
            version=version("parfocal"),
            started_utc_ns=SYSTEM_CLOCK.utc_ns(),
            owner=start.owner,
        )
        write_record(record_path(spec.name), record)  # before it is told its name: it goes on from this
    finally:
        lock.release()  # the service takes it
    _hand_over(child, msgspec.json.encode(start) + b"\n")
    return record


def _hold_folder(name: str) -> FileLock:
    """Make a service's folder, and lock it: the reaper of the one before may be about to remove it."""
    folder = directory.runtime_folder(rig_of(name))
    lock = lock_folder(folder, "start", _CLEARED_WITHIN_S)
    if lock is None:
        _, pid = holder_of(folder / FOLDER_LOCK)
        raise ProcessError(f"process {pid} still holds {folder}, of service {name!r}: end it first")
    return lock


def _hand_over(child: subprocess.Popen[bytes], line: bytes) -> None:
    """Write to a child without waiting until it reads, and let it run on."""

    def write() -> None:
        assert child.stdin is not None
        with suppress(OSError), child.stdin as stdin:  # it may have ended
            stdin.write(line)

    run_on(child, first=write)


def plain(record: StandaloneRecord) -> dict[str, Any]:
    """Return a record as listings print it."""
    return {**msgspec.to_builtins(record), "state": state_of(record)}
