"""The serving end: the thread of the main lane receives, every lane answers for itself.

::

    clients ──> ROUTER ──(Reception)──> Desk ──> lane "main", in the same thread ─┐
                  ^                      └─────> lane "slow", in its own         ─┤
                  └────────────────(under the desk's lock)────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import zmq

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import BadInputError
from parfocal.core.files import private_folder
from parfocal.core.reminder import Reminder
from parfocal.ipc.bell import Bell
from parfocal.ipc.codec import Part
from parfocal.ipc.commands import MAIN, CommandTable
from parfocal.ipc.desk import Desk, ServerStatistics
from parfocal.ipc.endpoints import command_endpoint, is_served, notice_endpoint
from parfocal.ipc.lanes import LaneExecutor, Lanes
from parfocal.ipc.publisher import Publisher
from parfocal.ipc.reception import Reception
from parfocal.ipc.waiting import descriptor, has_arrived, receive, send, wait_readable

_BATCH = 64  # messages taken in before lanes get their turn to answer
_BEAT_MS = 500
_UNREAD_LIMIT = 20_000  # messages kept for one client that does not read
_LINGER_MS = 500


class Server:
    """Serves a table of commands at an endpoint.

    Parameters
    ----------
    table : CommandTable
        What can be asked; of an object, not of a class.
    folder : Path
        Holds the sockets; must belong to this user alone.
    service : str
        The name that clients use.
    hello : dict, optional
        What ``hello`` answers beyond name, process and versions: plain values.
    executors : mapping of str to LaneExecutor
        Who runs the jobs of a lane, for lanes that are not to get a thread of their own.

    Notes
    -----
    Calls of one lane run in order, in one thread; lanes run at once. ``ping``, ``hello``, ``commands`` and
    cancelling are answered by whoever receives and overtake everything.
    """

    def __init__(
        self,
        table: CommandTable,
        folder: Path,
        service: str,
        *,
        hello: dict[str, Any] | None = None,
        executors: Mapping[str, LaneExecutor] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._folder = folder
        self._service = service
        self._commands_at = command_endpoint(folder, service)
        self._notices_at = notice_endpoint(folder, service)
        self._reception = Reception(service, self._receive, self._wake)
        self._lanes = Lanes(service, {MAIN: self._reception, **(executors or {})})
        self._desk = Desk(
            table, self._lanes, service, hello or {}, self._post, self._reception.expect_lasting, clock
        )
        self._clock = clock
        self._sleeping = False
        self._started = self._stopping = False
        self._beat_due_ns = 0

    def start(self) -> None:
        """Begin to serve; returns when clients can connect.

        Raises
        ------
        BadInputError
            If a living process serves this name in this folder already.
        PermissionError
            If the folder is another user's, or open to others.
        """
        private_folder(self._folder)
        if is_served(self._commands_at):
            raise BadInputError(f"service {self._service!r} is served already at {self._commands_at}")
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.set(zmq.ROUTER_MANDATORY, 1)
        self._router.set(zmq.SNDHWM, _UNREAD_LIMIT)
        self._router.set(zmq.RCVHWM, _UNREAD_LIMIT)
        self._router.set(zmq.LINGER, _LINGER_MS)
        self._router.bind(self._commands_at)
        self._bell = Bell()
        self._waited_for = (descriptor(self._router), self._bell.fileno())
        self._publisher = Publisher(
            self._context, self._notices_at, self._service, self._desk.hello.epoch, self._clock
        )
        self._reception.start()
        self._started = True
        self._reminder = Reminder(self, f"the server of service {self._service!r}")

    def publish(self, topic: str, payload: Any = None) -> None:
        """Send a notice to whoever subscribed. Any thread; never blocks."""
        self._publisher.publish(topic, payload)

    def statistics(self) -> ServerStatistics:
        """Return what it did so far and what it holds."""
        return self._desk.statistics()

    def close(self, grace_s: float = 1.0) -> tuple[str, ...]:
        """End all calls, answer every one of them, and stop serving. Idempotent.

        Queued calls are cancelled, running ones asked to end; those that have not after `grace_s` are
        answered with an error, and their thread is left behind.

        Returns
        -------
        tuple of str
            The commands that are left behind: they still run, and nobody can stop them.
        """
        if self._stopping or not self._started:
            return ()
        self._reminder.cancel()
        with self._desk.lock:
            self._desk.cancel_all()
        self._lanes.close(grace_s)
        self._reception.drain(grace_s)
        with self._desk.lock:
            left_behind = self._desk.abandon_all()
            self._stopping = True
        self._reception.stop()
        with self._desk.lock:
            self._router.close()
        self._publisher.close()
        self._bell.close()
        self._context.term()
        return left_behind

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wake(self) -> None:
        self._bell.ring()

    def _receive(self, until: Callable[[], bool]) -> None:
        """Handle what arrives, until something is true."""
        while True:
            with self._desk.lock:
                if self._stopping:
                    return
                self._sleeping = False
                if self._desk.busy:
                    self._beat()
                more = self._take_in()
                if until():
                    return
                self._sleeping = not more
                busy = self._desk.busy
            if more:
                continue
            if self._bell.fileno() in wait_readable(self._waited_for, _BEAT_MS if busy else -1):
                self._bell.hush()

    def _beat(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._beat_due_ns:
            self._desk.beat(_BEAT_MS * 1_000_000)
            self._beat_due_ns = now_ns + _BEAT_MS * 1_000_000

    def _take_in(self) -> bool:
        """Handle what has arrived; return whether there may be more."""
        for _ in range(_BATCH):
            if not has_arrived(self._router):
                return False
            client = self._router.recv(zmq.NOBLOCK)
            self._desk.handle(client, receive(self._router))
        return True

    def _post(self, client: bytes, parts: Sequence[Part]) -> bool:
        if self._router.closed:
            return False
        try:
            send(self._router, [client, *parts])
        except zmq.ZMQError:  # the client is gone (EHOSTUNREACH), or reads nothing (EAGAIN)
            return False
        if self._sleeping and has_arrived(self._router):
            self._sleeping = False  # sending took the signal that something has arrived: pass it on
            self._bell.ring()
        return True
