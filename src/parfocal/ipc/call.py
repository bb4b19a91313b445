"""Calls of a client: the handle that a program has of one, and the table of those that wait for an answer."""

from __future__ import annotations

import contextlib
import heapq
import logging
import math
import threading
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from parfocal.core.errors import BadInputError, CancelledError, CommandError, DeadlineError, ProtocolError
from parfocal.core.known_types import known
from parfocal.ipc.convert import from_plain
from parfocal.ipc.results import Declared, result_type

if TYPE_CHECKING:
    from parfocal.core.messages import Progress
    from parfocal.ipc.client import Client
    from parfocal.ipc.receiver import Receiver

_LOG = logging.getLogger(__name__)
_EVER_S = 1e9
T = TypeVar("T")


def seconds(timeout_s: float | None) -> float | None:
    """Return how long to wait: not below 0; None for ever, also if it is infinite or above 30 years.

    Examples
    --------
    >>> seconds(2.5), seconds(-1), seconds(float("inf")), seconds(None)
    (2.5, 0.0, None, None)
    """
    if timeout_s is None:
        return None
    try:
        limit_s = float(timeout_s)
    except (TypeError, ValueError, OverflowError):
        limit_s = math.nan
    if math.isnan(limit_s):
        raise BadInputError(f"timeout_s must be a number of seconds or None, not {timeout_s!r}")
    return None if limit_s > _EVER_S else max(0.0, limit_s)


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
    withdrawn : bool
        Whether it is not to be sent any more.
    ended_ns : int
        When its end was known here, nanoseconds of the client's clock; 0 before.
    """

    def __init__(
        self,
        receiver: Receiver,
        id: str,
        service: str,
        command: str,
        returns: Any = Any,
        client: Client | None = None,
    ) -> None:
        self.id = id
        self.service = service
        self.command = command
        self.progress: Progress | None = None
        self.withdrawn = False
        self.ended_ns = 0
        self._receiver = receiver
        self._client = client  # not collected, and so not closed, while the call is held
        self._returns = returns
        self._settled = False
        self._reply: tuple[Any, str] | None = None  # a value that was not asked for yet, and what it was
        self._value: Any = None
        self._error: CommandError | None = None
        self._waiters: list[Callable[[], None]] = []
        self._callbacks: list[Callable[[Call], None]] = []
        self._listeners: list[Callable[[Progress], None]] = []

    def __repr__(self) -> str:
        return f"<Call {self.id} of {self.service}.{self.command}: {self._state()}>"

    def _state(self) -> str:
        if not self._settled:
            return "waiting"
        if isinstance(self._error, CancelledError):
            return "cancelled"
        return "failed" if self._error else "done"

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
        if not self._settled and not self._wait(seconds(timeout_s)):
            raise DeadlineError(
                f"still waiting for {self.service}.{self.command} after {timeout_s} s; the call goes on",
                service=self.service,
                command=self.command,
            )
        reply = self._reply
        if reply is not None:
            self._convert(*reply)
        return self._error

    def cancel(self, reason: str = "") -> str:
        """End it; return whether it was "queued", "running" or "finished" then.

        A queued call never runs. A running one ends when its command looks: `result` tells how.
        """
        if self._settled:
            return "finished"
        return str(self._receiver.cancel(self, reason).result())

    def cancel_soon(self, reason: str = "") -> None:
        """End it as `cancel` does, without waiting for the answer: for threads that must not block."""
        if not self._settled:
            with contextlib.suppress(CommandError):
                self._receiver.cancel(self, reason)

    def withdraw(self, reason: str) -> None:
        """Have it not sent, if it is still here; cancel it if not."""
        self.withdrawn = True
        self.cancel_soon(reason)

    def add_done_callback(self, function: Callable[[Call], None]) -> None:
        """Have `function` called with this call once it is done, in the client's callback thread."""
        self._callbacks.append(function)
        if self._settled:
            self._receiver.call_back(self.run_callbacks)

    def on_progress(self, function: Callable[[Progress], None]) -> None:
        """Have `function` called with the latest progress, if there is any, then with each that comes.

        In the client's callback thread.
        """
        latest: Progress | None = None

        def listen(progress: Progress) -> None:
            nonlocal latest
            if progress is not latest:
                latest = progress
                function(progress)

        def begin(progress: Progress) -> None:
            if latest is None:  # else a later one came first
                listen(progress)

        self._listeners.append(listen)
        if (known := self.progress) is not None:
            self._receiver.call_back(partial(self._run, begin, known))

    def __await__(self) -> Generator[Any, None, Any]:
        import asyncio  # takes 3 MB, and few processes await

        loop = asyncio.get_running_loop()
        finished = loop.create_future()

        def finish() -> None:
            if not finished.done():
                finished.set_result(None)

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(finish)

        self._waiters.append(wake)
        if self._settled:  # perhaps just before
            finish()
        try:
            yield from finished
        except asyncio.CancelledError:
            self.cancel_soon("the task that awaited it was cancelled")
            raise
        return self.result()

    # --- for the client

    def settle(self, value: Any, error: CommandError | None, kind: str, now_ns: int) -> None:
        """End the call, once, and wake who waits; `kind` is what its command declares."""
        self.ended_ns = now_ns
        if error is None:
            self._reply = (value, kind)
        self._error = error
        self._settled = True
        for wake in self._waiters:
            wake()

    @property
    def has_listeners(self) -> bool:
        """Whether anybody wants to be called about it."""
        return bool(self._callbacks or self._listeners)

    def run_callbacks(self) -> None:
        """Call those that wait for the end, each once. In the callback thread."""
        while self._callbacks:
            self._run(self._callbacks.pop(0), self)

    def run_listeners(self, progress: Progress) -> None:
        """Call those that want progress. In the callback thread."""
        for function in list(self._listeners):
            self._run(function, progress)

    def _wait(self, timeout_s: float | None) -> bool:
        self._receiver.check_usable()
        gate = threading.Lock()
        gate.acquire()
        self._waiters.append(gate.release)
        if self._settled:  # perhaps before it could see the gate
            return True
        return gate.acquire(timeout=-1 if timeout_s is None else timeout_s) or self._settled

    def _convert(self, value: Any, kind: str) -> None:
        """Make the result what it is to be, in the thread that asks first. What that raises is the error."""
        try:
            returns = result_type(kind) if self._returns is Declared else self._returns
            if returns is not Any:
                known(returns)
                value = msgspec.convert(value, returns, dec_hook=from_plain)
        except (Exception, SystemExit) as wrong:  # noqa: BLE001 - the border of the result's own module
            what = "something else" if isinstance(wrong, msgspec.ValidationError) else f"an unusable {kind}"
            error = ProtocolError(f"{self.service}.{self.command} returned {what}: {wrong}")
            error.__cause__ = wrong
            self._error = error
        else:
            self._value = value
        self._reply = None

    def _run(self, function: Callable[[Any], None], stated: Any) -> None:
        try:
            function(stated)
        except Exception:  # noqa: BLE001 - the border of a callback
            _LOG.exception("a callback of %r failed", self)


class MuxStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the requests: ``opened == settled + expired + open``; `late` answers came too late."""

    opened: int
    settled: int
    expired: int
    late: int
    open: int


class Mux(Generic[T]):
    """The requests that wait for an answer.

    Each is taken out exactly once: answered, expired or given up. Whatever arrives for it afterwards is
    dropped and counted as late.

    Examples
    --------
    >>> mux = Mux()
    >>> mux.open("a-1", "one"), mux.open("a-2", "two", deadline_ns=50)
    (None, None)
    >>> mux.settle("a-1"), mux.expire(now_ns=60), mux.settle("a-2")
    ('one', ['two'], None)
    >>> mux.statistics().late
    1
    """

    def __init__(self) -> None:
        self._waiting: dict[str, T] = {}
        self._deadlines: list[tuple[int, str]] = []
        self._opened = self._settled = self._expired = self._late = 0

    def open(self, id: str, item: T, deadline_ns: int = 0) -> None:
        """Register a request under an id that nobody waits under; no deadline if 0."""
        self._waiting[id] = item
        self._opened += 1
        if deadline_ns:
            heapq.heappush(self._deadlines, (deadline_ns, id))

    def get(self, id: str) -> T | None:
        """Return the request that waits under `id`, which goes on waiting."""
        return self._waiting.get(id)

    def settle(self, id: str) -> T | None:
        """Take out the request that an answer belongs to; None, and counted, if nobody waits for it."""
        item = self._waiting.pop(id, None)
        if item is None:
            self._late += 1
        else:
            self._settled += 1
        return item

    def expire(self, now_ns: int) -> list[T]:
        """Take out all requests whose deadline has passed, the earliest first."""
        expired = []
        while self._deadlines and self._deadlines[0][0] <= now_ns:
            _, key = heapq.heappop(self._deadlines)
            if key in self._waiting:
                expired.append(self._waiting.pop(key))
        self._expired += len(expired)
        return expired

    def next_deadline_ns(self) -> int | None:
        """Return the earliest deadline among those that wait."""
        while self._deadlines and self._deadlines[0][1] not in self._waiting:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def drain(self) -> list[T]:
        """Take out all requests: whoever was to answer is gone."""
        items = list(self._waiting.values())
        self._waiting.clear()
        self._deadlines.clear()
        self._settled += len(items)
        return items

    def __len__(self) -> int:
        return len(self._waiting)

    def statistics(self) -> MuxStatistics:
        """Return the counts."""
        return MuxStatistics(
            opened=self._opened,
            settled=self._settled,
            expired=self._expired,
            late=self._late,
            open=len(self._waiting),
        )
