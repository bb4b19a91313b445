"""Starts and ends all processes of a rig; made in the rig's own process."""

from __future__ import annotations

import atexit
import os
import warnings
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from parfocal.core.errors import BadInputError, ProcessError, nearest
from parfocal.core.reminder import Reminder
from parfocal.core.states import StateMachine
from parfocal.core.status import AddedPanel, ProcessStatus, RigStatus
from parfocal.ipc import Client, CommandTable, Server
from parfocal.processes import directory, lifecycle
from parfocal.processes.announcer import Announcer
from parfocal.processes.directory import RIG_SERVICE
from parfocal.processes.folders import RigFolders
from parfocal.processes.fork_server import ForkServer
from parfocal.processes.panel_table import PanelTable
from parfocal.processes.permissions import check_permitted
from parfocal.processes.restarting import back_again, refuse_claimed, restart_changed, wait_for_settings
from parfocal.processes.rig_commands import CHANGES_WITHIN_S, RigCommands
from parfocal.processes.sidecar import Sidecar
from parfocal.processes.spec import ServiceSpec, check_name, levels
from parfocal.processes.supervision import Supervision

_STATES = {
    "new": frozenset({"starting", "stopped"}),
    "starting": frozenset({"running", "stopping"}),
    "running": frozenset({"stopping"}),
    "stopping": frozenset({"stopped"}),
    "stopped": frozenset[str](),
}
_STOP_GIVES_UP_S = 10.0


