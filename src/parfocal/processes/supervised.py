"""One service under supervision: does what its lifecycle decides, and keeps its deadlines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Literal, NamedTuple

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import StartError
from parfocal.core.status import ProcessStatus
from parfocal.processes import child_pipe, lifecycle
from parfocal.processes.child_pipe import LogRecord, NewSettings, Order, Report
from parfocal.processes.directory import ServiceRecord, write_record
from parfocal.processes.folders import RigFolders
from parfocal.processes.fork_server import ForkServer
from parfocal.processes.heartbeat import HeartbeatMonitor
from parfocal.processes.lifecycle import Event, Life, StopRig
from parfocal.processes.logs import LONGEST_LOG, limit_log
from parfocal.processes.process import ChildProcess, search_path
from parfocal.processes.sidecar import Sidecar
from parfocal.processes.spec import ServiceSpec
from parfocal.processes.start_limit import StartLimit

Deadline = Literal["ready", "back-off", "dump", "terminate", "kill"]
Post = Callable[[Callable[[], None]], None]

CANNOT_START = 71
"""Stands for the exit code of a process that the operating system would not start."""
_END_SHARES: tuple[tuple[Deadline, float], ...] = (("terminate", 0.7), ("kill", 1.0))  # of the time to end
_DUMP_SHARE = 0.9
_NEVER_NS = 2**63
_END_OF_LOG = 4000
"""Bytes of a service's own log that tell how it ended."""


class Change(NamedTuple):
    """What an event changed: whether the life is another one, whether the rig ends, what became known."""

    life: bool
    stop_rig: StopRig | None
    failure: child_pipe.Failure | None


