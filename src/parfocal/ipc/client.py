"""The asking end: what a program uses to call the commands of a service."""

from __future__ import annotations

import contextlib
import itertools
import secrets
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from parfocal.core import errors
from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.messages import Attach, Cancel, Command, Hello
from parfocal.core.reminder import Reminder
from parfocal.ipc.call import Call
from parfocal.ipc.commands import CommandInfo
from parfocal.ipc.endpoints import command_endpoint
from parfocal.ipc.exchange import Exchange
from parfocal.ipc.mux import MuxStatistics

_CANCEL_TIMEOUT_S = 5.0


class Client:
    """Calls the commands of a service. Any thread; cheap to make; connects when it is first used.

    Parameters
    ----------
    folder : Path
        Holds the service's sockets.
    service : str
        Its name.
    death : callable, optional
        Returns the exit code of the service's last process, None if it is not known (yet).

    Notes
    -----
    When the service is not there, or ends, calls fail at once. When it is back, the next call finds it.
    """

    def __init__(
        self,
        folder: Path,
        service: str,
        *,
        death: Callable[[], int | None] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.service = service
        self._clock = clock
        self._exchange = Exchange(command_endpoint(folder, service), service, death, clock)
        self._prefix = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        self._reminder = Reminder(self, f"the client of service {service!r}", let_go=self._exchange.close)

    def call(
        self, command: str, /, *args: Any, timeout_s: float | None = None, returns: Any = Any, **kwargs: Any
    ) -> Any:
        """Run a command and return its result.

        Parameters
        ----------
        timeout_s : float, optional
            The deadline, from now. It travels along: still queued then, the command never runs.
        returns : type, optional
            What to convert the result to, such as a struct, or `Declared` for what the command declares;
            plain values and arrays by default.

        Raises
        ------
        CommandError
            Of the kind that tells why there is no result. Interrupted (Ctrl-C), the call is cancelled.
        """
        call = self._begin(command, args, kwargs, timeout_s, returns)
        try:
            return call.result()
        except KeyboardInterrupt:
            self.cancel_soon(call, "interrupted")
            raise

    def submit(
        self, command: str, /, *args: Any, timeout_s: float | None = None, returns: Any = Any, **kwargs: Any
    ) -> Call:
        """Ask for a command and return at once. Parameters as for `call`."""
        call = self._begin(command, args, kwargs, timeout_s, returns)
        self._exchange.attend()
        return call

    def attach_call(self, id: str, returns: Any = Any) -> Call:
        """Return a call that was made before, by this or another client, to get its progress and result."""
        known = self._exchange.get(id)
        if known is not None:
            return known
        call = Call(self, id, self.service, f"call {id}", returns)
        self._exchange.send(call, Attach(id))
        self._exchange.attend()
        return call

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

    def statistics(self) -> MuxStatistics:
        """Return what became of the calls; late replies among them."""
        return self._exchange.statistics()

    def close(self) -> None:
        """Let go of the service; calls in flight fail here, and end there by their policy. Idempotent."""
        self._reminder.cancel()
        self._exchange.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wait(self, call: Call, timeout_s: float | None) -> bool:
        """Block until `call` is done; False if `timeout_s` passed first."""
        return self._exchange.wait(call, timeout_s)

    def cancel(self, call: Call, reason: str) -> str:
        """Cancel `call`; return its phase: "queued", "running" or "finished"."""
        return str(self._cancel(call, reason).result())

    def cancel_soon(self, call: Call, reason: str) -> None:
        """Cancel `call` without waiting for the answer, if it can be sent at all."""
        with contextlib.suppress(errors.CommandError):
            self._cancel(call, reason)

    def run_callback(self, function: Callable[[], None]) -> None:
        """Have the client's own thread call `function`."""
        self._exchange.later(function)

    def _cancel(self, call: Call, reason: str) -> Call:
        asked = Call(self, self._new_id(), self.service, "cancel")
        deadline_ns = self._deadline_ns(_CANCEL_TIMEOUT_S)
        self._exchange.send(asked, Cancel(asked.id, call.id, reason), deadline_ns)
        return asked

    def _begin(
        self,
        command: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        timeout_s: float | None,
        returns: Any,
    ) -> Call:
        call = Call(self, self._new_id(), self.service, command, returns)
        deadline_ns = self._deadline_ns(timeout_s)
        try:
            self._exchange.send(call, Command(call.id, command, list(args), kwargs, deadline_ns), deadline_ns)
        except (TypeError, OverflowError) as error:
            message = f"arguments of {self.service}.{command}: {error}"
            raise errors.BadArgumentsError(message, service=self.service, command=command) from error
        return call

    def _deadline_ns(self, timeout_s: float | None) -> int:
        return 0 if timeout_s is None else self._clock.monotonic_ns() + int(timeout_s * 1e9)

    def _new_id(self) -> str:
        return f"{self._prefix}-{next(self._numbers)}"
