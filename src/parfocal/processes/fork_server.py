"""Starts services as forks of one process that has imported what every service needs.

::

    ForkServer ──> ForkServerClient ──socket──> fork_server_process ──fork──> service
        └────────> start_module: a new Python, where there can be no fork

A fork shares the memory of those imports with all others, and needs no time for them. It is a child of this
process like any other. The process that forks may end or be stopped at any moment: no service notices, and
what is to start meanwhile starts as a new Python.
"""

from __future__ import annotations

import logging
import os
import subprocess
import threading
from typing import IO

from parfocal.processes.fork_server_client import ForkServerClient
from parfocal.processes.session import ChildHandle, start_module
from parfocal.processes.sidecar import Sidecar
from parfocal.processes.system import LINUX

_LOG = logging.getLogger(__name__)
_READY_WITHIN_S = 10.0
_READ_ONCE = (
    *("PYTHON", "HOME", "LANG", "LC_", "TZ", "LD_", "GLIBC_", "MALLOC_"),
    *("OPENBLAS_", "OMP_", "MKL_", "GOTO_", "NPY_", "PYDANTIC_"),
)
"""How the names of variables begin that Python and its libraries read as they start, or are imported."""


class ForkServer:
    """Starts modules, each in a process and a session of its own. Thread-safe.

    Parameters
    ----------
    rig : str
        The rig's name, for lists of processes.
    sidecar : Sidecar
        Ends the process that forks if this one dies and that one was stopped.

    Examples
    --------
    >>> ForkServer("bench", sidecar=None).revive()  # nothing is started before `begin`
    False
    """

    def __init__(self, rig: str, sidecar: Sidecar) -> None:
        self._rig = rig
        self._sidecar = sidecar
        self._lock = threading.Lock()
        self._client: ForkServerClient | None = None
        self._environment: dict[str, str] = {}
        self._is_wanted = LINUX and hasattr(os, "pidfd_open")

    @property
    def pid(self) -> int:
        """The process that forks; 0 if there is none."""
        client = self._client
        return client.pid if client is not None else 0

    def begin(self) -> None:
        """Start the process that forks, where there can be one; it imports beside this one."""
        with self._lock:
            self._begin()

    def wait_ready(self) -> bool:
        """Block until it can fork; return False if it can't, or not within 10 s."""
        client = self._client
        return client is not None and client.is_ready(_READY_WITHIN_S)

    def start(self, module: str, stderr: IO[bytes]) -> ChildHandle:
        """Run the `main` of a module in a process of its own, with pipes for stdin and stdout.

        Raises
        ------
        OSError
            If the operating system starts no process.
        """
        with self._lock:
            forked = self._fork(module, stderr)
        return forked or start_module(module, stdout=subprocess.PIPE, stderr=stderr)

    def revive(self) -> bool:
        """Start the process that forks anew if somebody ended it; return whether that was so."""
        with self._lock:
            client = self._client
            if client is None or not client.has_ended():
                return False
            self._renew()
            return self._client is not None

    def close(self) -> None:
        """End the process that forks. What was forked runs on. Idempotent."""
        with self._lock:
            self._is_wanted = False
            self._end()

    def _fork(self, module: str, stderr: IO[bytes]) -> ChildHandle | None:
        """Return a fork; None if there can be none now."""
        client = self._client
        if client is None or not (client.is_ready() or client.refusal):
            return None
        if client.refusal or self._environment != _read_once():
            self._renew()
            return None
        try:
            return client.fork(module, stderr)
        except OSError as error:
            _LOG.warning("the fork server was replaced: %s", error)
            self._renew()
            return None

    def _renew(self) -> None:
        """Start another process that forks, for the next start; this one waits for nothing."""
        if self._client is not None and (why := self._client.refusal):
            _LOG.info("no service is started by a fork: %s", why)
            self._is_wanted = False
        self._end()
        self._begin()

    def _begin(self) -> None:
        if not self._is_wanted or self._client is not None:
            return
        self._environment = _read_once()
        try:
            self._client = ForkServerClient(self._rig)
        except OSError as error:
            _LOG.warning("no fork server could be started: %s", error)
        else:
            self._sidecar.add(self._client.identity)

    def _end(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
            self._sidecar.drop(client.pid)


def _read_once() -> dict[str, str]:
    """Return those variables of the environment that a process reads once."""
    return {name: value for name, value in os.environ.items() if name.startswith(_READ_ONCE)}
