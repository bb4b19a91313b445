"""The supervisor's thread: one inbox, one place that decides, and nothing shared with anyone.

::

    reports, exits, requests ──> inbox ──> this thread ──> wards (start, tell, kill)
                                               └────────> on_change, on_report: records, log, notices
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import ProcessError, StartError
from parfocal.processes import lifecycle, link
from parfocal.processes.directory import RigFolders
from parfocal.processes.link import LogRecord, Report
from parfocal.processes.sidecar import Sidecar
from parfocal.processes.spec import ServiceSpec, levels
from parfocal.processes.ward import Ward

_LOG = logging.getLogger(__name__)

STOP_WITHIN_S = 4.3
"""For all services together; what they leave unused is the next one's. With the rest it stays below 5 s."""
LATE_S = 0.5
"""Woken this late, the supervisor has been away itself, and holds nobody's silence against him."""
REAPER_EVERY_S = 1.0


class Control:
    """Starts, watches and ends the services of a rig, in a thread of its own.

    Parameters
    ----------
    on_change : callable
        ``on_change(ward)`` after each change of a service's life, in this thread.
    on_report : callable
        ``on_report(ward, report)`` with whatever a process says, in this thread; except for log records:
    on_log : callable
        ``on_log(ward, record)`` in the thread that reads from the process: one that logs more than can
        be written fills its own pipe, and nobody's memory.
    on_stopping : callable
        ``on_stopping(reason)`` when the end begins, in this thread.
    on_over : callable
        Called last of all in this thread, when every process has ended.

    Attributes
    ----------
    started : Future
        Done when every service is ready, or with the `StartError` when everything has been ended again.
    """

    def __init__(
        self,
        specs: Sequence[ServiceSpec],
        folders: RigFolders,
        sidecar: Sidecar,
        *,
        on_change: Callable[[Ward], None],
        on_report: Callable[[Ward, Report], None],
        on_log: Callable[[Ward, LogRecord], None],
        on_stopping: Callable[[str], None],
        on_over: Callable[[], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._levels = levels(specs)
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._sidecar = sidecar
        self._clock = clock
        self._on_change = on_change
        self._on_report = on_report
        self._on_stopping = on_stopping
        self._on_over = on_over
        self.wards = {
            spec.name: Ward(spec, folders, sidecar, self.post, self._hear, on_log, self._live, clock)
            for spec in specs
        }
        self.started: Future[None] = Future()
        self.changed = threading.Condition()
        self._start_error: StartError | None = None
        self._stop_reason = ""
        self._stop_level = -1
        self._stop_end_ns = 0
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
        """Begin to end everything. Any thread; idempotent."""
        self.post(lambda: self._begin_stop(reason))

    def restart(self, name: str) -> None:
        """Have one service end in order and start again. Any thread."""
        self.post(lambda: self._restart(name))

    def set_verbose(self, on: bool) -> None:
        """Switch verbose logging of all services. Any thread."""
        self.post(lambda: self._set_verbose(on))

    def post(self, job: Callable[[], None]) -> None:
        """Have `job` run in this thread. Any thread."""
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
            if not self.started.done():
                stopped = ProcessError(f"the rig was stopped while it started: {self._stop_reason}")
                self.started.set_exception(self._start_error or stopped)

    def _abandon_all(self) -> None:
        """End every process unwatched: each makes safe by itself, and is killed if it has not ended."""
        for ward in self.wards.values():
            ward.tell(link.AbandonLoop())
        self._clock.wait(threading.Event(), lifecycle.HANG_GRACE_S)
        for ward in self.wards.values():
            ward.kill()

    def _watch(self) -> None:
        reaper_ns = 0
        while not self._is_over():
            now = self._clock.monotonic_ns()
            due = min([ward.due_ns() for ward in self.wards.values()] + [now + int(REAPER_EVERY_S * 1e9)])
            self._take(max(0, due - now) / 1e9)
            now = self._clock.monotonic_ns()
            if now - due > LATE_S * 1e9:
                for ward in self.wards.values():
                    ward.count_afresh()
            for ward in self.wards.values():
                for event in ward.check():
                    self._live(ward, event)
            if now >= reaper_ns and not self.stopping:
                if self._sidecar.revive():
                    _LOG.warning("somebody ended the reaper; another one was started")
                reaper_ns = now + int(REAPER_EVERY_S * 1e9)
            self._open_those_that_may()
            self._go_on_stopping()

    def _take(self, wait_s: float) -> None:
        """Run what is in the inbox, waiting for the first."""
        try:
            self._inbox.get(timeout=wait_s)()
            while True:
                self._inbox.get_nowait()()
        except Empty:
            return

    def _start_all(self) -> None:
        for level in self._levels:
            for name in level:  # all processes at once: they import while those they depend on open
                if not self.stopping:
                    self._live(self.wards[name], lifecycle.Start())

    def _open_those_that_may(self) -> None:
        states = {name: ward.life.state for name, ward in self.wards.items()}
        for ward in self.wards.values():
            if ward.life.state == "starting" and not ward.opened:
                needs_met = all(states[name] == "ready" for name in ward.spec.depends_on)
                if needs_met or self.started.done():  # later on, a restart does not wait for others
                    ward.open()
        if not self.started.done() and not self.stopping and set(states.values()) <= {"ready"}:
            self.started.set_result(None)

    def _hear(self, ward: Ward, report: Report) -> None:
        match report:
            case link.HandShake():
                self._live(ward, lifecycle.Ready())
            case link.Ending():
                self._live(ward, lifecycle.Leaving())
            case link.NewSettings(values):
                ward.keep_settings(values)
            case link.Failure():
                ward.errors += 1
                if report.fatal:
                    ward.last_failure = report
                    self._live(ward, lifecycle.Failed(report.error))
        self._on_report(ward, report)

    def _live(self, ward: Ward, event: lifecycle.Event) -> None:
        changed, stop_rig = ward.live(event)
        if changed:
            self._on_change(ward)
            with self.changed:
                self.changed.notify_all()
        if isinstance(event, lifecycle.Exited):
            if not self.started.done() and not self.stopping:
                self._start_error = ward.start_error()
                self._begin_stop(str(self._start_error))
            elif self.stopping and ward.life.state == "crashed":
                self._live(ward, lifecycle.Stop())
        if stop_rig is not None:
            self._begin_stop(stop_rig.reason)

    def _restart(self, name: str) -> None:
        if not self.stopping:
            self._live(self.wards[name], lifecycle.Restart())

    def _set_verbose(self, on: bool) -> None:
        for ward in self.wards.values():
            ward.verbose = on
            ward.tell(link.Verbose(on))

    def _begin_stop(self, reason: str) -> None:
        if self.stopping:
            return
        self._stop_reason = reason
        self._stop_end_ns = self._clock.monotonic_ns() + int(STOP_WITHIN_S * 1e9)
        self._on_stopping(reason)
        for ward in self.wards.values():
            ward.tell(link.MakeSafe())
            if ward.life.state not in ("starting", "ready"):  # nothing to drain, or on its way out already
                self._live(ward, lifecycle.Stop())

    def _go_on_stopping(self) -> None:
        """End level after level: those that send before those that read, so that what was sent is drained."""
        while self.stopping and self._stop_level < len(self._levels) - 1:
            if any(self.wards[name].life.has_process for name in self._level(self._stop_level)):
                return
            self._stop_level += 1
            left_s = (self._stop_end_ns - self._clock.monotonic_ns()) / 1e9
            share_s = max(0.1, left_s / (len(self._levels) - self._stop_level))
            for name in self._level(self._stop_level):
                self._live(self.wards[name], lifecycle.Stop())
                self.wards[name].limit_end(share_s)

    def _level(self, index: int) -> tuple[str, ...]:
        return self._levels[index] if index >= 0 else ()

    def _is_over(self) -> bool:
        return self.stopping and not any(ward.life.has_process for ward in self.wards.values())
