"""A call that was made: its progress, its result, and the means to end it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from parfocal.core.errors import DeadlineError, ProtocolError
from parfocal.ipc.convert import from_plain
from parfocal.ipc.results import Declared, result_type

if TYPE_CHECKING:
    from parfocal.core.errors import CommandError
    from parfocal.core.messages import Progress

_LOG = logging.getLogger(__name__)


class CallHome(Protocol):
    """What a call needs of the client that made it."""

    def wait(self, call: Call, timeout_s: float | None) -> bool:
        """Block until the call is done; False if `timeout_s` passed first."""
        ...

    def cancel(self, call: Call, reason: str) -> str:
        """Cancel the call; return its phase."""
        ...

    def cancel_soon(self, call: Call, reason: str) -> None:
        """Cancel the call without waiting for the answer."""
        ...

    def run_callback(self, function: Callable[[], None]) -> None:
        """Have the client's own thread run a callback."""
        ...


class Call:
    """A call in flight, or done. Any thread may use it; `await` gives its result.

    Attributes
    ----------
    id : str
        Names it everywhere: another client can `attach_call` to it.
    service, command : str
        Whom, and what.
    progress : Progress or None
        The latest; its ``fraction``, ``text`` and ``data``.
    """

    def __init__(self, home: CallHome, id: str, service: str, command: str, returns: Any = Any) -> None:
        self.id = id
        self.service = service
        self.command = command
        self.progress: Progress | None = None
        self._home = home
        self._returns = returns
        self._settled = False
        self._value: Any = None
        self._error: CommandError | None = None
        self._callbacks: list[Callable[[Call], None]] = []
        self._listeners: list[Callable[[Progress], None]] = []

    def __repr__(self) -> str:
        state = "waiting" if not self._settled else "failed" if self._error else "done"
        return f"<Call {self.id} of {self.service}.{self.command}: {state}>"

    def done(self) -> bool:
        """Whether it has a result or an error."""
        return self._settled

    def result(self, timeout_s: float | None = None) -> Any:
        """Block for the result.

        Raises
        ------
        CommandError
            Of the kind that tells why there is none. `DeadlineError` with "still waiting" in it means that
            `timeout_s` passed; the call goes on, and `result` may be asked again.
        """
        error = self.exception(timeout_s)
        if error is not None:
            raise error
        return self._value

    def exception(self, timeout_s: float | None = None) -> CommandError | None:
        """Block for the end; return its error, None if it has a result. Raises like `result` on a timeout."""
        if not self._settled and not self._home.wait(self, timeout_s):
            raise DeadlineError(
                f"still waiting for {self.service}.{self.command} after {timeout_s} s; the call goes on",
                service=self.service,
                command=self.command,
            )
        return self._error

    def cancel(self, reason: str = "") -> str:
        """End it; return whether it was "queued", "running" or "finished" then.

        A queued call never runs. A running one ends when its command looks: `result` tells how.
        """
        if self._settled:
            return "finished"
        return self._home.cancel(self, reason)

    def cancel_soon(self, reason: str = "") -> None:
        """End it as `cancel` does, without waiting for the answer: for threads that must not block."""
        if not self._settled:
            self._home.cancel_soon(self, reason)

    def add_done_callback(self, function: Callable[[Call], None]) -> None:
        """Have `function` called with this call once it is done, from the client's own thread."""
        self._callbacks.append(function)
        self._home.run_callback(self.run_callbacks)

    def on_progress(self, function: Callable[[Progress], None]) -> None:
        """Have `function` called with each progress from now on, from the client's own thread."""
        self._listeners.append(function)

    def __await__(self) -> Generator[Any, None, Any]:
        loop = asyncio.get_running_loop()
        finished = loop.create_future()

        def finish() -> None:
            if not finished.done():
                finished.set_result(None)

        def tell(_: Call) -> None:
            loop.call_soon_threadsafe(finish)

        self.add_done_callback(tell)
        try:
            yield from finished
        except asyncio.CancelledError:
            self._home.cancel_soon(self, "the task that awaited it was cancelled")
            raise
        return self.result()

    def settle(self, value: Any, error: CommandError | None, kind: str = "") -> None:
        """End the call; `kind` is what its command declares. For its client, once, under its lock."""
        returns = result_type(kind) if self._returns is Declared else self._returns
        if error is None and returns is not Any:
            try:
                value = msgspec.convert(value, returns, dec_hook=from_plain)
            except msgspec.ValidationError as wrong:
                value, error = (
                    None,
                    ProtocolError(f"{self.service}.{self.command} returned something else: {wrong}"),
                )
        self._value, self._error = value, error
        self._settled = True

    @property
    def has_listeners(self) -> bool:
        """Whether anybody wants to be called about it."""
        return bool(self._callbacks or self._listeners)

    def run_callbacks(self) -> None:
        """Call those that wait for the end, each once, if it has come. For the client's own thread."""
        while self._settled and self._callbacks:
            self._run(self._callbacks.pop(0), self)

    def run_listeners(self, progress: Progress) -> None:
        """Call those that want progress. For the client's own thread."""
        for function in list(self._listeners):
            self._run(function, progress)

    def _run(self, function: Callable[[Any], None], told: Any) -> None:
        try:
            function(told)
        except Exception:  # noqa: BLE001 - the border of a callback
            _LOG.exception("a callback of %r failed", self)
