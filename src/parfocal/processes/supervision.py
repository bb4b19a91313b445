"""The supervisor's thread: everything arrives in its inbox, and nothing else changes the services.

::

    reports, exits, requests ──> inbox ──> this thread ──> services (start, send orders, kill)
                                               └────────> Announcer: records, log, subscribers
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import ProcessError, StartError
from parfocal.core.status import ProcessStatus
from parfocal.processes import child_pipe, lifecycle
from parfocal.processes.announcer import Announcer
from parfocal.processes.changes import Changes
from parfocal.processes.child_pipe import Report
from parfocal.processes.folders import RigFolders
from parfocal.processes.fork_server import ForkServer
from parfocal.processes.orderly_end import OrderlyEnd
from parfocal.processes.sidecar import Sidecar
from parfocal.processes.spec import ServiceSpec, levels
from parfocal.processes.supervised import SupervisedService

_LOG = logging.getLogger(__name__)
_FAILURES = (lifecycle.Failed, lifecycle.Hung, lifecycle.Exited)
"""Events that end the start of a rig."""

STOP_WITHIN_S = 4.3
"""For all services together; what they leave unused is the next one's. With the rest it stays below 5 s."""
LATE_S = 0.5
"""Woken this late, the supervisor has been away itself, and holds nobody's silence against him."""
TIDY_EVERY_S = 1.0


