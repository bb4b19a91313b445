"""What a `Rig` holds its laboratory by: in the process that started it, or in one that found it running."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from parfocal.core.errors import ProcessError
from parfocal.core.status import RigStatus
from parfocal.processes import directory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parfocal.ipc import Client
    from parfocal.processes import ServiceSpec, Supervisor

STOP_TIMEOUT_S = 8.0
START_TIMEOUT_S = 300.0


class RigConnection(Protocol):
    """The connection between a `Rig` and the processes that it stands for. Thread-safe."""

    name: str
    folder: Path
    streams: Path
    detached: bool
    owner: bool
    """Whether the rig ends when it is let go of here."""

    def services(self) -> tuple[str, ...]:
        """Return the names of the services there are now."""
        ...

    def status(self) -> RigStatus:
        """Return the services now, without streams."""
        ...

    def client(self, service: str) -> Client:
        """Return a connection to a service, to be closed by whoever asked."""
        ...

    def add(self, specs: Sequence[ServiceSpec]) -> None:
        """Start more services; return when they are ready."""
        ...

    def remove(self, service: str) -> None:
        """End a service; the rig has it no longer."""
        ...

    def restart(self, service: str) -> None:
        """End a service and start it again; return when it is ready."""
        ...

    def end(self, service: str) -> None:
        """End a service, which stays ended until it is restarted; return when it has ended."""
        ...

    def stop(self, reason: str) -> None:
        """End the rig and wait until it has ended; the records of its runs tell the reason."""
        ...

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until the rig has ended; False if the time is up first."""
        ...

    def leave(self, reason: str) -> None:
        """Let go: the process that started the rig ends it, another one only closes what it opened."""
        ...


class OwnedRig:
    """The connection of the process that started the rig."""

    detached = False
    owner = True

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self.name = supervisor.rig
        self.folder = supervisor.folder
        self.streams = supervisor.streams

    def services(self) -> tuple[str, ...]:
        """Return the names of the services there are now."""
        return tuple(self._supervisor.status().services)

    def status(self) -> RigStatus:
        """Return the services now, without streams."""
        return self._supervisor.status()

    def client(self, service: str) -> Client:
        """Return a connection to a service, to be closed by whoever asked."""
        return self._supervisor.client(service)

    def add(self, specs: Sequence[ServiceSpec]) -> None:
        """Start more services; return when they are ready."""
        self._supervisor.add(*specs)

    def remove(self, service: str) -> None:
        """End a service; the rig has it no longer."""
        self._supervisor.remove(service)

    def restart(self, service: str) -> None:
        """End a service and start it again; return when it is ready."""
        self._supervisor.restart(service, START_TIMEOUT_S)

    def end(self, service: str) -> None:
        """End a service; return when it has ended."""
        self._supervisor.end(service)

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until the rig has ended; False if the time is up first."""
        return self._supervisor.wait(timeout_s)

    def stop(self, reason: str) -> None:
        """End the rig and wait until it has ended; the records of its runs tell the reason."""
        self._supervisor.stop(reason)

    def leave(self, reason: str) -> None:
        """End the rig, as `stop` does; a fork of the process that started it ends nothing."""
        self._supervisor.leave(reason)


class AttachedRig:
    """The connection of a process that found the rig in the directory.

    Raises
    ------
    RigNotFoundError
        If none of that name runs; names those that do.
    """

    owner = False

    def __init__(self, name: str) -> None:
        record = directory.rig_record(name)
        self.name = name
        self.folder = directory.runtime_folder(name)
        self.streams = Path(record.streams)
        self.detached = record.detached
        self._services = record.services
        self._rig = directory.connect(name)

    def services(self) -> tuple[str, ...]:
        """Return the names of the services there are now."""
        record = directory.read_record(self.folder / "rig.json", directory.RigRecord)
        self._services = self._services if record is None else record.services
        return self._services

    def status(self) -> RigStatus:
        """Return the services now, without streams."""
        status: RigStatus = self._rig.call("status", timeout_s=5.0, returns=RigStatus)
        return status

    def client(self, service: str) -> Client:
        """Return a connection to a service, to be closed by whoever asked."""
        return directory.connect(self.name, service)

    def add(self, specs: Sequence[ServiceSpec]) -> None:
        """Start more services; return when they are ready."""
        plain = [msgspec.to_builtins(spec) for spec in specs]
        self._rig.call("add", plain, search_path(), timeout_s=START_TIMEOUT_S)

    def remove(self, service: str) -> None:
        """End a service; the rig has it no longer."""
        self._rig.call("remove", service, timeout_s=STOP_TIMEOUT_S)

    def restart(self, service: str) -> None:
        """End a service and start it again; return when it is ready."""
        self._rig.call("restart", service, timeout_s=START_TIMEOUT_S)

    def end(self, service: str) -> None:
        """End a service; return when it has ended."""
        self._rig.call("end", service, timeout_s=STOP_TIMEOUT_S)

    def stop(self, reason: str) -> None:
        """End the rig and wait until it has ended. It says itself who asked."""
        del reason
        self._rig.call("stop", timeout_s=STOP_TIMEOUT_S)
        if not directory.wait_until_gone(self.name, STOP_TIMEOUT_S):
            raise ProcessError(f"rig {self.name!r} has not ended after {STOP_TIMEOUT_S:g} s")

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until the rig has ended; False if the time is up first."""
        return directory.wait_until_gone(self.name, math.inf if timeout_s is None else timeout_s)

    def leave(self, reason: str) -> None:
        """Let go of the connection; the rig runs on."""
        del reason
        self._rig.close()


def search_path() -> list[str]:
    """Return where this process imports from beside what every Python has, for the processes of a rig."""
    return [str(Path(entry).absolute()) for entry in sys.path if Path(entry).is_dir()]
