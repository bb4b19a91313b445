"""The only starter and ender of processes: what the rig's own process holds."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError, ProcessError, nearest
from parfocal.core.reminder import Reminder
from parfocal.core.states import StateMachine
from parfocal.core.status import ProcessStatus, RigStatus
from parfocal.ipc import URGENT, Client, CommandTable, Server, command, current_call
from parfocal.processes import directory, link
from parfocal.processes.control import Control
from parfocal.processes.directory import RIG_SERVICE, RigFolders, new_rig_record, write_record
from parfocal.processes.link import Report
from parfocal.processes.logs import LogBook
from parfocal.processes.sidecar import Sidecar
from parfocal.processes.spec import ServiceSpec, check_name, levels
from parfocal.processes.ward import Ward

_STATES = {
    "new": frozenset({"starting", "stopped"}),
    "starting": frozenset({"running", "stopping"}),
    "running": frozenset({"stopping"}),
    "stopping": frozenset({"stopped"}),
    "stopped": frozenset[str](),
}
_STOP_GIVES_UP_S = 10.0
_RESTART_WITHIN_S = 30.0

OnEvent = Callable[[str, dict[str, Any]], None]


class RigCommands:
    """What other processes can ask the rig itself, as service "rig"."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    @command(lane=URGENT)
    def status(self) -> RigStatus:
        """Return the services now."""
        return self._supervisor.status()

    @command(lane=URGENT)
    def stop(self) -> None:
        """Begin to end the rig in order; returns at once."""
        self._supervisor.begin_stop("a client asked")

    @command(lane="restart")
    def restart(self, service: str) -> None:
        """End one service in order and start it again; returns when it is ready."""
        self._supervisor.restart(service, current_call().remaining_s() or _RESTART_WITHIN_S)

    @command(lane=URGENT)
    def set_verbose(self, on: bool) -> None:
        """Switch verbose logging of all services."""
        self._supervisor.set_verbose(on)


