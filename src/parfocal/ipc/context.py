"""What a running command knows of its call: progress goes out, the wish to end comes in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import CancelledError, DeadlineError

Report = Callable[[float, str, Any], None]


def _nowhere(fraction: float, text: str, data: Any) -> None:
    del fraction, text, data


class CallContext:
    """The call that a command is running for.

    Parameters
    ----------
    id, service, command : str
        Which one.
    deadline_ns : int
        On the monotonic clock; 0 for none.
    cancelled : threading.Event
        Set when somebody wants it to end.
    report : callable
        Takes progress: fraction, text, data.
    why : callable
        Returns the reason of the cancellation.
    """

    def __init__(
        self,
        id: str = "",
        service: str = "",
        command: str = "",
        *,
        deadline_ns: int = 0,
        cancelled: threading.Event | None = None,
        report: Report = _nowhere,
        why: Callable[[], str] = str,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.id = id
        self.service = service
        self.command = command
        self.deadline_ns = deadline_ns
        self._cancelled = cancelled or threading.Event()
        self._report = report
        self._why = why
        self._clock = clock

    @property
    def cancelled(self) -> bool:
        """Whether somebody wants the call to end."""
        return self._cancelled.is_set()

    def remaining_s(self) -> float | None:
        """Return the time left until the deadline, not below 0; None if there is no deadline."""
        if not self.deadline_ns:
            return None
        return max(0.0, (self.deadline_ns - self._clock.monotonic_ns()) / 1e9)

    def progress(self, fraction: float, text: str = "", data: Any = None) -> None:
        """Tell whoever waits how far it is. Never blocks; `data` may hold arrays, which are copied."""
        self._report(float(fraction), text, data)

    def check(self) -> None:
        """Raise `CancelledError` or `DeadlineError` if the call is to end; cheap."""
        name = f"{self.service}.{self.command}"
        if self._cancelled.is_set():
            reason = self._why()
            raise CancelledError(
                f"{name} was cancelled while running: {reason or 'no reason given'}",
                service=self.service,
                command=self.command,
                phase="running",
                reason=reason,
            )
        if self.deadline_ns and self._clock.monotonic_ns() >= self.deadline_ns:
            raise DeadlineError(f"{name} ran past its deadline", service=self.service, command=self.command)

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`; wakes at once, and raises, when the call is to end."""
        remaining = self.remaining_s()
        limited = seconds if remaining is None else min(seconds, remaining)
        self._clock.wait(self._cancelled, limited)
        self.check()


_current: ContextVar[CallContext | None] = ContextVar("parfocal_call", default=None)


def current_call() -> CallContext:
    """Return the context of the command that runs in this thread.

    A method that is called directly, not as a command, gets a context that nobody listens to and that is
    never cancelled: the same code works in both.
    """
    return _current.get() or CallContext()


def run_within(context: CallContext, run: Callable[[], Any]) -> Any:
    """Run something as the command that `context` belongs to."""
    token = _current.set(context)
    try:
        return run()
    finally:
        _current.reset(token)
