"""Calls whose service ended before it answered: they fail as soon as its exit code is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parfocal.core.errors import ServiceDiedError, ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.errors import CommandError
    from parfocal.ipc.call import Call

_WITHIN_NS = 300_000_000  # how long to wait for the exit code of a service that has just ended
_EVERY_NS = 10_000_000


@dataclass(frozen=True, eq=False)
class _Lost:
    """The calls of one connection; they fail at `give_up_ns` at the latest."""

    calls: list[Call]
    give_up_ns: int


class LostCalls:
    """The calls of lost connections. Used by the receiver thread alone.

    Parameters
    ----------
    service, path : str
        The service, and where it takes commands.
    exit_code : callable or None
        Returns the exit code of the service's last process, None if it is not known (yet).

    Attributes
    ----------
    waits : bool
        Whether calls wait for the exit code.
    """

    def __init__(self, service: str, path: str, exit_code: Callable[[], int | None] | None) -> None:
        self._service = service
        self._path = path
        self._exit_code = exit_code or (lambda: None)
        self._patience_ns = _WITHIN_NS if exit_code is not None else 0
        self._lost: list[_Lost] = []
        self.waits = False

    def add(self, calls: list[Call], now_ns: int) -> None:
        """Take over the calls of a connection that was lost."""
        self._lost.append(_Lost(calls, now_ns + self._patience_ns))
        self.waits = True

    def next_look_ns(self, now_ns: int) -> int:
        """Return when `take_failed` is due again, while any wait."""
        return now_ns + _EVERY_NS

    def take_failed(self, now_ns: int) -> list[tuple[Call, CommandError]]:
        """Take out the calls that are to fail now, each with its error."""
        code = self._exit_code()
        over = [lost for lost in self._lost if code is not None or now_ns >= lost.give_up_ns]
        self._lost = [lost for lost in self._lost if lost not in over]
        self.waits = bool(self._lost)
        return [(call, self._died(call, code)) for lost in over for call in lost.calls]

    def drain(self) -> list[Call]:
        """Take out all calls: the client is closed."""
        calls = [call for lost in self._lost for call in lost.calls]
        self._lost, self.waits = [], False
        return calls

    def absence(self, call: Call, why: OSError) -> CommandError:
        """Return the error of a call whose service cannot be reached."""
        code = self._exit_code()
        if code is not None:
            return self._died(call, code)
        return ServiceUnavailableError(
            f"no service {self._service!r} answers at {self._path}: {why.strerror}; is it running?",
            service=self._service,
            command=call.command,
        )

    def _died(self, call: Call, code: int | None) -> CommandError:
        stated = "unknown" if code is None else str(code)
        return ServiceDiedError(
            f"service {self._service!r} ended (exit code {stated}) before it answered {call.command}",
            service=self._service,
            command=call.command,
            exit_code=code,
        )
