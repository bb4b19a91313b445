"""The threads that run commands, and the context that a running command has of its call.

Jobs of one lane run in order, in its thread; jobs of different lanes run at the same time. A command reports
progress to its `CallContext`, and asks it whether it was cancelled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from queue import SimpleQueue
from typing import Any, Protocol

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import CancelledError, DeadlineError
from parfocal.core.messages import Reply
from parfocal.ipc import remote_errors
from parfocal.ipc.codec import Part, encode
from parfocal.ipc.command_table import BoundCommand

Job = Callable[[], None]


class LaneExecutor(Protocol):
    """Runs the jobs of one lane, one after the other, in the order they came."""

    def submit(self, job: Job) -> None:
        """Take a job; returns at once. The job never raises."""
        ...


class LaneThread:
    """A lane with a thread of its own."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Take a job; returns at once."""
        self._jobs.put(job)

    def end(self) -> None:
        """End the thread after its last job."""
        self._jobs.put(None)

    def join(self, timeout_s: float) -> None:
        """Wait until the thread has ended, or that time is over; from the thread itself, not at all."""
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


class Lanes:
    """All lanes of a service: those of the host, and threads made when they are first needed."""

    def __init__(self, service: str, executors: Mapping[str, LaneExecutor]) -> None:
        self._service = service
        self._executors: dict[str, LaneExecutor] = dict(executors)
        self._threads: dict[str, LaneThread] = {}

    def submit(self, lane: str, job: Job) -> None:
        """Queue a job in a lane."""
        executor = self._executors.get(lane)
        if executor is None:
            thread = LaneThread(f"{self._service}:{lane}")
            executor = self._executors[lane] = self._threads[lane] = thread
        executor.submit(job)

    def close(self, timeout_s: float) -> None:
        """End the threads made here; those whose command has not ended after that time for all are left."""
        end = SYSTEM_CLOCK.monotonic_s() + timeout_s
        for thread in self._threads.values():
            thread.end()
        for thread in self._threads.values():
            thread.join(max(0.0, end - SYSTEM_CLOCK.monotonic_s()))


Report = Callable[[str, float, str, Any], None]


_LOCK = threading.Lock()  # of all contexts: it is held for a moment, when one is cancelled or begins to wait


def _nowhere(id: str, fraction: float, text: str, data: Any) -> None:
    del id, fraction, text, data


class CallContext:
    """The call that a command is running for.

    Parameters
    ----------
    id, service, command : str
        Which one.
    deadline_ns : int
        On the monotonic clock; 0 for none.
    caller : str
        Who asked for it, for people.
    report : callable
        Takes progress: id, fraction, text, data.
    """

    __slots__ = (
        "_clock",
        "_ended",
        "_on_cancel",
        "_reason",
        "_report",
        "caller",
        "command",
        "deadline_ns",
        "id",
        "service",
    )

    def __init__(
        self,
        id: str = "",
        service: str = "",
        command: str = "",
        deadline_ns: int = 0,
        report: Report = _nowhere,
        clock: Clock = SYSTEM_CLOCK,
        caller: str = "",
    ) -> None:
        self.caller = caller
        self.id = id
        self.service = service
        self.command = command
        self.deadline_ns = deadline_ns
        self._report = report
        self._clock = clock
        self._reason: str | None = None
        self._ended: threading.Event | None = None  # made by the first wait: most commands never do
        self._on_cancel: Callable[[], None] | None = None

    def __str__(self) -> str:
        return f"{self.service}.{self.command}"

    @property
    def cancelled(self) -> bool:
        """Whether somebody wants the call to end."""
        return self._reason is not None

    def cancel(self, reason: str) -> None:
        """Have the command end, if it looks; the first reason stays. Any thread."""
        with _LOCK:
            self._reason = self._reason or reason
            if self._ended is not None:
                self._ended.set()
            wake = self._on_cancel
        if wake is not None:
            wake()

    def on_cancel(self, wake: Callable[[], None]) -> None:
        """Have `wake` called when the call is cancelled, in the thread that does it; at once if it is.

        For a command that waits for something else than time: `wake` ends that wait, quickly, and never
        raises. It may be called more than once.
        """
        with _LOCK:
            self._on_cancel = wake
            late = self._reason is not None
        if late:
            wake()

    def remaining_s(self) -> float | None:
        """Return the time left until the deadline, not below 0; None if there is no deadline."""
        if not self.deadline_ns:
            return None
        return max(0.0, (self.deadline_ns - self._clock.monotonic_ns()) / 1e9)

    def progress(self, fraction: float, text: str = "", data: Any = None) -> None:
        """Tell whoever waits how far it is. Never blocks; `data` may hold arrays, which are copied."""
        self._report(self.id, float(fraction), text, data)

    def check(self) -> None:
        """Raise `CancelledError` or `DeadlineError` if the call is to end; cheap."""
        if self._reason is not None:
            raise CancelledError(
                f"{self} was cancelled while running: {self._reason or 'no reason given'}",
                service=self.service,
                command=self.command,
                phase="running",
                reason=self._reason,
            )
        if self.deadline_ns and self._clock.monotonic_ns() >= self.deadline_ns:
            raise DeadlineError(f"{self} ran past its deadline", service=self.service, command=self.command)

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`; wakes at once, and raises, when the call is to end."""
        with _LOCK:
            ended = self._ended = self._ended or threading.Event()
            if self._reason is not None:
                ended.set()
        remaining = self.remaining_s()
        self._clock.wait(ended, seconds if remaining is None else min(seconds, remaining))
        self.check()


_current: ContextVar[CallContext | None] = ContextVar("parfocal_call", default=None)


def current_call() -> CallContext:
    """Return the context of the command that runs in this thread.

    A method that is called directly, not as a command, gets a context that nobody listens to and that is
    never cancelled: the same code works in both.
    """
    return _current.get() or CallContext()


@contextmanager
def running_as(context: CallContext) -> Iterator[None]:
    """Have `current_call` return `context` in this thread meanwhile."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def execute(context: CallContext, command: BoundCommand, arguments: dict[str, Any]) -> tuple[str, list[Part]]:
    """Run a command; return how it ended, "done" or a kind of error, and its reply. Never raises.

    Arrays of the result are copied: what the service goes on writing into changes no reply.
    """
    try:
        with running_as(context):
            value = command.run(**arguments)
        return "done", encode(Reply(context.id, value, kind=command.info.result), by_value=True)
    except (CancelledError, DeadlineError) as error:
        own = context.cancelled or context.remaining_s() == 0.0
        info = (remote_errors.refused if own else remote_errors.raised)(
            error, context.service, context.command
        )
    except BaseException as error:  # noqa: BLE001 (border of a callback: the caller gets it, the lane lives)
        info = remote_errors.raised(error, context.service, context.command)
    return info.kind, encode(Reply(context.id, error=info))
