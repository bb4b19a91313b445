"""The folder of each rig, with a record of its process and of the process of each service.

::

    <runtime root>/<rig>/    rig.lock  rig.json  rig.log  <service>.json  .beat  .log  .sock  .notices
    <runtime root>/locks/    one file for each resource that a service owns
    <runtime root>/services/ a folder for each standalone service
    <shm root>/<rig>/        rig.lock  streams

Whoever holds ``rig.lock`` is the rig; the system lets go of the lock when its process ends, however it does.
A process is told by its pid and its start mark, so a recycled pid never counts as alive.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import RigNotFoundError, nearest
from parfocal.core.files import files_in, replace_file
from parfocal.core.known_types import known
from parfocal.core.status import ProcessState
from parfocal.processes.identity import Identity, this_caller, this_process
from parfocal.processes.system import shared_memory_root, user_runtime_root, user_state_root

if TYPE_CHECKING:
    from parfocal.ipc import Client

RIG_SERVICE = "rig"
RIG_FILE = "rig.toml"
"""In a rig's runtime folder: what it is, as it was started."""
RUNTIME_DIR, SHM_DIR = "PARFOCAL_RUNTIME_DIR", "PARFOCAL_SHM_DIR"
"""The variables by which a user chooses where the two folders of rigs lie."""
LOCKS_FOLDER = "locks"
SERVICES_FOLDER = "services"
IMAGES_FOLDER = "images"
"""Standalone services have a folder each in here."""

R = TypeVar("R", bound=msgspec.Struct)


class RigRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A rig as its folder tells it: its process, since when, its services and where its streams lie."""

    rig: str
    pid: int
    mark: str
    started_utc_ns: int
    services: tuple[str, ...]
    streams: str
    detached: bool = False

    @property
    def process(self) -> Identity:
        """The rig's own process."""
        return Identity(self.pid, self.mark)


class ServiceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A service's process as the supervisor last saw it; `pid` is 0 while there is none."""

    service: str
    state: ProcessState
    pid: int = 0
    mark: str = ""
    restarts: int = 0
    exit_code: int | None = None
    error: str = ""

    @property
    def process(self) -> Identity:
        """Its process."""
        return Identity(self.pid, self.mark)


def runtime_root() -> Path:
    """Return the folder of all rigs' runtime folders: ``$PARFOCAL_RUNTIME_DIR``, or one of this user's."""
    chosen = os.environ.get(RUNTIME_DIR)
    return Path(chosen) if chosen else user_runtime_root()


def shm_root() -> Path:
    """Return the folder of all rigs' streams: ``$PARFOCAL_SHM_DIR``, or one in shared memory."""
    chosen = os.environ.get(SHM_DIR)
    return Path(chosen) if chosen else shared_memory_root()


def state_folder(rig: str) -> Path:
    """Return the folder of what outlives `rig`: in ``$PARFOCAL_STATE_DIR``, or one of this user's.

    It need not be there.
    """
    chosen = os.environ.get("PARFOCAL_STATE_DIR")
    return (Path(chosen) if chosen else user_state_root()) / rig


def locks_folder() -> Path:
    """Return the folder of the locks that stand for resources."""
    return runtime_root() / LOCKS_FOLDER


def runtime_folder(rig: str) -> Path:
    """Return the folder of `rig` for records, sockets and logs."""
    return runtime_root() / rig


def shm_folder(rig: str) -> Path:
    """Return the folder of `rig` for streams."""
    return shm_root() / rig


def images_folder(service: str) -> Path:
    """Return the folder of images that wait for a standalone service."""
    return shm_root() / IMAGES_FOLDER / service


def rigs() -> tuple[RigRecord, ...]:
    """Return the rigs of this user that run now, by name."""
    found = (read_record(folder / "rig.json", RigRecord) for folder in rig_folders(runtime_root()))
    return tuple(record for record in found if record is not None and record.process.alive)


def rig_record(rig: str) -> RigRecord:
    """Return the record of the running rig `rig`.

    Raises
    ------
    RigNotFoundError
        If none of that name runs; names those that do.
    """
    record = read_record(runtime_folder(rig) / "rig.json", RigRecord)
    if record is None or not record.process.alive:
        raise RigNotFoundError(f"no rig {rig!r} is running ({nearest(rig, [r.rig for r in rigs()])})")
    return record


def record(rig: str, service: str) -> ServiceRecord | None:
    """Return the record of a service, or None if it has none (yet, or any more)."""
    return read_record(runtime_folder(rig) / f"{service}.json", ServiceRecord)


def connect(rig: str, service: str = RIG_SERVICE, *, heeds_claims: bool = False) -> Client:
    """Return a client of one service of a rig; close it when done. Does not wait for the service.

    If the service ends, pending calls fail at once with the exit code that the supervisor saw. Services of
    the rig may change what a run claims; with `heeds_claims` they are refused as everybody else is.
    """
    from parfocal.ipc import Client

    caller, is_service = this_caller(rig)
    return Client(
        runtime_folder(rig),
        service,
        death=lambda: exit_code(rig, service),
        caller=caller,
        is_service=is_service and not heeds_claims,
    )


def exit_code(rig: str, service: str) -> int | None:
    """Return how the last process of `service` ended; None if it runs, or if nobody knows."""
    known = record(rig, service)
    return None if known is None or known.pid else known.exit_code


def wait_until_gone(rig: str, timeout_s: float) -> bool:
    """Block until `rig` has ended and removed its folder; return False if `timeout_s` passed first."""
    record = runtime_folder(rig) / "rig.json"
    return poll_until(lambda: not record.exists(), timeout_s)


def write_record(path: Path, content: RigRecord | ServiceRecord) -> None:
    """Replace a record in one step, so that a reader finds the old one or the new one, never half."""
    replace_file(path, msgspec.json.encode(content))


def rig_folders(root: Path) -> list[Path]:
    """Return the folders in a root that may be rigs'."""
    others = (LOCKS_FOLDER, SERVICES_FOLDER, IMAGES_FOLDER)
    return [path for path in files_in(root) if path.is_dir() and path.name not in others]


def read_record(path: Path, kind: type[R]) -> R | None:
    """Return the record at `path`; None if there is none, or if it cannot be read."""
    known(kind)
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def new_rig_record(
    rig: str, services: tuple[str, ...], streams: Path, *, detached: bool = False
) -> RigRecord:
    """Return the record of a rig in this process."""
    pid, mark = this_process()
    return RigRecord(
        rig=rig,
        pid=pid,
        mark=mark,
        started_utc_ns=SYSTEM_CLOCK.utc_ns(),
        services=services,
        streams=str(streams),
        detached=detached,
    )
