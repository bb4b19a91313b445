"""A command of a service as a task of a run: begun, followed, held, and ended with an abort."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from parfocal.core.errors import CommandError, DeadlineError, ParfocalError
from parfocal.runs.instruments.instruments import AcquiredFrames, CalledService, EventProgress

if TYPE_CHECKING:
    import logging

    from parfocal.core.clock import Clock
    from parfocal.ipc import Call
    from parfocal.runs.instruments.calling import InstrumentCalls
    from parfocal.runs.machine.inputs import CallOutcome
    from parfocal.runs.plans.service_call import ServiceCall

_LOOK_S = 0.02
_ANSWER_S = 5.0

Expose = Callable[[Callable[[], bool]], AcquiredFrames]


class ServiceCalls:
    """Has services carry out long commands, one at a time. One thread, but for what says so.

    Parameters
    ----------
    calls : InstrumentCalls
        Calls them; an abort of it cancels the command.
    clock : Clock
        Of the limits.
    log : logging.Logger
        Told if a service can't hold its command, or go on.
    """

    def __init__(self, calls: InstrumentCalls, clock: Clock, log: logging.Logger) -> None:
        self._calls, self._clock, self._log = calls, clock, log
        self._lock = threading.Lock()  # of the two below
        self._under_way: tuple[ServiceCall, Call] | None = None
        self._is_held = False

    def problems(self, asked: Iterable[ServiceCall]) -> tuple[str, ...]:
        """Return what services do not take of the calls that they would get, in words."""
        return tuple(filter(None, map(self._problem, asked)))

    def ready(self) -> None:
        """Forget an earlier `hold`: a new task begins. Any thread."""
        with self._lock:
            self._is_held = False

    def run(self, asked: ServiceCall, expose: Expose | None = None) -> CalledService:
        """Carry out a command; return how it ended. Aborted, it is cancelled and has `stop_s` to end.

        Parameters
        ----------
        asked : ServiceCall
            What is called.
        expose : callable, optional
            Has the camera expose freely until what it is given returns True.
        """
        began_ns = self._clock.monotonic_ns()
        limit_s = math.inf if asked.timeout_s is None else asked.timeout_s
        try:
            call = self._calls.begin_long(asked.service, asked.command, asked.arguments, limit_s)
        except CommandError as error:
            return CalledService(began_ns=began_ns, frames=0, outcome="failed", error=error)
        with self._lock:
            self._under_way = asked, call
            if self._is_held:
                self._tell(call, asked.pause)
        frames = 0
        try:
            frames, wrong = (0, None) if expose is None else _exposed(call, expose)
            if not self._wait(call, asked.stop_s, is_ending=wrong is not None):
                late = DeadlineError(f"{asked.name} did not end within {asked.stop_s:g} s of its cancel")
                return CalledService(began_ns=began_ns, frames=frames, outcome="unsure", error=late)
            if wrong is not None:
                raise wrong
            result = self._calls.result(call)
            return CalledService(began_ns=began_ns, frames=frames, outcome="acquired", result=result)
        except ParfocalError as error:
            outcome: CallOutcome = "cancelled" if self._calls.aborted.is_set() else "failed"
            return CalledService(began_ns=began_ns, frames=frames, outcome=outcome, error=error)
        finally:
            self._ended(asked, call)

    def hold(self) -> None:
        """Have the service hold its command, which may not have begun yet. Any thread; waits for nothing."""
        with self._lock:
            self._is_held = True
            if self._under_way is not None:
                asked, call = self._under_way
                self._tell(call, asked.pause)

    def release(self) -> None:
        """Have the service go on with its command. Any thread; waits for nothing."""
        with self._lock:
            was_held, self._is_held = self._is_held, False
            if self._under_way is not None and was_held:
                asked, call = self._under_way
                self._tell(call, asked.resume)

    def progress(self) -> EventProgress | None:
        """Return how far the command is; None if there is none. Any thread."""
        if (under_way := self._under_way) is None:
            return None
        told = under_way[1].progress
        if told is None:
            return EventProgress(text=under_way[0].name)
        return EventProgress(text=told.text or under_way[0].name, fraction=told.fraction)

    def _ended(self, asked: ServiceCall, call: Call) -> None:
        """Forget a command; a `hold` that came as it ended must not hold the service's next one."""
        with self._lock:
            self._under_way = None
            if self._is_held and asked.can_pause:
                self._tell(call, asked.resume)

    def _problem(self, asked: ServiceCall) -> str:
        try:
            client = self._calls.client(asked.service)
            client.check_call(asked.command, **asked.arguments)
            for command in filter(None, (asked.pause, asked.resume)):
                client.check_call(command)
            for service in asked.uses:
                self._calls.client(service).ping(_ANSWER_S)
        except CommandError as error:
            return f"{asked.name}: {error}"
        return ""

    def _wait(self, call: Call, stop_s: float, *, is_ending: bool) -> bool:
        """Wait for the end of a command, after an abort for `stop_s` at most; return whether it has ended."""
        done = threading.Event()
        call.add_done_callback(lambda _: done.set())
        left_s = stop_s
        while not self._clock.wait(done, _LOOK_S):
            if is_ending or self._calls.aborted.is_set():
                left_s -= _LOOK_S
            if left_s <= 0:
                return False
        return True

    def _tell(self, held: Call, command: str) -> None:
        call = self._calls.tell(held.service, command)
        if call is not None:
            call.add_done_callback(self._look)

    def _look(self, call: Call) -> None:
        if (error := call.exception()) is not None:
            self._log.error("%s.%s: %s", call.service, call.command, error)


def _exposed(call: Call, expose: Expose) -> tuple[int, CommandError | None]:
    """Return how many frames were exposed until a command has ended; without a camera it is cancelled."""
    try:
        taken = expose(call.done)
    except CommandError as error:
        call.cancel_soon(f"the camera failed: {error}")
        return 0, error
    if taken.stopped:
        call.cancel_soon(taken.stopped)
        return taken.frames, CommandError(taken.stopped, service=call.service, command=call.command)
    return taken.frames, None
