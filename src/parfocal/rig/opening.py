"""Opening a laboratory here, or attaching to one that runs elsewhere."""

from __future__ import annotations

import importlib.resources
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import ConfigError, ProcessError, nearest
from parfocal.processes import Supervisor, directory
from parfocal.rig.assemble import service_specs
from parfocal.rig.config import RigConfig, load_config, with_changes
from parfocal.rig.rig import Rig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.core.status import RigStatus
    from parfocal.ipc import Client

STOP_TIMEOUT_S = 8.0


def open_rig(
    source: str | Path | Mapping[str, Any] | RigConfig,
    *,
    name: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Rig:
    """Start a laboratory and return it when every service is ready.

    Parameters
    ----------
    source : str, path, mapping or RigConfig
        A TOML file, the name of a built-in rig (see `builtin_rigs`), or what a file would hold.
    name : str, optional
        Another name than the file's, so that two of one kind can run side by side.
    changes : mapping, optional
        Settings to replace, each as ``{"service.setting": value}``.

    Raises
    ------
    ConfigError
        If the laboratory is not valid; nothing was started.
    AlreadyRunningError
        If a rig of that name runs; names its process.
    StartError
        If a service did not become ready; carries the service's own error. Everything else was ended again.
    """
    config = load_config(with_changes(load_source(source), changes or {}))
    if name is not None:
        config = load_config({**config.model_dump(), "name": name})
    supervisor = Supervisor(config.name, service_specs(config))
    supervisor.start()
    return Rig(_Owner(supervisor))


def attach(name: str) -> Rig:
    """Return a rig that another process started. Leaving it lets it run on.

    Raises
    ------
    RigNotFoundError
        If none of that name runs; names those that do.
    """
    return Rig(_Guest(name))


def builtin_rigs() -> dict[str, Path]:
    """Return the rigs that come with parfocal: their names and files."""
    folder = Path(str(importlib.resources.files("parfocal.rig"))) / "builtin"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_source(source: str | Path | Mapping[str, Any] | RigConfig) -> RigConfig:
    """Read and check a laboratory: a file, a built-in rig's name, or what a file would hold. Starts nothing.

    Examples
    --------
    >>> load_source({"name": "bench", "services": {}}).name
    'bench'
    """
    if isinstance(source, str) and "." not in source and "/" not in source and not Path(source).exists():
        known = builtin_rigs()
        if source not in known:
            raise ConfigError(
                f"there is no rig file and no built-in rig {source!r}; {nearest(source, known)}"
            )
        source = known[source]
    return load_config(source)


class _Owner:
    """The seat of the process that started the rig."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self.name = supervisor.rig
        self.folder = supervisor.folder
        self.streams = supervisor.streams

    def services(self) -> tuple[str, ...]:
        return tuple(self._supervisor.status().services)

    def status(self) -> RigStatus:
        return self._supervisor.status()

    def client(self, service: str) -> Client:
        return self._supervisor.client(service)

    def wait(self, timeout_s: float | None) -> bool:
        return self._supervisor.wait(timeout_s)

    def stop(self, reason: str) -> None:
        self._supervisor.stop(reason)

    leave = stop


class _Guest:
    """The seat of a process that found the rig in the directory."""

    def __init__(self, name: str) -> None:
        record = directory.rig_record(name)
        self.name = name
        self.folder = directory.runtime_folder(name)
        self.streams = Path(record.streams)
        self._services = record.services
        self._rig = directory.connect(name)

    def services(self) -> tuple[str, ...]:
        return self._services

    def status(self) -> RigStatus:
        from parfocal.core.status import RigStatus

        status: RigStatus = self._rig.call("status", timeout_s=5.0, returns=RigStatus)
        return status

    def client(self, service: str) -> Client:
        return directory.connect(self.name, service)

    def stop(self, reason: str) -> None:
        del reason  # the rig says who asked
        self._rig.call("stop", timeout_s=STOP_TIMEOUT_S)
        if not directory.wait_until_gone(self.name, STOP_TIMEOUT_S):
            raise ProcessError(f"rig {self.name!r} has not ended after {STOP_TIMEOUT_S:g} s")

    def wait(self, timeout_s: float | None) -> bool:
        return directory.wait_until_gone(self.name, math.inf if timeout_s is None else timeout_s)

    def leave(self, reason: str) -> None:
        del reason
        self._rig.close()