class Supervisor:
    """Starts the services of a rig, watches them, and ends them.

    Lives in the rig's own process, and serves the name "rig" to all others: commands of `RigCommands`, and
    the topics ``state`` (a service's life changed), ``services`` (one came or went), ``error`` (something
    raised in a service, with its traceback) and ``log`` (a record of any service). Thread-safe. A fork of
    that process has no rig: what it asks for raises `ProcessError`, and its end ends nothing.

    Parameters
    ----------
    rig : str
        The rig's name; one of that name runs at a time.
    specs : iterable of ServiceSpec
        Its services.
    verbose : bool
        Whether services log verbosely from the start.
    detached : bool
        Whether listings show it as one that runs on in the background.
    warnings : sequence of str
        What its log shall say first, such as which kept settings are not used.
    panels : iterable of AddedPanel
        Panels and plots of others that desktops show of it.

    Examples
    --------
    >>> supervisor = Supervisor("empty", [])
    >>> supervisor.status().state
    'new'
    """

    def __init__(
        self,
        rig: str,
        specs: Iterable[ServiceSpec],
        *,
        verbose: bool = False,
        detached: bool = False,
        warnings: Sequence[str] = (),
        panels: Iterable[AddedPanel] = (),
    ) -> None:
        self.rig = check_name(rig, "rig")
        self.panels = PanelTable(panels)
        self.folder = directory.runtime_folder(rig)
        self.streams = directory.shm_folder(rig)
        self._specs = tuple(specs)
        levels(self._specs)
        self._verbose = verbose
        self._detached = detached
        self._warnings = tuple(warnings)
        self._state = StateMachine("new", _STATES)
        self._pid = os.getpid()
        self._stop_wish = ""  # before there is a supervision that could be told
        self._resources = ExitStack()
        self._supervision: Supervision | None = None
        self._sidecar: Sidecar | None = None
        self._fork_server: ForkServer | None = None

    def start(self) -> None:
        """Start all services, and return when each is ready. Twice: warns, and does nothing.

        Raises
        ------
        AlreadyRunningError
            If a rig of that name runs; names its pid.
        ConfigError
            If a service wants real-time priority, or to keep processors awake, and this user may not.
            Nothing was started.
        StartError
            If a service did not become ready; carries its own error. Everything was ended again.
        ProcessError
            If it was stopped before: a rig is not restarted, it is made anew.
        """
        self._refuse_fork()
        if not self._state.move("new", "starting"):
            if self._state.state in ("stopping", "stopped"):
                raise ProcessError(
                    f"rig {self.rig!r} was stopped and cannot be started again; make a new one"
                )
            warnings.warn(f"rig {self.rig!r} was started already", RuntimeWarning, stacklevel=2)
            return
        try:
            supervision = self._prepare()
        except BaseException:
            self._resources.close()
            self._state.advance("stopping")
            self._state.advance("stopped")
            raise
        if self._stop_wish:  # it came meanwhile: nothing is started any more
            supervision.stop(self._stop_wish)
        supervision.start()
        try:
            supervision.started.result()
        except BaseException:
            self.stop()
            raise
        self._state.move("starting", "running")

    def stop(self, reason: str = "the rig's process asked") -> None:
        """End all services in order, within 5 s, and remove the rig's folders. Idempotent.

        Records of runs tell the `reason`. Every service makes safe at once. Then those that send end before
        those that read, so that what was sent is drained; one that does not end in its share of the time is
        terminated, then killed.

        Raises
        ------
        ProcessError
            If the operating system cannot end a process, such as one inside a driver that never returns.
        """
        self._refuse_fork()
        if self._state.move("new", "stopped"):
            return
        self.begin_stop(reason)
        if not self.wait(_STOP_GIVES_UP_S):
            left = [name for name, service in self.status().services.items() if service.pid]
            raise ProcessError(
                f"rig {self.rig!r} has not ended after {_STOP_GIVES_UP_S:g} s: {left} are left"
            )

    def leave(self, reason: str = "the rig's process asked") -> None:
        """Do as `stop`; in a fork of the rig's process do nothing."""
        if os.getpid() == self._pid:
            self.stop(reason)

    def begin_stop(self, reason: str) -> None:
        """Begin to `stop`; return at once."""
        self._stop_wish = self._stop_wish or reason
        if self._supervision is not None:
            self._supervision.stop(reason)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the rig has ended, whoever ended it; return False if `timeout_s` passed first."""
        self._refuse_fork()
        return self._state.wait_for("stopped", timeout_s=timeout_s)

    def status(self) -> RigStatus:
        """Return a snapshot of all services. Streams are for a higher layer to add."""
        self._refuse_fork()
        if self._supervision is None:
            services = {spec.name: ProcessStatus(name=spec.name, state="exited") for spec in self._specs}
        else:
            services = {name: each.status() for name, each in self._supervision.services.items()}
        state = self._state.state
        if state == "running" and any(service.state == "degraded" for service in services.values()):
            state = "degraded"
        panels = self.panels.listed()
        return RigStatus(name=self.rig, pid=self._pid, state=state, services=services, panels=panels)

    def client(self, service: str) -> Client:
        """Return a new client of one service; close it when done."""
        if service != RIG_SERVICE:
            self._check(service)
        return directory.connect(self.rig, service)

    def restart(self, service: str, timeout_s: float = CHANGES_WITHIN_S) -> None:
        """End one service in order and start it again; return when it is ready.

        Raises
        ------
        ProcessError
            If it isn't by then, or the rig does not run.
        """
        self._check(service)
        supervision = self._running(f"{service!r} cannot be restarted")
        back_again(supervision, service, timeout_s, given_up=("degraded",))

    def specs(self) -> dict[str, ServiceSpec]:
        """Return the services as they would be started now, with all settings that were changed so far.

        A service that does not answer within a second is told as it was known to be then.
        """
        self._refuse_fork()
        if self._supervision is None:
            return {spec.name: spec for spec in self._specs}
        wait_for_settings(self._supervision, self.client)
        return {name: service.spec for name, service in self._supervision.services.items()}

    def restart_with(
        self,
        service: str,
        changes: dict[str, Any],
        *,
        although_claimed: bool = False,
        timeout_s: float = CHANGES_WITHIN_S,
    ) -> None:
        """End one service in order and start it again with changed settings; return when it is ready.

        Raises
        ------
        ConfigError
            If a setting is wrong, or takes more than a restart of the service. Nothing was touched.
        ClaimedError
            If a run uses it; names the run.
        ProcessError
            If it did not become ready: then it is started again with the settings that it had.
        """
        self._check(service)
        supervision = self._running(f"{service!r} cannot be restarted")
        if not although_claimed:
            refuse_claimed(supervision, service, self.client)
        restart_changed(supervision, self.specs, service, changes, timeout_s)

    def add(self, *specs: ServiceSpec) -> None:
        """Start more services of a running rig, one after the other; return when the last one is ready.

        Everybody who is attached to the rig can use them from then on.

        Raises
        ------
        ConfigError
            If there is a service of such a name, one depends on a service that there isn't, or one wants
            real-time priority, or to keep processors awake, and this user may not.
        StartError
            If one did not become ready; carries its own error. Those before it were removed again.
        ProcessError
            If the rig does not run.
        """
        supervision = self._running("no service can be added")
        check_permitted(specs)
        with ExitStack() as undo:
            for spec in specs:
                supervision.add(spec).result()
                undo.callback(self._take_back, spec.name)
            undo.pop_all()

    def _take_back(self, name: str) -> None:
        if self._supervision is not None:
            self._supervision.remove(name).result()

    def end(self, service: str, timeout_s: float = CHANGES_WITHIN_S) -> None:
        """End one service in order, and return when it has ended; `restart` starts it again. Idempotent.

        Raises
        ------
        ProcessError
            If it has not ended by then, or the rig does not run.
        """
        self._check(service)
        supervision = self._running(f"{service!r} cannot be ended alone")
        supervision.send(service, lifecycle.Stop())
        with supervision.changed:
            ended = supervision.changed.wait_for(
                lambda: supervision.status_of(service).state == "exited", timeout_s
            )
        if not ended:
            status = supervision.status_of(service)
            raise ProcessError(f"service {service!r} has not ended: {status.state} {status.error}")

    def remove(self, service: str) -> None:
        """End one service in order, with those that are part of it; the rig has no such services any more.

        Raises
        ------
        BadInputError
            If there is none of that name, or another service depends on it.
        ProcessError
            If the rig does not run.
        """
        self._check(service)
        supervision = self._running(f"{service!r} cannot be removed")
        parts = [name for name, each in supervision.services.items() if each.spec.part_of == service]
        for name in (service, *parts):
            supervision.remove(name).result()

    def announce_services(self) -> None:
        """Publish the names of all services once more."""
        if self._supervision is not None:
            self._supervision.announce_services()

    def set_verbose(self, on: bool, service: str = "") -> None:
        """Switch verbose logging of one service while it runs; of all of them without a name.

        Raises
        ------
        BadInputError
            If there is no service of that name.
        """
        self._refuse_fork()
        if service:
            self._check(service)
        if self._supervision is not None:
            self._supervision.set_verbose(on, service)

    @property
    def reaper_pid(self) -> int:
        """The process that cleans up if this one dies; 0 before the start."""
        return self._sidecar.pid if self._sidecar is not None else 0

    @property
    def fork_server_pid(self) -> int:
        """The process that services are forked from; 0 before the start, and where there is none."""
        return self._fork_server.pid if self._fork_server is not None else 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def _prepare(self) -> Supervision:
        """Claim the name, and bring up what a rig has beside its services."""
        check_permitted(self._specs)
        folders = RigFolders.claim(self.rig)
        self._resources.callback(folders.release)
        server = Server(CommandTable.of(RigCommands(self)), folders.runtime, RIG_SERVICE)
        announcer = Announcer(folders, server.publish, detached=self._detached)
        self._resources.callback(announcer.close)
        self.panels.changed = announcer.panels_changed
        self._sidecar = sidecar = Sidecar((folders.runtime, folders.streams), directory.locks_folder())
        self._resources.callback(sidecar.close)
        self._fork_server = ForkServer(self.rig, sidecar)
        self._resources.callback(self._fork_server.close)
        self._fork_server.begin()
        self._supervision = Supervision(
            self._specs,
            folders,
            sidecar,
            self._fork_server,
            announcer,
            on_stopping=self._notice_stopping,
            on_over=self._finish,
            verbose=self._verbose,
        )
        server.start()
        self._resources.callback(server.close)
        announcer.services_changed(tuple(spec.name for spec in self._specs))
        announcer.warn(self._warnings)
        name = f"the supervisor of rig {self.rig!r}"
        reminder = Reminder(self, name, "use it in a with block, or call its stop()")
        self._resources.callback(reminder.cancel)
        atexit.register(self._end_at_exit, reminder)
        self._resources.callback(atexit.unregister, self._end_at_exit)
        self._fork_server.wait_ready()
        return self._supervision

    def _end_at_exit(self, reminder: Reminder) -> None:
        try:
            reminder.warn()
        finally:
            self.leave()

    def _notice_stopping(self) -> None:
        self._state.advance("stopping")

    def _finish(self) -> None:
        """Take everything down. Runs in the supervisor's thread when no process is left."""
        try:
            self._resources.close()
        finally:
            self._state.advance("stopping")
            self._state.advance("stopped")

    def _check(self, service: str) -> None:
        if service not in self._services:
            raise BadInputError(
                f"rig {self.rig!r} has no service {service!r}; {nearest(service, self._services)}"
            )

    @property
    def _services(self) -> tuple[str, ...]:
        if self._supervision is not None:
            return tuple(self._supervision.services)
        return tuple(spec.name for spec in self._specs)

    def _refuse_fork(self) -> None:
        """Raise `ProcessError` in a fork: the threads that would answer are those of its parent."""
        if os.getpid() != self._pid:
            raise ProcessError(
                f"rig {self.rig!r} belongs to process {self._pid}, and this is its fork {os.getpid()}: "
                "attach to the rig in the process that uses it"
            )

    def _running(self, purpose: str) -> Supervision:
        self._refuse_fork()
        if self._supervision is None or self._state.state not in ("starting", "running"):
            raise ProcessError(f"rig {self.rig!r} does not run, so {purpose}")
        return self._supervision
