"""One service under supervision: carries out what its lifecycle decides, and keeps its deadlines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Literal

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import StartError
from parfocal.core.status import ProcessStatus
from parfocal.processes import lifecycle, link
from parfocal.processes.directory import RigFolders, ServiceRecord, write_record
from parfocal.processes.heartbeat import Pulse
from parfocal.processes.lifecycle import Event, Life, StopRig
from parfocal.processes.link import Control, LogRecord, Report
from parfocal.processes.process import ChildProcess, search_path
from parfocal.processes.sidecar import Sidecar
from parfocal.processes.spec import ServiceSpec

Deadline = Literal["ready", "back-off", "dump", "terminate", "kill"]
Post = Callable[[Callable[[], None]], None]

CANNOT_START = 71
"""Stands for the exit code of a process that the operating system would not start."""
_END_SHARES: tuple[tuple[Deadline, float], ...] = (("terminate", 0.7), ("kill", 1.0))  # of the time to end
_DUMP_SHARE = 0.9
_NEVER_NS = 2**63
_LAST_WORDS = 4000


class Ward:
    """The supervisor's knowledge of one service. All methods but `status` belong to the supervisor's thread.

    Parameters
    ----------
    post : callable
        Has a callable run in the supervisor's thread.
    on_report : callable
        Called there with this object and what its process says; except for log records:
    on_log : callable
        Called with this object and a log record, in the thread that reads from the process.
    on_event : callable
        Called there with this object and what happened to it.
    """

    def __init__(
        self,
        spec: ServiceSpec,
        folders: RigFolders,
        sidecar: Sidecar,
        post: Post,
        on_report: Callable[[Ward, Report], None],
        on_log: Callable[[Ward, LogRecord], None],
        on_event: Callable[[Ward, Event], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.spec = spec
        self.life = Life()
        self.opened = False
        self.verbose = False
        self.errors = 0
        self.last_failure: link.Failure | None = None
        self._folders = folders
        self._sidecar = sidecar
        self._post = post
        self._on_report = on_report
        self._on_log = on_log
        self._on_event = on_event
        self._clock = clock
        self._process: ChildProcess | None = None
        self._pulse: Pulse | None = None
        self._spawned_ns = 0
        self._due: dict[Deadline, int] = {}

    def status(self) -> ProcessStatus:
        """Return a snapshot. Any thread."""
        life, process, pulse = self.life, self._process, self._pulse
        alive = process is not None and life.has_process
        return ProcessStatus(
            name=self.spec.name,
            state=life.state,
            pid=process.pid if process is not None and alive else 0,
            restarts=life.restarts,
            exit_code=life.exit_code,
            heartbeat_age_s=pulse.age_s(self._clock.monotonic_ns()) if pulse is not None and alive else 0.0,
            error=life.error,
        )

    def live(self, event: Event) -> tuple[bool, StopRig | None]:
        """Let the lifecycle react to `event`, and do what it says.

        Returns
        -------
        changed : bool
            Whether its life is another one now.
        stop_rig : StopRig or None
            Whether that is to end the whole rig.
        """
        before = self.life
        self.life, actions = lifecycle.react(before, event, self.spec)
        if isinstance(event, lifecycle.Exited):
            self._forget_process()
            if self.life.error and not self.last_failure:
                self.last_failure = link.Failure(
                    error=self.life.error, traceback=self._last_words(), fatal=True
                )
                self._on_report(self, self.last_failure)
        if self.life.state != before.state:
            self._due.clear()
        stop_rig = None
        for action in actions:
            if isinstance(action, StopRig):
                stop_rig = action
            else:
                self._act(action)
        if self.life != before:
            self._record()
        return self.life != before, stop_rig

    def open(self) -> None:
        """Let the process open: what it depends on is ready."""
        self.opened = True
        self._set("ready", self.spec.start_timeout_s)
        self.tell(link.Open())

    def tell(self, message: Control) -> None:
        """Tell the process, if there is one."""
        if self._process is not None:
            self._process.tell(message)

    def kill(self) -> None:
        """End the process at once, if there is one."""
        if self._process is not None:
            self._process.kill()

    def keep_settings(self, values: dict[str, object]) -> None:
        """Begin with these settings from the next start on."""
        self.spec = msgspec.structs.replace(self.spec, settings=values)

    def limit_end(self, within_s: float) -> None:
        """Allow no longer than this for the end that was asked for."""
        now = self._clock.monotonic_ns()
        for name, share in _END_SHARES:
            self._due[name] = min(self._due.get(name, _NEVER_NS), now + int(within_s * share * 1e9))

    def due_ns(self) -> int:
        """Return when to `check` again."""
        return min(self._judged_ns(), *self._due.values(), _NEVER_NS)

    def count_afresh(self) -> None:
        """Hold no silence against it from before now: the supervisor itself was away."""
        if self._pulse is not None:
            self._pulse.count_afresh(self._clock.monotonic_ns())

    def check(self) -> Iterator[Event]:
        """Carry out what is due; yield what that means for its life."""
        now = self._clock.monotonic_ns()
        for name in [name for name, due in self._due.items() if due <= now]:
            del self._due[name]
            if name == "back-off":
                yield lifecycle.BackOffOver()
            elif name == "ready":
                yield lifecycle.Hung(f"not ready after {self.spec.start_timeout_s:g} s")
            elif self._process is not None:
                self._send(name, self._process)
        if now >= self._judged_ns() and self._pulse is not None and self._process is not None:
            yield from self._judge(self._process, self._pulse, now)

    def start_error(self) -> StartError:
        """Return why it did not become ready."""
        left = self.last_failure.traceback if self.last_failure is not None else ""
        error = StartError(
            f"service {self.spec.name!r} did not become ready: {self.life.error or 'it ended'}",
            service=self.spec.name,
            exit_code=self.life.exit_code,
            remote_traceback=left,
        )
        if left:
            error.add_note(f"in service {self.spec.name!r}:\n{left}")
        return error

    def _judge(self, process: ChildProcess, pulse: Pulse, now_ns: int) -> Iterator[Event]:
        """Decide about a process that has given no sign of life."""
        match self.life.state:
            case "ready":
                if verdict := pulse.verdict(now_ns):  # "" if it has just beaten
                    yield lifecycle.Hung(verdict)
            case "starting":  # an import, or a driver that opens, may keep even the heartbeat waiting
                pulse.count_afresh(now_ns)
                if process.is_stopped():
                    yield lifecycle.Hung("hung: somebody stopped its process while it started")
            case _:
                process.kill()  # while it ends its loop may stand still, but it must go on beating

    def _judged_ns(self) -> int:
        if self._pulse is None or self.life.state not in ("starting", "ready", "stopping"):
            return _NEVER_NS
        return self._pulse.due_ns(loop_too=self.life.state == "ready")

    def _act(self, action: lifecycle.Action) -> None:
        match action:
            case lifecycle.Spawn():
                self._spawn()
            case lifecycle.BackOff(pause_s):
                self._set("back-off", pause_s)
            case lifecycle.AskToStop(within_s):
                self.tell(link.End())
                self.limit_end(within_s)
            case lifecycle.KillAfter(within_s):
                self.limit_end(within_s)
            case lifecycle.Abandon(within_s):
                self.tell(link.AbandonLoop())
                self._set("dump", _DUMP_SHARE * within_s)  # it has ended by then, unless it can't even listen
                self._set("kill", within_s)

    def _spawn(self) -> None:
        now = self._clock.monotonic_ns()
        self._spawned_ns = now
        self.opened = False
        self.last_failure = None
        begin = link.Begin(
            rig=self._folders.rig,
            spec=self.spec,
            folder=str(self._folders.runtime),
            streams=str(self._folders.streams),
            search_path=search_path(),
            verbose=self.verbose,
        )
        try:
            self._pulse = Pulse(self._folders.runtime / f"{self.spec.name}.beat", self.spec.hang_after_s, now)
            self._process = ChildProcess(begin, self._hear, self._hear_exit)
        except (
            OSError,
            RuntimeError,
        ) as error:  # no memory, handle, thread, disk or folder
            reason = f"its process could not be started: {error}"
            self._hear(link.Failure(error=reason, traceback="", fatal=True))
            self._hear_exit(CANNOT_START)
        else:
            self._sidecar.add(self._process.pid, self._process.mark)

    def _hear(self, report: Report) -> None:
        if isinstance(report, LogRecord):
            self._on_log(self, report)
        else:
            self._post(lambda: self._on_report(self, report))

    def _hear_exit(self, code: int) -> None:
        lived_s = (self._clock.monotonic_ns() - self._spawned_ns) / 1e9
        self._post(lambda: self._on_event(self, lifecycle.Exited(code, lived_s)))

    def _forget_process(self) -> None:
        if self._process is not None:
            self._sidecar.drop(self._process.pid)
        self._process = self._pulse = None

    def _send(self, name: Deadline, process: ChildProcess) -> None:
        match name:
            case "dump":
                process.dump()
            case "terminate":
                process.terminate()
            case _:
                process.kill()

    def _set(self, name: Deadline, within_s: float) -> None:
        self._due[name] = self._clock.monotonic_ns() + int(within_s * 1e9)

    def _record(self) -> None:
        process, life = self._process, self.life
        record = ServiceRecord(
            service=self.spec.name,
            state=life.state,
            pid=process.pid if process is not None else 0,
            mark=process.mark if process is not None else "",
            restarts=life.restarts,
            exit_code=life.exit_code,
            error=life.error,
        )
        with suppress(OSError):  # others may find it stale, but this rig goes on
            write_record(self._folders.runtime / f"{self.spec.name}.json", record)

    def _last_words(self) -> str:
        """Return the end of its own log: where a crash or the dump of a hung process is found."""
        try:
            with (self._folders.runtime / f"{self.spec.name}.log").open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _LAST_WORDS))
                return log.read().decode(errors="replace")
        except OSError:
            return ""
