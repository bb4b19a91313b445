"""Calls out, replies in. Of the threads that wait for replies, one receives for all of them.

::

    thread A: call() ── sends, then receives for everybody ──┐  once A has its reply, it leaves the receiving
    thread B: call() ── sends, then waits at its gate  <─────┤  to B; calls that no thread waits for are
    submit()         ── sends; the client's own thread <─────┘  received by the client's own thread

A blocking call needs no other thread: no hop, no wake-up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Container
from typing import Any

from parfocal.core.clock import Clock
from parfocal.core.errors import (
    CancelledError,
    CommandError,
    DeadlineError,
    ProtocolError,
    ServiceDiedError,
    ServiceUnavailableError,
)
from parfocal.core.messages import Progress, Reply, ToClient
from parfocal.ipc import faults
from parfocal.ipc.bell import Bell
from parfocal.ipc.call import Call
from parfocal.ipc.codec import Decoder, encode
from parfocal.ipc.connection import Connection
from parfocal.ipc.gate import Gate
from parfocal.ipc.mux import Mux, MuxStatistics
from parfocal.ipc.waiting import wait_readable

_LOG = logging.getLogger(__name__)
_AUTOPSY_S = 0.3  # how long to wait for the exit code of a service that has just gone
_FOREVER_NS = 2**62


class Exchange:
    """The calls of one client, its connection, and whoever receives. Thread-safe."""

    def __init__(
        self, endpoint: str, service: str, death: Callable[[], int | None] | None, clock: Clock
    ) -> None:
        self._endpoint = endpoint
        self._service = service
        self._death = death
        self._clock = clock
        self._lock = threading.Lock()
        self._mux: Mux[Call] = Mux()
        self._decoder: Decoder[ToClient] = Decoder(ToClient)
        self._connection: Connection | None = None
        self._bell = Bell()
        self._gates: list[Gate] = []
        self._receiving = False
        self._asleep_until_ns = 0
        self._errands: deque[Callable[[], None]] = deque()
        self._wanted = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._closed = False

    def get(self, id: str) -> Call | None:
        """Return the call that waits under `id`."""
        with self._lock:
            return self._mux.get(id)

    def statistics(self) -> MuxStatistics:
        """Return what became of the calls."""
        with self._lock:
            return self._mux.statistics()

    def send(self, call: Call, message: Any, deadline_ns: int = 0) -> None:
        """Send a message, and expect the reply for `call`. Never blocks."""
        parts = encode(message)
        dead: Connection | None = None
        casualties: list[Call] = []
        with self._lock:
            if self._closed:
                raise CancelledError(f"the client of {self._service!r} is closed", service=self._service)
            if self._connection is None or (not self._receiving and self._connection.is_lost()):
                dead, casualties = self._connection, self._mux.drain()
                self._connect()
            if self._connection is None or not self._connection.send(parts):
                raise ServiceUnavailableError(
                    f"service {self._service!r} does not read: too many messages wait for it",
                    service=self._service,
                    command=call.command,
                )
            self._mux.open(call.id, call, deadline_ns)
            sooner = deadline_ns and deadline_ns < self._asleep_until_ns
            if sooner or (self._asleep_until_ns and self._connection.has_arrived()):
                self._wake()  # sending took the signal that something has arrived: pass it on
        if dead is not None:
            self._bury(dead, casualties)

    def attend(self) -> None:
        """Have the client's own thread receive, unless somebody does."""
        with self._wanted:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(
                    target=self._work, name=f"client:{self._service}", daemon=True
                )
                self._thread.start()
            elif not self._receiving:
                self._wanted.notify()

    def later(self, errand: Callable[[], None]) -> None:
        """Have the client's own thread run something."""
        with self._lock:
            self._errands.append(errand)
            self._wake()
        self.attend()

    def wait(self, call: Call, timeout_s: float | None) -> bool:
        """Block until the call is done; False if `timeout_s` passed first."""
        limit_ns = _FOREVER_NS
        if timeout_s is not None:
            limit_ns = self._clock.monotonic_ns() + int(timeout_s * 1e9)
        with self._lock:
            if call.done():
                return True
            gate = Gate(call) if self._receiving else None
            self._receiving = True
            if gate is not None:
                self._gates.append(gate)
        if gate is None or self._pass(gate, timeout_s):
            self._receive(call.done, limit_ns)
        return call.done()

    def close(self) -> None:
        """Fail what is open, end the thread, let go of the connection. Idempotent."""
        with self._wanted:
            if self._closed:
                return
            self._closed = True
            for call in self._mux.drain():
                self._settle(call, None, CancelledError("the client was closed", service=self._service))
            self._wanted.notify()
            self._wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        with self._wanted:
            self._wanted.wait_for(lambda: not self._receiving, 1.0)
            if self._connection is not None:
                self._connection.close()
            self._bell.close()

    def _connect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = Connection(self._endpoint)
        self._wake()

    def _wake(self) -> None:
        """Have the receiving thread look again, if it sleeps."""
        if self._asleep_until_ns:
            self._asleep_until_ns = 0
            self._bell.ring()

    def _pass(self, gate: Gate, timeout_s: float | None) -> bool:
        """Wait at a gate; return whether this thread is to receive now."""
        try:
            gate.wait(timeout_s)
        except BaseException:
            with self._lock:
                self._gates.remove(gate)
                if gate.receives:
                    self._hand_over()
            raise
        with self._lock:
            self._gates.remove(gate)
            return gate.receives

    def _receive(self, until: Callable[[], bool], limit_ns: int) -> None:
        """Receive for everybody until something is true, or the time is up."""
        ready: Container[int] = ()
        try:
            while True:
                with self._lock:
                    now_ns = self._clock.monotonic_ns()
                    self._asleep_until_ns = 0
                    dead, casualties = self._take_in(now_ns, ready, until)
                    if (until() or self._closed or now_ns >= limit_ns) and dead is None:
                        return
                    wake_ns = min(limit_ns, self._mux.next_deadline_ns() or _FOREVER_NS)
                    self._asleep_until_ns = wake_ns
                    connection = self._connection
                    descriptors = connection.descriptors if connection is not None else ()
                if dead is not None:
                    self._bury(dead, casualties)
                    continue
                ready = self._sleep(descriptors, wake_ns - now_ns)
        finally:
            with self._lock:
                self._hand_over()

    def _sleep(self, descriptors: tuple[int, ...], sleep_ns: int) -> Container[int]:
        bell = self._bell.fileno()
        timeout_ms = -1 if sleep_ns > _FOREVER_NS // 2 else -(-sleep_ns // 1_000_000)
        ready = wait_readable((*descriptors, bell), timeout_ms)
        if bell in ready:
            self._bell.hush()
        return ready

    def _hand_over(self) -> None:
        self._receiving = False
        self._asleep_until_ns = 0
        if self._gates:
            gate = next((gate for gate in self._gates if not gate.call.done()), self._gates[0])
            gate.receives = self._receiving = True
            gate.open()
        elif len(self._mux) or self._errands or self._closed:
            self._wanted.notify_all()

    def _take_in(
        self, now_ns: int, ready: Container[int], until: Callable[[], bool]
    ) -> tuple[Connection | None, list[Call]]:
        """Handle what has arrived; return the connection, if it is lost, and the calls that go with it.

        Stops early when `until` is true; whoever receives next begins where this ended.
        """
        connection = self._connection
        lost = connection is not None and connection.has_news(ready) and connection.is_lost()
        while connection is not None and connection.has_arrived():  # after asking: what came before is read
            self._handle(connection.receive())
            if not lost and until():
                return None, []
        for call in self._mux.expire(now_ns):
            late = f"{self._service}.{call.command} gave no result before its deadline"
            self._settle(call, None, DeadlineError(late, service=self._service, command=call.command))
        if not lost or connection is None:
            return None, []
        connection.close()
        self._connection = None
        return connection, self._mux.drain()

    def _handle(self, parts: list[Any]) -> None:
        try:
            message = self._decoder.decode(parts)
        except ProtocolError as error:
            _LOG.warning("service %r sent %s", self._service, error)
            return
        if isinstance(message, Reply):
            call = self._mux.settle(message.id)
            if call is not None:
                failure = faults.revive(message.error) if message.error else None
                self._settle(call, message.value, failure, message.kind)
        elif isinstance(message, Progress):
            call = self._mux.get(message.id)
            if call is not None:
                call.progress = message
                if call.has_listeners:
                    self._errands.append(lambda: call.run_listeners(message))
                    self._wanted.notify_all()

    def _settle(self, call: Call, value: Any, error: CommandError | None, kind: str = "") -> None:
        call.settle(value, error, kind)
        if call.has_listeners:
            self._errands.append(call.run_callbacks)
            self._wanted.notify_all()
        for gate in self._gates:
            if gate.call is call:
                gate.open()

    def _bury(self, connection: Connection, casualties: list[Call]) -> None:
        """Fail the calls that a lost connection takes along, telling what became of the service."""
        if not casualties:
            return
        code = self._exit_code(0.0 if not connection.established else _AUTOPSY_S)
        with self._lock:
            for call in casualties:
                self._settle(call, None, self._obituary(call, connection.established, code))

    def _obituary(self, call: Call, established: bool, code: int | None) -> CommandError:
        if established or code is not None:
            told = "unknown" if code is None else str(code)
            return ServiceDiedError(
                f"service {self._service!r} ended (exit code {told}) before it answered {call.command}",
                service=self._service,
                command=call.command,
                exit_code=code,
            )
        return ServiceUnavailableError(
            f"no service {self._service!r} answers at {self._endpoint}; is it running?",
            service=self._service,
            command=call.command,
        )

    def _exit_code(self, patience_s: float) -> int | None:
        if self._death is None:
            return None
        give_up_ns = self._clock.monotonic_ns() + int(patience_s * 1e9)
        while (code := self._death()) is None and self._clock.monotonic_ns() < give_up_ns:
            time.sleep(0.01)
        return code

    def _work(self) -> None:
        """Receive for calls that nobody waits for, and run callbacks: the client's own thread."""
        while True:
            errand: Callable[[], None] | None = None
            with self._wanted:
                while not (self._closed or self._errands or (len(self._mux) and not self._receiving)):
                    self._wanted.wait()
                if self._errands:
                    errand = self._errands.popleft()
                elif self._closed:
                    return
                else:
                    self._receiving = True
            if errand is None:
                self._receive(lambda: bool(self._errands) or not len(self._mux), _FOREVER_NS)
            else:
                errand()
