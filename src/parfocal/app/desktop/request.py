"""What a window has asked of a service, and what became of it so far. Any thread; without Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from parfocal.core.errors import CancelledError, CommandError, message_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.ipc import Call

RequestState = Literal["pending", "done", "failed", "cancelled"]


class Request:
    """A command that was asked for. Nothing here waits.

    Parameters
    ----------
    service, command : str
        Whom, and what.
    arguments : dict
        What it was given.

    Attributes
    ----------
    result : Any
        What the command returned, once the state is "done".
    error : CommandError or None
        Why there is no result, once the state is "failed" or "cancelled".
    """

    def __init__(self, service: str, command: str, arguments: dict[str, Any]) -> None:
        self.service = service
        self.command = command
        self.arguments = arguments
        self.result: Any = None
        self.error: CommandError | None = None
        self._call: Call | None = None
        self._ended = False
        self._then: list[Callable[[Request], object]] = []

    def __repr__(self) -> str:
        return f"<Request of {self.service}.{self.command}: {self.state}>"

    @property
    def state(self) -> RequestState:
        """How it is: "pending", "done", "failed" or "cancelled"."""
        if not self._ended:
            return "pending"
        if self.error is None:
            return "done"
        return "cancelled" if isinstance(self.error, CancelledError) else "failed"

    @property
    def fraction(self) -> float | None:
        """How far it is, 0 to 1; None if the command does not tell."""
        progress = None if self._call is None else self._call.progress
        return None if progress is None else progress.fraction

    @property
    def text(self) -> str:
        """What the command says it is doing; of one that has failed, why."""
        if self.error is not None:
            return message_of(self.error)
        progress = None if self._call is None else self._call.progress
        return "" if progress is None else progress.text

    def cancel(self, reason: str = "from the desktop") -> None:
        """Ask for its end; the state tells when it has come."""
        if self._call is not None:
            self._call.cancel_soon(reason)

    def then(self, function: Callable[[Request], object]) -> Request:
        """Have `function` called with this once it has ended, in the thread of the window; returns this."""
        self._then.append(function)
        return self

    # --- for the session

    def begin(self, call: Call, ended: Callable[[Request], None]) -> None:
        """Follow a call; `ended` is called with this in a thread of the client when it has ended."""
        self._call = call
        call.add_done_callback(lambda call: self._end(call, ended))

    def fail(self, error: CommandError) -> None:
        """Take note that it could not be asked at all."""
        self.error, self._ended = error, True

    def tell(self) -> None:
        """Call those who wait for the end, each once. In the thread of the window."""
        while self._then:
            self._then.pop(0)(self)

    def _end(self, call: Call, ended: Callable[[Request], None]) -> None:
        self.error = call.exception()
        self.result = None if self.error is not None else call.result()
        self._ended = True
        ended(self)