class Supervision:
    """Starts, watches and ends the services of a rig, in a thread of its own.

    Methods without an underscore may be called from any thread, and return at once.

    Parameters
    ----------
    announcer : Announcer
        Told what happens, in this thread; of log records, in the threads that read from the processes.
    on_stopping, on_over : callable
        Called in this thread when the end begins, and last of all, when every process has ended.

    Attributes
    ----------
    services : dict
        By name. It is replaced when a service comes or goes, and never changed.
    started : Future
        Done when every service is ready, or with the `StartError` when everything has been ended again.
    changed : threading.Condition
        Notified after each change of a service's life, or of its settings.
    """

    def __init__(
        self,
        specs: Sequence[ServiceSpec],
        folders: RigFolders,
        sidecar: Sidecar,
        fork_server: ForkServer,
        announcer: Announcer,
        *,
        on_stopping: Callable[[], None],
        on_over: Callable[[], None],
        verbose: bool = False,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._levels = levels(specs)
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._folders = folders
        self._sidecar = sidecar
        self._fork_server = fork_server
        self._announcer = announcer
        self._on_stopping = on_stopping
        self._on_over = on_over
        self._verbose = verbose
        self._clock = clock
        self.services = {spec.name: self._make(spec) for spec in specs}
        self.started: Future[None] = Future()
        self.changed = threading.Condition()
        self._changes = Changes(self, self._make, self._live)
        self._start_error: StartError | None = None
        self._stop_reason = ""
        self._end: OrderlyEnd | None = None
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    @property
    def stopping(self) -> bool:
        """Whether the rig is on its way out, or has ended."""
        return bool(self._stop_reason)

    def start(self) -> None:
        """Begin; `started` tells how it went."""
        self._thread.start()
        self.post(self._start_all)

    def stop(self, reason: str) -> None:
        """Begin to end everything. Idempotent."""
        self.post(lambda: self._begin_stop(reason))

    def status_of(self, name: str) -> ProcessStatus:
        """Return a snapshot of a service; one that was removed meanwhile has ended."""
        service = self.services.get(name)
        if service is None:
            return ProcessStatus(name=name, state="exited", error="it was removed meanwhile")
        return service.status()

    def send(self, name: str, event: lifecycle.Event) -> None:
        """Let an event happen to one service, such as `lifecycle.Restart`, if there is one of that name."""
        self.post(lambda: self._live_by_name(name, event))

    def replace_spec(self, old: ServiceSpec, new: ServiceSpec) -> Future[bool]:
        """Start a service as `new` says from its next start on, unless it has changed since it was `old`."""
        replaced: Future[bool] = Future()

        def replace() -> None:
            service = self.services.get(old.name)
            is_old = service is not None and service.spec == old
            if service is not None and is_old:
                service.spec = new
            replaced.set_result(is_old)

        self.post(replace)
        return replaced

    def add(self, spec: ServiceSpec) -> Future[None]:
        """Start one more service; the result comes when it is ready, or its `StartError` when it is gone."""
        added: Future[None] = Future()
        self.post(lambda: self._changes.add(spec, added))
        return added

    def remove(self, name: str) -> Future[None]:
        """End a service and forget it; the result comes when it has ended."""
        removed: Future[None] = Future()
        self.post(lambda: self._changes.remove(name, removed))
        return removed

    def set_verbose(self, on: bool, service: str = "") -> None:
        """Switch verbose logging of one service; of all, and those that come, without a name."""
        self.post(lambda: self._set_verbose(on, service))

    def announce_services(self) -> None:
        """Publish the names of all services once more."""
        self.post(lambda: self._announcer.announce_services(tuple(self.services)))

    def post(self, job: Callable[[], None]) -> None:
        """Have `job` run in this thread."""
        self._inbox.put(job)

    def _run(self) -> None:
        try:
            self._watch()
        except BaseException as error:  # noqa: BLE001 (border of the thread: nothing is left running unwatched)
            self._abandon_all()
            _LOG.critical("the supervisor failed and ended the rig", exc_info=True)
            self._stop_reason = self._stop_reason or f"the supervisor failed: {error}"
            with self.changed:
                self.changed.notify_all()
        try:
            self._on_over()
        finally:
            stopped = ProcessError(f"the rig was stopped meanwhile: {self._stop_reason}")
            if not self.started.done():
                self.started.set_exception(self._start_error or stopped)
            self._changes.give_up(stopped)

    def _abandon_all(self) -> None:
        """End every process unwatched: each makes safe by itself, and is killed if it has not ended."""
        for service in self.services.values():
            service.send(child_pipe.AbandonLoop())
        self._clock.sleep(lifecycle.HANG_GRACE_S)
        for service in self.services.values():
            service.kill()

    def _watch(self) -> None:
        tidy_ns = 0
        while not self._is_over():
            now = self._clock.monotonic_ns()
            due = min([each.due_ns() for each in self.services.values()] + [now + int(TIDY_EVERY_S * 1e9)])
            self._take(max(0, due - now) / 1e9)
            now = self._clock.monotonic_ns()
            if now - due > LATE_S * 1e9:
                for service in self.services.values():
                    service.reset_silence()
            for service in self.services.values():
                for event in service.check():
                    self._live(service, event)
            if now >= tidy_ns and not self.stopping:
                self._tidy()
                tidy_ns = now + int(TIDY_EVERY_S * 1e9)
            self._open_those_that_may()
            self._go_on_stopping()

    def _tidy(self) -> None:
        """Look after what is beside the services."""
        if self._sidecar.revive():
            _LOG.warning("somebody ended the reaper; another one was started")
        if self._fork_server.revive():
            _LOG.warning("the fork server ended; another one was started")
        for service in self.services.values():
            service.limit_log()
        if not self._folders.streams.exists():
            gone = f"the system took its shared memory away ({self._folders.streams} is gone)"
            self._begin_stop(f"{gone}; if that was a logout, see `parfocal doctor`")
        self._folders.keep_fresh(self._clock.monotonic_ns())

    def _take(self, wait_s: float) -> None:
        """Run what is in the inbox, waiting for the first."""
        try:
            self._inbox.get(timeout=wait_s)()
            while True:
                self._inbox.get_nowait()()
        except Empty:
            return

    def _make(self, spec: ServiceSpec) -> SupervisedService:
        return SupervisedService(
            spec, self._folders, self._sidecar, self._fork_server,
            post=self.post, on_report=self._receive, on_log=self._announcer.logged, on_exit=self._live,
            verbose=self._verbose, clock=self._clock,
        )  # fmt: skip

    def _start_all(self) -> None:
        for level in self._levels:
            for name in level:  # all processes at once: they import while those they depend on open
                if not self.stopping:
                    self._live(self.services[name], lifecycle.Start())

    def _open_those_that_may(self) -> None:
        states = {name: service.life.state for name, service in self.services.items()}
        for service in self.services.values():
            if service.life.state == "starting" and not service.opened:
                needs_met = all(states[name] == "ready" for name in service.spec.depends_on)
                if needs_met or self.started.done():  # later on, a restart does not wait for others
                    service.open()
        if not self.started.done() and not self.stopping and set(states.values()) <= {"ready"}:
            self._announcer.started()
            self.started.set_result(None)

    def _receive(self, service: SupervisedService, report: Report) -> None:
        match report:
            case child_pipe.HandShake():
                self._live(service, lifecycle.Ready())
            case child_pipe.Ending():
                self._live(service, lifecycle.Leaving())
            case child_pipe.NewSettings():
                service.keep_settings(report)
                with self.changed:
                    self.changed.notify_all()
            case child_pipe.Failure():
                service.errors += 1
                if report.fatal:
                    service.last_failure = report
                    self._live(service, lifecycle.Failed(report.error))
        self._announcer.reported(service, report)

    def _live(self, service: SupervisedService, event: lifecycle.Event) -> None:
        """Let an event change a service's life, and see to what follows for the others."""
        ends_the_start = isinstance(event, _FAILURES) and not self.started.done() and not self.stopping
        change = service.live(event)
        if change.failure is not None:
            self._announcer.reported(service, change.failure)
        if change.life:
            self._announcer.state_changed(service, raised=ends_the_start)
            if service.is_lost:
                self._make_others_safe(service.spec.name)
            with self.changed:
                self.changed.notify_all()
        self._changes.settle(service)
        if isinstance(event, lifecycle.Exited):
            if not self.started.done() and not self.stopping:
                self._start_error = service.start_error()
                self._begin_stop(str(self._start_error))
            elif self.stopping and service.life.state == "crashed":
                self._live(service, lifecycle.Stop())
        if change.stop_rig is not None and service.spec.name in self.services:
            self._begin_stop(change.stop_rig.reason)

    def _make_others_safe(self, lost: str) -> None:
        """Make the services safe that are to be safe when service `lost` is lost."""
        for service in self.services.values():
            if lost in service.spec.safe_when_lost and not self.stopping:
                service.send(child_pipe.MakeSafe(lost=lost))
                self._announcer.made_safe(service.spec.name, lost)

    def _live_by_name(self, name: str, event: lifecycle.Event) -> None:
        if name in self.services and not self.stopping:
            self._live(self.services[name], event)

    def replace_services(self, services: dict[str, SupervisedService]) -> None:
        """Watch these from now on. In this thread."""
        self._levels = levels([service.spec for service in services.values()])
        self.services = services
        self._announcer.services_changed(tuple(services))

    def _set_verbose(self, on: bool, name: str) -> None:
        self._verbose = self._verbose if name else on
        for service in self.services.values():
            if name in ("", service.spec.name):
                service.verbose = on
                service.send(child_pipe.Verbose(on))

    def _begin_stop(self, reason: str) -> None:
        if self.stopping:
            return
        self._stop_reason = reason
        first = [name for name, service in self.services.items() if service.spec.ends_first]
        self._end = OrderlyEnd(self._levels, first, self._clock.monotonic_ns() + int(STOP_WITHIN_S * 1e9))
        self._on_stopping()
        self._announcer.stopping(reason)
        for service in self.services.values():
            service.send(child_pipe.MakeSafe(reason))
            if service.life.state not in ("starting", "ready"):  # nothing to drain, or on its way out already
                self._live(service, lifecycle.Stop())

    def _go_on_stopping(self) -> None:
        if self._end is not None:
            for name, within_s in self._end.next(self.services, self._clock.monotonic_ns()):
                self._live(self.services[name], lifecycle.Stop())
                self.services[name].limit_end(within_s)

    def _is_over(self) -> bool:
        return self.stopping and not any(service.life.has_process for service in self.services.values())