class Supervisor:
    """Starts the services of a rig, watches them, and ends them.

    Lives in the rig's own process, and serves the name "rig" to all others: commands of `RigCommands`, and
    the notices ``state`` (a service's life changed), ``error`` (something raised in a service, with its
    traceback) and ``log`` (a record of any service). Thread-safe.

    Parameters
    ----------
    rig : str
        The rig's name; one of that name runs at a time.
    specs : iterable of ServiceSpec
        Its services.
    verbose : bool
        Whether services log verbosely from the start.

    Examples
    --------
    >>> supervisor = Supervisor("empty", [])
    >>> supervisor.status().state
    'new'
    """

    def __init__(self, rig: str, specs: Iterable[ServiceSpec], *, verbose: bool = False) -> None:
        self.rig = check_name(rig, "rig")
        self.folder = directory.runtime_folder(rig)
        self.streams = directory.shm_folder(rig)
        self._specs = tuple(specs)
        levels(self._specs)
        self._verbose = verbose
        self._state = StateMachine("new", _STATES)
        self._listeners: list[OnEvent] = []
        self._telling = threading.RLock()
        self._resources = ExitStack()
        self._control: Control | None = None
        self._sidecar: Sidecar | None = None
        self._server: Server | None = None
        self._book: LogBook | None = None

    def start(self) -> None:
        """Start all services, and return when each is ready. Twice: warns, and does nothing.

        Raises
        ------
        AlreadyRunningError
            If a rig of that name runs; names its pid.
        StartError
            If a service did not become ready; carries its own error. Everything was ended again.
        ProcessError
            If it was stopped before: a rig is not restarted, it is made anew.
        """
        if not self._state.move("new", "starting"):
            if self._state.state in ("stopping", "stopped"):
                raise ProcessError(
                    f"rig {self.rig!r} was stopped and cannot be started again; make a new one"
                )
            warnings.warn(f"rig {self.rig!r} was started already", RuntimeWarning, stacklevel=2)
            return
        try:
            control = self._prepare()
        except BaseException:
            self._resources.close()
            self._state.advance("stopping")
            self._state.advance("stopped")
            raise
        control.start()
        try:
            control.started.result()
        except BaseException:
            self.stop()
            raise
        self._state.move("starting", "running")

    def stop(self) -> None:
        """End all services in order, within 5 s, and remove the rig's folders. Idempotent.

        Every service makes safe at once. Then those that send end before those that read, so that what was
        sent is drained; one that does not end in its share of the time is terminated, then killed.

        Raises
        ------
        ProcessError
            If the operating system cannot end a process, such as one inside a driver that never returns.
        """
        if self._state.move("new", "stopped"):
            return
        self.begin_stop("the rig's process asked")
        if not self.wait(_STOP_GIVES_UP_S):
            left = [name for name, service in self.status().services.items() if service.pid]
            raise ProcessError(
                f"rig {self.rig!r} has not ended after {_STOP_GIVES_UP_S:g} s: {left} are left"
            )

    def begin_stop(self, reason: str) -> None:
        """Begin to `stop`; return at once."""
        if self._control is not None:
            self._control.stop(reason)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the rig has ended, whoever ended it; return False if `timeout_s` passed first."""
        return self._state.wait_for("stopped", timeout_s=timeout_s)

    def status(self) -> RigStatus:
        """Return a snapshot of all services. Streams are for a higher layer to add."""
        wards = self._control.wards if self._control is not None else {}
        services = {
            spec.name: wards[spec.name].status()
            if spec.name in wards
            else ProcessStatus(name=spec.name, state="exited")
            for spec in self._specs
        }
        state = self._state.state
        if state == "running" and any(service.state == "degraded" for service in services.values()):
            state = "degraded"
        return RigStatus(name=self.rig, pid=os.getpid(), state=state, services=services)

    def client(self, service: str) -> Client:
        """Return a new client of one service; close it when done."""
        if service != RIG_SERVICE:
            self._check(service)
        return directory.connect(self.rig, service)

    def restart(self, service: str, timeout_s: float = _RESTART_WITHIN_S) -> None:
        """End one service in order and start it again; return when it is ready.

        Raises
        ------
        ProcessError
            If it isn't by then, or the rig does not run.
        """
        self._check(service)
        control = self._control
        if control is None or self._state.state not in ("starting", "running"):
            raise ProcessError(f"rig {self.rig!r} does not run, so {service!r} cannot be restarted")
        before = control.wards[service].status().pid
        control.restart(service)

        def is_back() -> bool:
            now = control.wards[service].status()
            return (now.state == "ready" and now.pid != before) or control.stopping

        with control.changed:
            back = control.changed.wait_for(is_back, timeout_s)
        if not back or control.stopping:
            status = control.wards[service].status()
            raise ProcessError(f"service {service!r} is not ready again: {status.state} {status.error}")

    def set_verbose(self, on: bool) -> None:
        """Switch verbose logging of all services, while they run."""
        if self._control is not None:
            self._control.set_verbose(on)

    def on_event(self, listener: OnEvent) -> None:
        """Have ``listener(topic, payload)`` called with each of the rig's notices, one at a time.

        It is called in the supervisor's threads, so it must return soon and not call `stop` or `restart`.
        """
        self._listeners.append(listener)

    @property
    def reaper_pid(self) -> int:
        """The process that cleans up if this one dies; 0 before the start."""
        return self._sidecar.pid if self._sidecar is not None else 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare(self) -> Control:
        """Claim the name, and bring up what a rig has beside its services."""
        folders = RigFolders.claim(self.rig)
        self._resources.callback(folders.release)
        self._sidecar = sidecar = Sidecar((folders.runtime, folders.streams), directory.locks_folder())
        self._resources.callback(sidecar.close)
        self._book = LogBook(self.rig, folders.runtime / "rig.log")
        self._resources.callback(self._book.close)
        self._control = Control(
            self._specs,
            folders,
            sidecar,
            on_change=self._tell_change,
            on_report=self._tell_report,
            on_log=self._tell_log,
            on_stopping=self._tell_stopping,
            on_over=self._finish,
        )
        self._server = Server(CommandTable.of(RigCommands(self)), folders.runtime, RIG_SERVICE)
        self._server.start()
        self._resources.callback(self._server.close)
        names = tuple(spec.name for spec in self._specs)
        write_record(folders.runtime / "rig.json", new_rig_record(self.rig, names, folders.streams))
        name = f"the supervisor of rig {self.rig!r}"
        reminder = Reminder(self, name, "use it in a with block, or call its stop()")
        self._resources.callback(reminder.cancel)
        atexit.register(self._end_at_exit, reminder)
        self._resources.callback(atexit.unregister, self._end_at_exit)
        if self._verbose:
            self._control.set_verbose(True)
        return self._control

    def _end_at_exit(self, reminder: Reminder) -> None:
        try:
            reminder.warn()
        finally:
            self.stop()

    def _finish(self) -> None:
        """Take everything down. Runs in the supervisor's thread when no process is left."""
        try:
            self._resources.close()
        finally:
            self._state.advance("stopping")
            self._state.advance("stopped")

    def _tell_stopping(self, reason: str) -> None:
        self._state.advance("stopping")
        if self._book is not None:
            self._book.say(RIG_SERVICE, logging.INFO, f"stopping: {reason}")

    def _tell_change(self, ward: Ward) -> None:
        status = ward.status()
        if self._book is not None:
            level = logging.WARNING if status.state in ("crashed", "hung", "degraded") else logging.INFO
            detail = f" ({status.error})" if status.error else ""
            self._book.say(status.name, level, f"{status.state}{detail}")
        self._tell("state", {**msgspec.structs.asdict(status), "time_ns": SYSTEM_CLOCK.monotonic_ns()})

    def _tell_log(self, ward: Ward, record: link.LogRecord) -> None:
        if self._book is not None:
            self._book.write(ward.spec.name, record)
        self._tell("log", {"service": ward.spec.name, **msgspec.structs.asdict(record)})

    def _tell_report(self, ward: Ward, report: Report) -> None:
        if not isinstance(report, link.Failure):
            return
        service = ward.spec.name
        told_by_start = report.fatal and self._state.state == "starting"
        if self._book is not None and not told_by_start:
            self._book.say(service, logging.ERROR, report.traceback or report.error)
        self._tell("error", {"service": service, "count": ward.errors, **msgspec.structs.asdict(report)})

    def _tell(self, topic: str, payload: dict[str, Any]) -> None:
        if self._server is not None:
            self._server.publish(topic, payload)
        with self._telling:
            for listener in self._listeners:
                try:
                    listener(topic, payload)
                except Exception:  # border of a callback: logged, and the rig goes on
                    logging.getLogger(__name__).exception("a listener of rig %r raised", self.rig)

    def _check(self, service: str) -> None:
        names = [spec.name for spec in self._specs]
        if service not in names:
            raise BadInputError(f"rig {self.rig!r} has no service {service!r}; {nearest(service, names)}")