class SupervisedService:
    """What the supervisor knows of one service. All methods but `status` belong to the supervisor's thread.

    Parameters
    ----------
    post : callable
        Has a callable run in the supervisor's thread.
    on_report : callable
        Called there with this object and what its process says; except for log records:
    on_log : callable
        Called with this object and a log record, in the thread that reads from the process.
    on_exit : callable
        Called there with this object and the `Exited` of its process.
    """

    def __init__(
        self,
        spec: ServiceSpec,
        folders: RigFolders,
        sidecar: Sidecar,
        fork_server: ForkServer,
        *,
        post: Post,
        on_report: Callable[[SupervisedService, Report], None],
        on_log: Callable[[SupervisedService, LogRecord], None],
        on_exit: Callable[[SupervisedService, lifecycle.Exited], None],
        verbose: bool = False,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.spec = spec
        self.life = Life()
        self.opened = False
        self.verbose = verbose
        self.errors = 0
        self.settings_version = 0
        self.last_failure: child_pipe.Failure | None = None
        self._folders = folders
        self._sidecar = sidecar
        self._fork_server = fork_server
        self._post = post
        self._on_report = on_report
        self._on_log = on_log
        self._on_exit = on_exit
        self._clock = clock
        self._process: ChildProcess | None = None
        self._monitor: HeartbeatMonitor | None = None
        self._start_limit: StartLimit | None = None
        self._spawned_ns = 0
        self._due: dict[Deadline, int] = {}

    def status(self) -> ProcessStatus:
        """Return a snapshot. Any thread."""
        life, process, monitor = self.life, self._process, self._monitor
        now_ns = self._clock.monotonic_ns()
        alive = process is not None and life.has_process
        return ProcessStatus(
            name=self.spec.name,
            state=life.state,
            pid=process.identity.pid if process is not None and alive else 0,
            restarts=life.restarts,
            exit_code=life.exit_code,
            heartbeat_age_s=monitor.age_s(now_ns) if monitor is not None and alive else 0.0,
            busy_s=monitor.busy_s(now_ns) if monitor is not None and life.state == "ready" else 0.0,
            error=life.error,
            verbose=self.verbose,
            part_of=self.spec.part_of,
        )

    @property
    def is_lost(self) -> bool:
        """Whether nobody can count on it now, and it is not on its way up."""
        return self.life.state in ("hung", "crashed", "degraded", "exited")

    def live(self, event: Event) -> Change:
        """Let the lifecycle react to `event`, do what it says, and return what that changed."""
        before = self.life
        self.life, actions = lifecycle.react(before, event, self.spec)
        failure = None
        if isinstance(event, lifecycle.Exited):
            self._forget_process()
            if self.life.error and not self.last_failure:
                failure = child_pipe.Failure(error=self.life.error, traceback=self._end_of_log(), fatal=True)
                self.last_failure = failure
                self.errors += 1
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
        return Change(self.life != before, stop_rig, failure)

    def limit_log(self) -> None:
        """Cut what the process itself wrote to its log, once that is too long."""
        with suppress(OSError):  # a log that is gone or cannot be cut ends no rig
            limit_log(self._folders.runtime / f"{self.spec.name}.log", LONGEST_LOG)

    def remove_files(self) -> None:
        """Remove what shows it to others: it is no service of the rig any more. Its log stays."""
        for suffix in ("json", "beat"):
            with suppress(OSError):
                (self._folders.runtime / f"{self.spec.name}.{suffix}").unlink(missing_ok=True)

    def open(self) -> None:
        """Let the process open: what it depends on is ready."""
        self.opened = True
        self._start_limit = StartLimit(self.spec.start_timeout_s, self._clock.monotonic_ns())
        self._due["ready"] = self._start_limit.due_ns
        self.send(child_pipe.Open())

    def send(self, order: Order) -> None:
        """Have an order written to the process, if there is one."""
        if self._process is not None:
            self._process.send(order)

    def kill(self) -> None:
        """End the process at once, if there is one."""
        if self._process is not None:
            self._process.kill()

    def keep_settings(self, changed: NewSettings) -> None:
        """Begin with the settings that its process tells from the next start on."""
        layers = self.spec.layers
        live = {**layers.get("live", {}), **changed.live}
        self.spec = msgspec.structs.replace(
            self.spec, settings=changed.values, layers={**layers, "live": live} if live else layers
        )
        self.settings_version += 1

    def limit_end(self, within_s: float) -> None:
        """Allow no longer than this for the end that was asked for."""
        now = self._clock.monotonic_ns()
        for name, share in _END_SHARES:
            self._due[name] = min(self._due.get(name, _NEVER_NS), now + int(within_s * share * 1e9))

    def due_ns(self) -> int:
        """Return when to `check` again."""
        return min(self._judged_ns(), *self._due.values(), _NEVER_NS)

    def reset_silence(self) -> None:
        """Hold no silence against it from before now: the supervisor itself was away."""
        if self._monitor is not None:
            self._monitor.reset_silence(self._clock.monotonic_ns())

    def check(self) -> Iterator[Event]:
        """Carry out what is due; yield what that means for its life."""
        now = self._clock.monotonic_ns()
        for name in [name for name, due in self._due.items() if due <= now]:
            del self._due[name]
            if name == "back-off":
                yield lifecycle.BackOffOver()
            elif self._process is None:
                continue
            elif name == "ready" and self._start_limit is not None:
                yield from self._judge_start(self._process, self._start_limit, now)
            else:
                self._send(name, self._process)
        if now >= self._judged_ns() and self._monitor is not None and self._process is not None:
            yield from self._judge(self._process, self._monitor, now)

    def start_error(self) -> StartError:
        """Return why it did not become ready."""
        failure = self.last_failure
        left = failure.traceback if failure is not None else ""
        error = StartError(
            f"service {self.spec.name!r} did not become ready: {self.life.error or 'it ended'}",
            service=self.spec.name,
            exit_code=self.life.exit_code,
            remote_type=failure.kind if failure is not None else "",
            remote_traceback=left,
        )
        if left and error.original is None:
            error.add_note(f"in service {self.spec.name!r}:\n{left}")
        return error

    def _judge_start(self, process: ChildProcess, limit: StartLimit, now_ns: int) -> Iterator[Event]:
        """Decide about a process that is not ready yet."""
        if verdict := limit.verdict(now_ns, process.processor_s()):
            yield lifecycle.Hung(verdict)
        else:
            self._due["ready"] = limit.due_ns

    def _judge(self, process: ChildProcess, monitor: HeartbeatMonitor, now_ns: int) -> Iterator[Event]:
        """Decide about a process that has given no sign of life."""
        match self.life.state:
            case "ready":
                if verdict := monitor.verdict(now_ns, process.processor_s, process.wants_processor):
                    yield lifecycle.Hung(verdict)
            case "starting":
                if verdict := monitor.verdict_of_start(now_ns, process.processor_s, process.is_stopped):
                    yield lifecycle.Hung(verdict)
            case _:  # while it ends its loop may stand still, but it must go on beating
                if monitor.verdict(now_ns, process.processor_s, process.wants_processor, loop_too=False):
                    process.kill()

    def _judged_ns(self) -> int:
        if self._monitor is None or self.life.state not in ("starting", "ready", "stopping"):
            return _NEVER_NS
        return self._monitor.due_ns(loop_too=self.life.state == "ready")

    def _act(self, action: lifecycle.Action) -> None:
        match action:
            case lifecycle.Spawn():
                self._spawn()
            case lifecycle.BackOff(pause_s):
                self._set("back-off", pause_s)
            case lifecycle.AskToStop(within_s):
                self.send(child_pipe.End())
                self.limit_end(within_s)
            case lifecycle.KillAfter(within_s):
                self.limit_end(within_s)
            case lifecycle.Abandon(within_s):
                self.send(child_pipe.AbandonLoop())
                self._set("dump", _DUMP_SHARE * within_s)  # it has ended by then, unless it can't even listen
                self._set("kill", within_s)

    def _spawn(self) -> None:
        now = self._clock.monotonic_ns()
        self._spawned_ns = now
        self.opened = False
        self.settings_version = 0
        self.last_failure = None
        begin = child_pipe.Begin(
            rig=self._folders.rig,
            spec=self.spec,
            folder=str(self._folders.runtime),
            streams=str(self._folders.streams),
            search_path=search_path(),
            verbose=self.verbose,
        )
        try:
            beat = self._folders.runtime / f"{self.spec.name}.beat"
            self._monitor = HeartbeatMonitor(beat, self.spec.hang_after_s, now)
            self._process = ChildProcess(begin, self._fork_server, self._receive, self._notice_exit)
        except (OSError, RuntimeError) as error:  # no memory, handle, thread, disk or folder
            reason = f"its process could not be started: {error}"
            self._receive(child_pipe.Failure(error=reason, traceback="", fatal=True))
            self._notice_exit(CANNOT_START)
        else:
            self._sidecar.add(self._process.identity)

    def _receive(self, report: Report) -> None:
        if isinstance(report, LogRecord):
            self._on_log(self, report)
        else:
            self._post(lambda: self._on_report(self, report))

    def _notice_exit(self, code: int) -> None:
        lived_s = (self._clock.monotonic_ns() - self._spawned_ns) / 1e9
        self._post(lambda: self._on_exit(self, lifecycle.Exited(code, lived_s)))

    def _forget_process(self) -> None:
        if self._process is not None:
            self._sidecar.drop(self._process.identity.pid)
        self._process = self._monitor = None

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
        pid, mark = process.identity if process is not None else (0, "")
        record = ServiceRecord(
            service=self.spec.name,
            state=life.state,
            pid=pid,
            mark=mark,
            restarts=life.restarts,
            exit_code=life.exit_code,
            error=life.error,
        )
        with suppress(OSError):  # others may find it stale, but this rig goes on
            write_record(self._folders.runtime / f"{self.spec.name}.json", record)

    def _end_of_log(self) -> str:
        """Return the end of its own log: what a crash printed, where the threads of a hung process stood."""
        try:
            with (self._folders.runtime / f"{self.spec.name}.log").open("rb") as log:
                begin = log.seek(max(0, log.seek(0, os.SEEK_END) - _END_OF_LOG))
                end = log.read().decode(errors="replace")
        except OSError:
            return ""
        return end if begin == 0 else end.partition("\n")[2]  # it begins with a whole line
