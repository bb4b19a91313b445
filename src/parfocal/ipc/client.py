"""What a program uses to call the commands of a service."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from parfocal.core import errors
from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.messages import Command, Hello, Interference, Introduction
from parfocal.core.reminder import Reminder
from parfocal.ipc.call import Call, seconds
from parfocal.ipc.claim import Claim
from parfocal.ipc.codec import encode
from parfocal.ipc.commands import CommandInfo
from parfocal.ipc.endpoints import command_endpoint
from parfocal.ipc.output_lease import OutputLease
from parfocal.ipc.receiver import ClientStatistics, Receiver
from parfocal.ipc.results import Declared


class Client:
    """Calls the commands of a service. Any thread; connects when it is first used.

    Parameters
    ----------
    folder : Path
        Holds the service's sockets.
    service : str
        Its name.
    death : callable, optional
        Returns the exit code of the service's last process, None if it is not known (yet).
    caller : str, optional
        Who calls, for people: the service's errors, notices and records name it.
    is_service : bool
        Whether that is a service of the rig.

    Notes
    -----
    When the service is not there, or ends, calls fail at once. When it is back, the next call finds it. A
    fork cannot use the client of its parent: its calls raise `ServiceUnavailableError`.
    """

    def __init__(
        self,
        folder: Path,
        service: str,
        *,
        death: Callable[[], int | None] | None = None,
        caller: str = "",
        is_service: bool = False,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.service = service
        self._clock = clock
        who = Introduction(caller or f"process {os.getpid()}", is_service)
        self._receiver = Receiver(command_endpoint(folder, service), service, death, who, clock)
        self._reminder = Reminder(self, f"the client of service {service!r}", let_go=self._receiver.close)

    def call(
        self,
        command: str,
        /,
        *args: Any,
        timeout_s: float | None = None,
        lease_s: float | None = None,
        returns: Any = Any,
        force: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Run a command and return its result.

        Parameters
        ----------
        timeout_s : float, optional
            The deadline, from now. It travels along: still queued then, the command never runs.
        lease_s : float, optional
            The service treats the call as abandoned when this program stands still for that long, as it does
            when it ends; 0.1 s or more. For calls that keep something on as long as they last.
        returns : type, optional
            What to convert the result to, such as a struct, or `Declared` for what the command declares;
            plain values and arrays by default.
        force : bool
            Do it although a run claims the service; the run records that.

        Raises
        ------
        CommandError
            Of the kind that tells why there is no result. Interrupted (Ctrl-C), the call is cancelled.
        """
        call = self._receiver.new_call(command, returns, self)
        try:
            self._begin(call, args, kwargs, timeout_s, lease_s, force)
            return call.result()
        except KeyboardInterrupt:
            call.withdraw("interrupted")
            raise

    def submit(
        self,
        command: str,
        /,
        *args: Any,
        timeout_s: float | None = None,
        lease_s: float | None = None,
        returns: Any = Any,
        force: bool = False,
        **kwargs: Any,
    ) -> Call:
        """Ask for a command and return at once. Parameters as for `call`; interrupted, it is cancelled."""
        call = self._receiver.new_call(command, returns, self)
        try:
            self._begin(call, args, kwargs, timeout_s, lease_s, force)
        except KeyboardInterrupt:
            call.withdraw("interrupted")
            raise
        return call

    def method(self, command: str) -> Callable[..., Any]:
        """Return a function that calls `command`, and converts its result to what the command declares."""

        def method(*args: Any, **kwargs: Any) -> Any:
            kwargs.setdefault("returns", Declared)
            return self.call(command, *args, **kwargs)

        method.__name__ = command
        method.__qualname__ = f"{self.service}.{command}"
        method.__module__ = f"service {self.service!r}"
        return method

    def attach_call(self, id: str, returns: Any = Any) -> Call:
        """Return a call that was made before, by this or another client, to get its progress and result."""
        call = Call(self._receiver, id, self.service, f"call {id}", returns, self)
        self._receiver.attach(call)
        return call

    def lease(self, output: str = "", *, period_s: float = 2.0) -> OutputLease:
        """Have the service make an output safe when this program ends, or stands still for `period_s`.

        Parameters
        ----------
        output : str
            One of the outputs that the service names; "" for all that it switches.
        period_s : float
            How long the program may stand still, 0.1 s or more.

        Raises
        ------
        CommandError
            If the service does not have that output, or is not there.
        """
        return OutputLease(self._receiver, output, period_s)

    def claim(self, run: str, on_interference: Callable[[Interference], None] = lambda _: None) -> Claim:
        """Have the service refuse to be changed by others than this client and the services of the rig.

        Parameters
        ----------
        run : str
            On whose behalf.
        on_interference : callable
            Called, in a thread of the client's own, with what others stop or force of the service meanwhile.

        Raises
        ------
        ClaimedError
            If another run claims it; names it.
        """
        return Claim(self._receiver, run, on_interference)

    def ping(self, timeout_s: float | None = 1.0) -> float:
        """Return how long the service takes to answer, seconds, whatever else it is doing."""
        start_ns = self._clock.monotonic_ns()
        self.call("ping", timeout_s=timeout_s)
        return (self._clock.monotonic_ns() - start_ns) / 1e9

    def hello(self, timeout_s: float | None = 1.0) -> Hello:
        """Return who serves."""
        answer: Hello = self.call("hello", timeout_s=timeout_s, returns=Hello)
        return answer

    def commands(self, timeout_s: float | None = 1.0) -> tuple[CommandInfo, ...]:
        """Return what the service can be asked."""
        kind = tuple[CommandInfo, ...]
        answer: tuple[CommandInfo, ...] = self.call("commands", timeout_s=timeout_s, returns=kind)
        return answer

    def check_call(
        self, command: str, /, *args: Any, timeout_s: float | None = 5.0, **kwargs: Any
    ) -> CommandInfo:
        """Return what a command is that could be called with these arguments; nothing is carried out.

        Raises
        ------
        CommandError
            If the service does not have it, or does not take the arguments.
        """
        call = self._receiver.new_call("check_call", CommandInfo, self)
        self._begin(call, (command, *args), kwargs, timeout_s, None, force=False)
        info: CommandInfo = call.result()
        return info

    @property
    def times_lost(self) -> int:
        """How often the connection to the service was lost since it was first made: how often it ended.

        Never waits: whoever keeps in mind what he told a service asks this before he counts on it.
        """
        return self._receiver.times_lost

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._receiver.is_closed

    def statistics(self) -> ClientStatistics:
        """Return what became of the calls, late replies among them, and what waits to be sent or told."""
        return self._receiver.statistics()

    def close(self) -> None:
        """Let go of the service; calls in flight fail here, and end there by their policy. Idempotent."""
        self._reminder.cancel()
        self._receiver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(
        self,
        call: Call,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        timeout_s: float | None,
        lease_s: float | None,
        force: bool,
    ) -> None:
        limit_s = seconds(timeout_s)
        deadline_ns = 0 if limit_s is None else self._clock.monotonic_ns() + int(limit_s * 1e9)
        try:
            lease_ns = 0 if lease_s is None else max(1, int(lease_s * 1e9))
            message = Command(
                call.id, call.command, list(args), kwargs, deadline_ns, lease_ns=lease_ns, force=force
            )
            parts = encode(message, by_value=True)
        except (TypeError, OverflowError) as error:
            wrong = f"arguments of {self.service}.{call.command}: {error}"
            raise errors.BadArgumentsError(wrong, service=self.service, command=call.command) from error
        self._receiver.request(call, parts, deadline_ns)
