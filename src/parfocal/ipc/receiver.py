"""The receiver thread of a client. It uses the connection; while it sleeps, a caller may send in its place.

::

    caller ── Receiver.request ─────────────── while it sleeps ───────────────┐
                        └────> inbox ──> receiver thread ── Connection ──> service
    caller <──── Call.settle ────────── receiver thread <── Connection ─── service
                       callbacks, listeners ──> callback thread

No thread waits for another to send: where somebody else uses the connection, or something waits to be sent
before, it is put into the inbox. The main thread of a program always does that: it alone is met by Ctrl-C,
which so leaves nothing half done.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import secrets
import select
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.clock import Clock
from parfocal.core.errors import (
    CancelledError,
    CommandError,
    DeadlineError,
    ProtocolError,
    ServiceUnavailableError,
)
from parfocal.core.messages import (
    Alive,
    Attach,
    Beat,
    Cancel,
    Interference,
    Introduction,
    LeaseLost,
    Progress,
    Reply,
    ToClient,
)
from parfocal.ipc import remote_errors
from parfocal.ipc.call import Call, Mux, MuxStatistics
from parfocal.ipc.callbacks import Callbacks
from parfocal.ipc.codec import Decoder, Part, encode
from parfocal.ipc.connection import Connection, WakeUpPipe, connect
from parfocal.ipc.lost_calls import LostCalls
from parfocal.ipc.output_lease import OutputLease

if TYPE_CHECKING:
    from parfocal.ipc.client import Client

_LOG = logging.getLogger(__name__)
_ALIVE = encode(Alive())
_CANCEL_WITHIN_NS = 5_000_000_000
_LATE_NS = 100_000_000  # after a deadline, for the service to say what became of the call
_NEVER_NS = 1 << 63
_UNKNOWN = "the service does not say what became of it; it may still run"


class ClientStatistics(MuxStatistics, frozen=True, kw_only=True):
    """What became of a client's calls, and what waits in it: each buffer in messages and in bytes.

    Attributes
    ----------
    unsent, unsent_bytes : int
        Messages that the service has not taken yet.
    progress, progress_bytes : int
        Progress reports that wait for the callback thread.
    progress_dropped : int
        Reports that listeners missed because too many waited; `Call.progress` has the latest all the same.
    """

    unsent: int
    unsent_bytes: int
    progress: int
    progress_bytes: int
    progress_dropped: int


class Receiver:
    """Sends and receives for one client, in a thread of its own.

    Parameters
    ----------
    endpoint, service : str
        Where the service takes commands, and its name.
    exit_code : callable or None
        Returns the exit code of the service's last process, None if it is not known (yet).
    introduction : Introduction
        What each connection begins with.
    clock : Clock
        Of the deadlines.

    Attributes
    ----------
    leases : dict of str to OutputLease
        What this client has leased, by output.
    claim : list of buffers or None
        The message by which it claims the service, sent again to one that was started again.
    on_interference : callable
        Called with what others do to the service while it is claimed.
    times_lost : int
        How often the connection to the service was lost.
    """

    def __init__(
        self,
        endpoint: str,
        service: str,
        exit_code: Callable[[], int | None] | None,
        introduction: Introduction,
        clock: Clock,
    ) -> None:
        self.service = service
        self._path = endpoint.removeprefix("ipc://")
        self._introduction = encode(introduction)
        self._clock = clock
        self._pid = os.getpid()
        self._prefix = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        self._inbox: deque[Callable[[], None]] = deque()
        self._using = threading.Lock()  # whoever holds it uses the connection and what is known of calls
        self._asleep = self._closing = self._ended = False
        self._wakes_ns = _NEVER_NS  # when the receiver thread wakes by itself
        self._wake_up = WakeUpPipe()
        self._poll = select.poll()
        self._poll.register(self._wake_up, select.POLLIN)
        self._mux: Mux[list[Call]] = Mux()
        self._decoder: Decoder[ToClient] = Decoder(ToClient)
        self._connection: Connection | None = None
        self._lost = LostCalls(service, self._path, exit_code)
        self._held_up: dict[str, str] = {}  # queued calls, with what runs in their lane
        self._callbacks = Callbacks(service)
        self.leases: dict[str, OutputLease] = {}
        self.times_lost = 0
        self.claim: list[Part] | None = None
        self.on_interference: Callable[[Interference], None] = lambda _: None
        self._thread = threading.Thread(target=self._run, name=f"client:{service}", daemon=True)
        self._thread.start()

    # --- any thread

    def new_call(self, command: str, returns: Any = Any, client: Client | None = None) -> Call:
        """Return a call with an id of its own, which keeps `client` open while it is held."""
        return Call(self, f"{self._prefix}-{next(self._numbers)}", self.service, command, returns, client)

    def request(self, call: Call, parts: list[Part], deadline_ns: int = 0) -> None:
        """Have a message sent, and `call` settled by its reply. Returns at once."""
        self.check_usable()
        if not self._send_here(call, parts, deadline_ns):
            self._post(partial(self._send, call, parts, deadline_ns))

    def attach(self, call: Call) -> None:
        """Have `call` settled by the reply to its id, whoever asked for it first. Returns at once."""
        self.check_usable()
        self._post(partial(self._attach, call))

    def cancel(self, call: Call, reason: str) -> Call:
        """Ask for the end of `call`; return the call for the answer: "queued", "running" or "finished"."""
        asked = self.new_call("cancel")
        deadline_ns = self._clock.monotonic_ns() + _CANCEL_WITHIN_NS
        self.request(asked, encode(Cancel(asked.id, call.id, reason)), deadline_ns)
        return asked

    def call_back(self, job: Callable[[], None]) -> None:
        """Have the callback thread run `job`; once the client is closed, this thread does, at once."""
        self._post(partial(self._callbacks.submit, job))

    def check_usable(self) -> None:
        """Raise `CancelledError` if the client is closed, `ServiceUnavailableError` in a fork."""
        if os.getpid() != self._pid:
            raise ServiceUnavailableError(
                f"the client of {self.service!r} belongs to process {self._pid}, and this is its fork "
                f"{os.getpid()}: attach to the rig, or make a client, in the process that uses it",
                service=self.service,
            )
        if self._closing:
            raise CancelledError(f"the client of {self.service!r} is closed", service=self.service)

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, or is just being."""
        return self._closing

    def statistics(self) -> ClientStatistics:
        """Return what became of the requests, and what waits."""
        connection = self._connection
        progress, progress_bytes = self._callbacks.waiting()
        return ClientStatistics(
            **msgspec.structs.asdict(self._mux.statistics()),
            unsent=connection.unsent if connection is not None else 0,
            unsent_bytes=connection.unsent_bytes if connection is not None else 0,
            progress=progress,
            progress_bytes=progress_bytes,
            progress_dropped=self._callbacks.dropped,
        )

    def close(self) -> None:
        """Fail what is open, run the last callbacks, let go of the connection. Idempotent."""
        if os.getpid() != self._pid:
            return
        self._closing = True
        self._wake_up.wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()
            self._callbacks.join()
            self._wake_up.close()

    def _post(self, job: Callable[[], None]) -> None:
        self._inbox.append(job)
        if self._asleep:
            self._wake_up.wake()
        if self._ended:
            self._run_inbox()

    def _send_here(self, call: Call, parts: list[Part], deadline_ns: int) -> bool:
        """Send a message in this thread while the receiver thread sleeps; return False if that can't be.

        That thread is woken only where it would sleep for too long. What was sent before goes first.
        """
        if threading.current_thread() is threading.main_thread() or not self._using.acquire(blocking=False):
            return False
        try:
            connection = self._connection
            if connection is None or connection.unsent or self._inbox or self._closing:
                return False
            connection.send(parts)
            if connection.refused:
                return False
            due_ns = deadline_ns + _LATE_NS if deadline_ns else 0
            self._mux.open(call.id, [call], due_ns)
            wakes_too_late = 0 < due_ns < self._wakes_ns or connection.unsent > 0
        finally:
            self._using.release()
        if wakes_too_late:
            self._wake_up.wake()
        return True

    # --- the receiver thread

    def _run(self) -> None:
        while not self._closing:
            try:
                with self._using:
                    self._run_inbox()
                    now_ns = self._clock.monotonic_ns()
                    self._expire(now_ns)
                    if self._lost.waits:
                        self._fail_lost(now_ns)
                    timeout_ms = self._time_to_sleep(now_ns)
                ready = self._sleep(timeout_ms)
                with self._using:
                    self._take_in(ready)
            except Exception:  # noqa: BLE001 (border of the thread: the calls that are open fail, others go on)
                _LOG.exception("the client of service %r goes on with a new connection", self.service)
                with self._using:
                    self._drop()
        with self._using:
            self._end()

    def _run_inbox(self) -> None:
        while self._inbox:
            try:
                job = self._inbox.popleft()
            except IndexError:  # closed: several threads find it so
                return
            job()

    def _time_to_sleep(self, now_ns: int) -> int | None:
        """Return how long nothing is to be done, milliseconds; None for ever.

        It wakes when it meant to, also if no call waits for that any more: so calls that come one after the
        other, with limits that are alike, need not wake it each.
        """
        due_ns = self._lost.next_look_ns(now_ns) if self._lost.waits else self._mux.next_deadline_ns()
        if due_ns is None and now_ns < self._wakes_ns < _NEVER_NS:
            due_ns = self._wakes_ns
        self._wakes_ns = _NEVER_NS if due_ns is None else due_ns
        if self._connection is not None and self._connection.waits_for_room:
            self._poll.modify(self._connection, select.POLLIN | select.POLLOUT)
        return None if due_ns is None else max(0, -(-(due_ns - now_ns) // 1_000_000))

    def _sleep(self, timeout_ms: int | None) -> list[tuple[int, int]]:
        """Sleep until something arrives, a job comes or a time is up; return what is ready."""
        self._asleep = True
        ready = self._poll.poll(0 if self._inbox or self._closing else timeout_ms)
        self._asleep = False
        return ready

    def _take_in(self, ready: list[tuple[int, int]]) -> None:
        """Receive what has arrived."""
        for descriptor, events in ready:
            if descriptor == self._wake_up.fileno():
                self._run_inbox()  # first: the clearing may have to wait for the thread that filled it
                self._wake_up.clear()
            elif self._connection is not None:
                self._receive(self._connection, events)

    def _receive(self, connection: Connection, events: int) -> None:
        if events & select.POLLOUT:
            self._poll.modify(connection, select.POLLIN)
            connection.flush()
        try:
            for parts in connection.receive():
                self._handle(connection, parts)
        except ProtocolError as error:
            _LOG.warning("service %r sent %s", self.service, error)
        if connection.lost:
            self._drop()

    def _handle(self, connection: Connection, parts: Sequence[Any]) -> None:
        message = self._decode(parts)
        if isinstance(message, Reply):
            failure = remote_errors.revive(message.error) if message.error else None
            self._settle(self._mux.settle(message.id) or (), message.value, failure, message.kind)
        elif isinstance(message, Progress):
            for call in self._mux.get(message.id) or ():
                call.progress = message
                if call.has_listeners:
                    self._callbacks.report_progress(call, message, sum(map(len, parts)))
        elif isinstance(message, Beat):
            self._held_up = message.held_up
            connection.send(_ALIVE)
        elif isinstance(message, LeaseLost) and message.output in self.leases:
            self.leases[message.output].lose(message.reason)
        elif isinstance(message, Interference):
            self._callbacks.submit(partial(_tell, self.on_interference, message))

    def _decode(self, parts: Sequence[Any]) -> ToClient | None:
        """Return the message; the error of its call in place of a reply that cannot be read."""
        try:
            return self._decoder.decode(parts)
        except ProtocolError as error:
            _LOG.warning("service %r sent %s", self.service, error)
            return remote_errors.unreadable_reply(parts[0], error, self.service)

    def _send(self, call: Call, parts: list[Part], deadline_ns: int) -> None:
        try:
            if call.withdrawn or self._ended:
                raise CancelledError(f"{self.service}.{call.command} was cancelled before it was sent")
            if self._connection is None:
                self._connection = self._connect()
            if not self._connection.has_room(parts):
                raise ServiceUnavailableError(
                    f"service {self.service!r} does not read: {self._connection.unsent} messages of "
                    f"{self._connection.unsent_bytes / 2**20:.1f} MiB wait for it already"
                )
            self._connection.send(parts)
            if self._connection.refused:
                self._send_to_next(self._connection, parts)
        except CommandError as error:
            error.service, error.command = self.service, call.command
            self._settle([call], None, error)
        except OSError as error:
            self._settle([call], None, self._lost.absence(call, error))
        else:
            self._mux.open(call.id, [call], deadline_ns + _LATE_NS if deadline_ns else 0)

    def _send_to_next(self, ended: Connection, parts: list[Part]) -> None:
        """Send a message to the service that is there after one whose end only this message has shown.

        If none is, its call is lost with those that were sent before.
        """
        with contextlib.suppress(OSError):
            connection = self._connect()
            while not ended.lost:
                self._receive(ended, select.POLLIN)
            self._connection = connection
            connection.send(parts)

    def _connect(self) -> Connection:
        """Return a connection to the service that knows who this is, and what it claims."""
        connection = connect(self._path)
        self._poll.register(connection, select.POLLIN)
        connection.send(self._introduction)
        if self.claim is not None:
            connection.send(self.claim)
        return connection

    def _attach(self, call: Call) -> None:
        known = self._mux.get(call.id)
        if known is not None:
            known.append(call)
        else:
            self._send(call, encode(Attach(call.id)), 0)

    def _settle(self, calls: Iterable[Call], value: Any, error: CommandError | None, kind: str = "") -> None:
        now_ns = self._clock.monotonic_ns()
        for call in calls:
            call.settle(value, error, kind, now_ns)
            if call.has_listeners:
                self._callbacks.submit(call.run_callbacks)

    def _expire(self, now_ns: int) -> None:
        for calls in self._mux.expire(now_ns):
            for call in calls:
                before = self._held_up.get(call.id)
                what = f"it was queued behind {before}, and will not run" if before else _UNKNOWN
                late = f"{self.service}.{call.command} gave no result before its deadline: {what}"
                self._settle([call], None, DeadlineError(late, service=self.service, command=call.command))

    def _drop(self) -> None:
        """Let go of the connection; its calls fail as soon as it is known how the service ended."""
        if self._connection is not None:
            self._poll.unregister(self._connection)
            self._connection.close()
            self._connection = None
            self.times_lost += 1
        self._held_up = {}
        for lease in list(self.leases.values()):
            lease.lose("the connection to the service was lost")
        calls = [call for calls in self._mux.drain() for call in calls]
        self._lost.add(calls, self._clock.monotonic_ns())

    def _fail_lost(self, now_ns: int) -> None:
        for call, error in self._lost.take_failed(now_ns):
            self._settle([call], None, error)

    def _end(self) -> None:
        """Send what was asked for before, then fail what is open; what comes later fails in its thread."""
        self._run_inbox()  # a cancel, above all: the service would else learn only that the client is gone
        closed = CancelledError("the client was closed", service=self.service)
        for calls in [*self._mux.drain(), self._lost.drain()]:
            self._settle(calls, None, closed)
        self._callbacks.end()
        self._ended = True
        self._run_inbox()
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _tell(heard: Callable[[Interference], None], what: Interference) -> None:
    """Tell who claims of an interference: one who raises keeps nobody else's callbacks waiting."""
    try:
        heard(what)
    except Exception:  # noqa: BLE001 (border of a callback: logged, and the others go on)
        _LOG.exception("%s failed to hear of %s", heard, what.command)
